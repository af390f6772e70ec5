"""Where something is, in words: for the tail of an answer and for longer questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segearth.data.objects import Placed
from segearth.data.questions_words import pick

# Below FIRST a centroid is plainly left (or up), above SECOND plainly right (or down).
FIRST, SECOND = 0.38, 0.62
_HALF = SECOND - 0.5
_LINES = frozenset(
    {"road", "freeway", "river", "airport runway", "path", "railway", "taxiway", "overpass"}
    | {"canal", "bridge", "green strip", "industrial pipeline", "median strip", "dock"}
)


@dataclass(frozen=True)
class Place:
    """A predicate: its verb for one and for several, and the rest."""

    singular: str
    several: str
    rest: str


def place_of(members: Sequence[Placed]) -> Place:
    """Say where some objects are, taken together.

    Args:
        members: At least one object.

    Returns:
        "is in the upper left", "runs from left to right", "is spread over the image" …
    """
    left, right = min(m.left for m in members), max(m.right for m in members)
    top, bottom = min(m.top for m in members), max(m.bottom for m in members)
    width, height = right - left, bottom - top
    line = len(members) == 1 and members[0].category in _LINES
    if line and width > 0.9 and height < 0.6:
        return Place("runs", "run", "from left to right")
    if line and height > 0.9 and width < 0.6:
        return Place("runs", "run", "from top to bottom")
    if line and width > 0.8 and height > 0.8:
        return Place("crosses", "cross", "the image")
    if width > 0.75 and height > 0.75:
        return Place("covers", "cover", "much of the image") if _fills(members) else _SPREAD
    area = sum(m.area_px for m in members)
    x = sum(m.x * m.area_px for m in members) / area
    y = sum(m.y * m.area_px for m in members) / area
    centred = abs(x - 0.5) < _HALF and abs(y - 0.5) < _HALF
    if centred and not any(abs(m.x - 0.5) < _HALF and abs(m.y - 0.5) < _HALF for m in members):
        return _SPREAD  # on both sides of a centre that is empty
    return Place("is", "are", zone(x, y, width, height))


_SPREAD = Place("is", "are", "spread over the image")


def zone(x: float, y: float, width: float = 0.0, height: float = 0.0) -> str:
    """Name the part of the picture that holds a point; a wide thing has no left or right.

    Args:
        x: 0 left to 1 right.
        y: 0 top to 1 bottom.
        width: Of the thing, as a fraction.
        height: Likewise.
    """
    column = "left" if x < FIRST else "right" if x > SECOND else ""
    row = "upper" if y < FIRST else "lower" if y > SECOND else ""
    column = "" if width > 0.7 else column
    row = "" if height > 0.7 else row
    if row and column:
        return f"in the {row} {column}"
    if row:
        return "at the top" if row == "upper" else "at the bottom"
    return f"on the {column}" if column else "near the centre"


def reword_zone(place: str, rng: np.random.Generator) -> str:
    """Say the same place in other words: "in the upper left" is "at the top left" as well."""
    words = place.split()
    if words[-1] == "centre":
        return pick(rng, ("near the centre", "near the center", "in the middle", "near the middle"))
    if len(words) == 4 and words[2] in ("upper", "lower"):
        row, column = words[2], words[3]
        edge = {"upper": "top", "lower": "bottom"}[row]
        return pick(
            rng,
            (
                *(f"in the {row} {column}", f"in the {row}-{column} part", f"at the {edge} left"),
                *(f"in the {edge}-{column} area", f"towards the {edge} {column}"),
                f"at {row} {column}",
            ),
        ).replace(f"{edge} left", f"{edge} {column}")
    if words[-1] in ("left", "right"):
        return pick(rng, (place, f"on the {words[-1]} side", f"to the {words[-1]}"))
    if words[-1] in ("top", "bottom"):
        half = {"top": "upper", "bottom": "lower"}[words[-1]]
        return pick(rng, (place, f"near the {words[-1]}", f"in the {half} part"))
    return place


def _fills(members: Sequence[Placed]) -> bool:
    return len(members) == 1 and members[0].kind == "stuff"
