"""How the language model asks for masks: the mechanisms that the paper compares, one a file."""
