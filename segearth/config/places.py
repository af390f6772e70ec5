"""What a recipe's words for weights mean: a shipped model, a path here, or a model of the hub."""

from __future__ import annotations

import re
from pathlib import Path

PICKLES = frozenset({".pkl", ".pickle", ".pth", ".pt", ".bin", ".ckpt"})
SHIPPED = Path(__file__).parent.parent / "weights"
"""A folder for each model that comes with the package."""
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def shipped_models() -> list[str]:
    """Name the models that come with the package, sorted."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/model.safetensors"))


def place_of(name: str | Path) -> Path:
    """Find a model by the name of a shipped one, or take the words as a path; it may not exist."""
    return SHIPPED / str(name) if str(name) in shipped_models() else Path(name)


def is_hub_name(name: str) -> bool:
    """Tell `owner/model` from a path: it has two parts, no weight suffix, and is no file here."""
    path = Path(name)
    suffix = path.suffix in PICKLES | {".safetensors"}
    return not path.exists() and not suffix and _HUB_NAME.fullmatch(name) is not None
