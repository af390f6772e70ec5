"""Ways to pick one object out of its kind: by position, order, size or colour.

Every function looks at the pool of a word and returns a `Selection` only if nobody could
point at another object. Positions are compared by centroids and confirmed by edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from segearth.data.objects import Placed
from segearth.data.questions_words import Word, colour_members, pick
from segearth.data.questions_zones import ZONES, Test

MARGIN = 0.06  # of the width or height: the least lead of the leftmost over the next
SIZE_RATIO = 1.35  # the least lead of the largest over the next, in area
_TOUCH = 0.005  # closer to the border than this is cut off by it


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Some members of a pool and the words that single them out.

    Attributes:
        members: The objects meant.
        before: Words before the noun ("leftmost", "red").
        after: Words behind it ("in the upper left corner", "next to the dock").
        predicate: Answers "Which one is …?" ("the largest"); empty if that would be clumsy.
        kind: What the words are about: "only", "position", "size", "colour", "relation", "group".
    """

    members: tuple[Placed, ...]
    before: str = ""
    after: str = ""
    predicate: str = ""
    kind: str


@dataclass(frozen=True)
class _Direction:
    axis: str
    sign: int
    words: tuple[str, ...]
    pair: tuple[str, ...]
    behind: tuple[str, ...]
    side: str


_DIRECTIONS = (
    _Direction(
        "x",
        1,
        ("leftmost", "leftmost", "left-most", "westernmost"),
        ("left", "left-hand"),
        ("farthest to the left", "on the far left", "nearest to the left edge", "furthest left"),
        "left",
    ),
    _Direction(
        "x",
        -1,
        ("rightmost", "rightmost", "right-most", "easternmost"),
        ("right", "right-hand"),
        (
            "farthest to the right",
            "on the far right",
            "nearest to the right edge",
            "furthest right",
        ),
        "right",
    ),
    _Direction(
        "y",
        1,
        ("topmost", "uppermost", "topmost", "northernmost"),
        ("upper", "top"),
        ("closest to the top", "at the very top", "nearest to the top edge", "highest up"),
        "top",
    ),
    _Direction(
        "y",
        -1,
        ("bottommost", "lowermost", "lowest", "southernmost"),
        ("lower", "bottom"),
        (
            "closest to the bottom",
            "at the very bottom",
            "nearest to the bottom edge",
            "lowest down",
        ),
        "bottom",
    ),
)
_ORDINALS = ("first", "second", "third", "fourth")


def the_only(word: Word, rng: np.random.Generator) -> Selection | None:
    """Pick the single object of its kind."""
    return Selection(members=word.pool, kind="only") if len(word.pool) == 1 else None


def extreme(word: Word, rng: np.random.Generator) -> Selection | None:
    """Pick the leftmost, rightmost, topmost or bottommost one."""
    direction = pick(rng, _DIRECTIONS)
    order = _ordered(word.pool, direction)
    if len(order) < 2 or not _leads(order, direction, MARGIN):
        return None
    first = order[0]
    behind = pick(rng, direction.behind)
    if len(order) == 2 and rng.random() < 0.5 and _leads(order, direction, 0.15):
        before = pick(rng, direction.pair)
        return Selection(members=(first,), before=before, predicate=behind, kind="position")
    if rng.random() < 0.65:
        before = pick(rng, direction.words)
        return Selection(members=(first,), before=before, predicate=behind, kind="position")
    return Selection(members=(first,), after=behind, predicate=behind, kind="position")


def ordinal(word: Word, rng: np.random.Generator) -> Selection | None:
    """Pick the second or third from a side, or the middle one of three."""
    direction = pick(rng, _DIRECTIONS)
    order = _ordered(word.pool, direction)
    places = [getattr(item, direction.axis) for item in order]
    gaps = [abs(b - a) for a, b in pairwise(places)]
    if len(order) == 3 and min(gaps) >= 0.12 and rng.random() < 0.6:
        words = pick(rng, ("middle", "central"))
        return Selection(
            members=(order[1],), before=words, predicate="in the middle", kind="position"
        )
    if not 3 <= len(order) <= 9:
        return None
    index = int(rng.integers(1, min(4, len(order))))
    if min(gaps[: index + 1]) < MARGIN:
        return None
    side = direction.side
    return Selection(
        members=(order[index],),
        before=_ORDINALS[index],
        after=f"from the {side}",
        predicate=f"{_ORDINALS[index]} from the {side}",
        kind="position",
    )


def in_zone(word: Word, rng: np.random.Generator) -> Selection | None:
    """Pick the only one in a corner, on a side or in the centre."""
    if len(word.pool) < 2 or not all(item.compact for item in word.pool):
        return None
    first = pick(rng, word.pool)
    others = [item for item in word.pool if item is not first]
    names = [text for text, inside, near in ZONES if _alone(first, others, inside, near)]
    if not names:
        return None
    after = pick(rng, pick(rng, names))
    return Selection(members=(first,), after=after, predicate=after, kind="position")


def at_edge(word: Word, rng: np.random.Generator) -> Selection | None:
    """Pick the only one that the border of the picture cuts off."""
    side = pick(rng, ("left", "right", "top", "bottom"))

    touching = [item for item in word.pool if _to_border(item, side) <= _TOUCH]
    near = [item for item in word.pool if _to_border(item, side) <= MARGIN]
    if len(touching) != 1 or len(near) != 1 or len(word.pool) < 2 or not touching[0].compact:
        return None
    after = pick(
        rng,
        (
            *(f"at the {side} edge", f"cut off by the {side} edge", f"on the {side} border"),
            f"touching the {side} edge of the image",
        ),
    )
    return Selection(members=tuple(touching), after=after, predicate=after, kind="position")


def by_size(word: Word, rng: np.random.Generator) -> Selection | None:
    """Pick the largest or the smallest one."""
    order = sorted(word.pool, key=lambda item: -item.area_px)
    if len(order) < 2:
        return None
    pair = len(order) == 2 and rng.random() < 0.5
    if rng.random() < 0.6:
        if order[0].area_px < SIZE_RATIO * order[1].area_px:
            return None
        before = pick(rng, ("larger", "bigger") if pair else ("largest", "biggest", "largest"))
        chosen = order[0]
    else:
        # A thing that is cut off looks small without being so.
        if order[-2].area_px < SIZE_RATIO * order[-1].area_px or _is_cut(order[-1]):
            return None
        before, chosen = "smaller" if pair else "smallest", order[-1]
    return Selection(members=(chosen,), before=before, predicate=f"the {before}", kind="size")


def by_colour(word: Word, rng: np.random.Generator) -> Selection | None:
    """Pick the only one of its colour."""
    first = pick(rng, word.pool)
    if first.colour is None or len(word.pool) < 2 or word.before or first.colour in word.one:
        return None
    if len(colour_members(word.pool, first.colour)) != 1:
        return None
    colour = first.colour
    if word.category in ROOFED and not word.implicit and rng.random() < 0.6:
        with_roof = f"with the {colour} roof"
        if rng.random() < 0.5:
            return Selection(members=(first,), before=f"{colour}-roofed", kind="colour")
        return Selection(members=(first,), after=with_roof, kind="colour")
    return Selection(members=(first,), before=colour, predicate=colour, kind="colour")


ROOFED = frozenset({"house", "building", "mobile home", "hangar", "terminal"})


def _alone(first: Placed, others: Sequence[Placed], inside: Test, near: Test) -> bool:
    return inside(first) and not any(near(other) for other in others)


def _ordered(pool: Sequence[Placed], direction: _Direction) -> list[Placed]:
    return sorted(pool, key=lambda item: direction.sign * getattr(item, direction.axis))


def _leads(order: Sequence[Placed], direction: _Direction, margin: float) -> bool:
    first, rest = order[0], order[1:]
    centre = abs(getattr(rest[0], direction.axis) - getattr(first, direction.axis))
    edge = getattr(first, direction.side)
    if any(_to_border(item, direction.side) <= _TOUCH for item in rest):
        return False  # the border cuts it off: nobody knows how far it goes on
    # Its outer edge must not lie behind anybody else's either.
    return centre >= margin and all(
        direction.sign * (getattr(item, direction.side) - edge) > -0.02 for item in rest
    )


def _is_cut(item: Placed) -> bool:
    return min(_to_border(item, side) for side in ("left", "right", "top", "bottom")) <= _TOUCH


def _to_border(item: Placed, side: str) -> float:
    """Measure from an object to a side of the picture, 0 to 1."""
    edge = float(getattr(item, side))
    return 1 - edge if side in ("right", "bottom") else edge
