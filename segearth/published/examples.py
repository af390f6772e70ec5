"""A question of a benchmark as its files have it, before anybody knows whether it holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segearth.data.answers import mark
from segearth.data.rle import Rle
from segearth.published.report import Report

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Example:
    """An image with an instruction, an answer and masks."""

    id: str
    image: Path
    """The published file; it need not exist."""
    place: str
    """Where the image goes, below the new folder's `images`."""
    instruction: str
    answer: str
    masks: Sequence[Rle]
    granularity: str
    reasoning: str = "explicit"
    gsd_m: float | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


Read = Callable[[Report], Iterator[Example]]
"""Reads the examples of one split, and tells the report what it has to leave out."""


def answer_with(phrase: str) -> str:
    """Write an answer for a benchmark that has none: its one target and nothing else.

    Args:
        phrase: What the target is called. Marks of the answer grammar in it are dropped.
    """
    return f"It is {mark(clean_phrase(phrase))}."


BY_TEMPLATE = {"answer_by": "template"}
"""Goes into a record whose answer was not published but made by `answer_with`."""


def clean_phrase(text: str) -> str:
    """Take what the answer grammar uses for marks out of a phrase; "target" if nothing is left."""
    words = re.sub(r"\[SEG\d*\]|</?p>|[<>]", " ", text).split()
    return " ".join(words).rstrip(".?!") or "target"


def category_words(name: str) -> str:
    """Write a category's identifier the way people do: "small-vehicle" is "small vehicle".

    DIOR's names without spaces become those of the paper's Table 7.
    """
    words = " ".join(re.split(r"[-_\s]+", name.strip())).lower()
    return _DIOR.get(words, words)


_DIOR = {
    "baseballfield": "baseball field",
    "basketballcourt": "basketball court",
    "golffield": "golf field",
    "groundtrackfield": "ground track field",
    "storagetank": "storage tank",
    "tenniscourt": "tennis court",
    "trainstation": "train station",
}


def granularity_of(mask: Mask) -> str:
    """Guess a granularity where none was published: one connected piece is an instance.

    Args:
        mask: (H, W) bool.

    Returns:
        "instance", or "semantic" for several pieces (8-neighbourhood).
    """
    pieces, _ = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    return "instance" if pieces <= 2 else "semantic"  # the first is the background


def file_below(folder: Path, name: object) -> Path | None:
    """Return the file that a data file names, or None if that leads out of the folder.

    Args:
        folder: Where the named files lie. It may itself be reached by a link.
        name: What the data file says: text with a relative path.
    """
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        return None
    path = folder / name
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        path.exists()  # fails where the name is too long
    except (OSError, ValueError, RuntimeError):
        # A name that is too long or holds half a character, or links in a circle.
        return None
    return path if inside and not Path(name).is_absolute() else None
