"""What a recipe's words for weights mean: a path here, or a model of the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path

PICKLES = frozenset({".pkl", ".pickle", ".pth", ".pt", ".bin", ".ckpt"})
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def is_hub_name(name: str) -> bool:
    """Tell `owner/model` from a path: it has two parts, no weight suffix, and is no file here."""
    path = Path(name)
    suffix = path.suffix in PICKLES | {".safetensors"}
    return not path.exists() and not suffix and _HUB_NAME.fullmatch(name) is not None
