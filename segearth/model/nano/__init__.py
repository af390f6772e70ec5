"""The language of `recipes/nano.yaml`: a tokenizer of a few hundred words, and no weights.

`make.py` writes the files: ``python -m segearth.model.nano.make``.
"""
