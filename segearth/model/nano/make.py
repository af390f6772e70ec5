"""Make nano's tokenizer out of the question generator's own words.

The nano recipe has to train without a network, so its tokenizer comes with the package. It is
a word-piece tokenizer whose pieces are counted, not trained: every word that occurs often
enough in questions about drawn scenes, and every letter and digit for all others. The same
seed gives the same file.

Run ``python -m segearth.model.nano.make`` after the generator has learnt new words. Models
that were trained before keep their own copy of the tokenizer.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from segearth.data.answers import SEG
from segearth.data.questions import ask
from segearth.data.scenes import draw_scene

SCENES = 600
QUESTIONS = 12  # of a scene
LEAST = 8  # rarer words are spelled
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_SIZE_PX = 128  # the words do not depend on it


def sentences(scenes: int = SCENES, seed: int = 0) -> Iterator[str]:
    """Ask drawn scenes; yields instructions and answers, without `[SEG]`."""
    for number in range(scenes):
        rng = np.random.default_rng((seed, number))
        scene = draw_scene(rng, _SIZE_PX)
        for question in ask(scene.objects, rng, QUESTIONS, absent=scene.absent, closed=True):
            yield question.instruction
            yield question.answer.replace(SEG, " ")


def vocabulary(scenes: int = SCENES, seed: int = 0) -> list[str]:
    """List the pieces: special tokens, characters, their continuations, words by frequency."""
    counts: Counter[str] = Counter()
    for sentence in sentences(scenes, seed):
        counts.update(re.findall(r"[a-z]{2,}|\d{2,}", sentence.lower()))
    characters = string.ascii_lowercase + string.digits
    words = sorted(
        (word for word, count in counts.items() if count >= LEAST),
        key=lambda word: (-counts[word], word),
    )
    return [
        *SPECIAL,
        *characters,
        *string.punctuation,
        *(f"##{character}" for character in characters),
        *words,
    ]


def write(folder: Path) -> int:
    """Write ``tokenizer.json`` and ``tokenizer_config.json``.

    Args:
        folder: Receives the files.

    Returns:
        The number of pieces.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pieces = {piece: index for index, piece in enumerate(vocabulary())}
    tokenizer = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        clean_up_tokenization_spaces=False,
    ).save_pretrained(str(folder))
    return len(pieces)


if __name__ == "__main__":
    write(Path(__file__).parent)
