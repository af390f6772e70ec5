"""Recognise the same target under different words, and tell one thing from many.

Windows answer on their own: one says "planes", the next "a plane", a third "two planes".
Folding case, article, count and plural makes these one target. The rules are English and
know no grammar: a wrong guess merges or splits a band, it never moves a pixel.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from segearth.data.answers import mark

_ARTICLES = {"a", "an", "the", "this", "that", "these", "those"}
_COUNTS = {
    "all", "any", "both", "each", "every", "few", "many", "multiple", "several", "some",
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "various",
}  # fmt: skip
_IRREGULAR = {
    "people": "person", "men": "man", "women": "woman", "children": "child", "feet": "foot",
    "leaves": "leaf", "buses": "bus", "series": "series", "species": "species",
    "gas": "gas", "lens": "lens", "canvas": "canvas", "chaos": "chaos",
}  # fmt: skip
# Written alike for one and many, or never counted: "the water" may be in every corner.
_UNCOUNTED = {
    "aircraft", "asphalt", "cropland", "debris", "desert", "farmland", "forest", "grass",
    "grassland", "ground", "land", "pavement", "sand", "sea", "snow", "soil", "traffic",
    "vegetation", "water", "wetland", "woodland",
}  # fmt: skip
_DEFINITE = re.compile(r"\b(the|this|that|which|where|one)\b", re.IGNORECASE)
_HEAD_ENDS = re.compile(
    r"\s+(?:of|on|in|at|by|near|next|beside|behind|between|along|with|from|to|that|which|under)\b"
)


def fold(phrase: str) -> str:
    """Return the key under which windows' phrases are merged.

    "The  Tennis courts", "a tennis court" and "two tennis courts" give "tennis court".
    """
    return " ".join(_singular(word) for word in bare(phrase).lower().split())


def bare(phrase: str) -> str:
    """Return the phrase without leading articles and counts (all of it, if nothing else is left).

    "the two large ships" gives "large ships".
    """
    words = phrase.split()
    kept = list(words)
    while len(kept) > 1 and (
        kept[0].lower() in _ARTICLES | _COUNTS or kept[0].isdigit() or kept[0].lower() == "of"
    ):
        kept.pop(0)
    return " ".join(kept)


def is_one(phrase: str, instruction: str) -> bool:
    """Guess whether a phrase means one particular thing of the scene.

    Args:
        phrase: From the answer.
        instruction: What was asked.

    Returns:
        True if the instruction points ("the", "which", …), asks for no number, and the
        phrase's noun is singular in both and can be counted.
    """
    asked = re.findall(r"[\w-]+", instruction.lower())
    said = phrase.lower().split()
    if not said or not _DEFINITE.search(f"{instruction} {phrase}"):
        return False
    if any(word in _COUNTS or (word.isdigit() and word != "1") for word in [*asked, *said]):
        return False
    head = _HEAD_ENDS.split(bare(phrase).lower(), maxsplit=1)[0].split()[-1]
    is_plural = _singular(head) != head
    asked_for_many = any(word != head and _singular(word) == head for word in asked)
    return not (is_plural or asked_for_many or head in _UNCOUNTED)


def compose(phrases: Sequence[str]) -> str:
    """Write the sentence of a scene whose targets were found window by window.

    Args:
        phrases: At least one.
    """
    return f"There {_list(phrases)} in this image."


def compose_more(phrases: Sequence[str]) -> str:
    """Write the sentence for targets that only the windows saw."""
    return f"Seen closer, there {_list(phrases)}."


def _list(phrases: Sequence[str]) -> str:
    marked = [mark(phrase) for phrase in phrases]
    listed = ", ".join(marked[:-1]) + " and " + marked[-1] if len(marked) > 1 else marked[0]
    head = _HEAD_ENDS.split(phrases[0].lower(), maxsplit=1)[0].split()[-1]
    return ("are " if len(marked) > 1 or _singular(head) != head else "is ") + listed


def _singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "zzes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
