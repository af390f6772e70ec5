"""Ways to pick several objects out of a larger set: a side, a row, a colour, all but one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segearth.data.objects import Placed
from segearth.data.questions_selections import (
    MARGIN,
    SIZE_RATIO,
    Selection,
    extreme,
)
from segearth.data.questions_words import Word, colour_members, pick

NUMBERS = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve"),
)

EXCLUSIONS = ("except", "except for", "other than")
"""Before the one of a kind that is not meant."""


def number(count: int) -> str:
    """Write a count in words up to twelve, in figures beyond."""
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def on_a_side(word: Word, rng: np.random.Generator) -> Selection | None:
    """Pick the group in one half, if nothing lies near the line between the halves."""
    side = pick(rng, ("left", "right", "top", "bottom"))
    axis = "x" if side in ("left", "right") else "y"
    places = [getattr(item, axis) for item in word.pool]
    if any(0.43 < place < 0.57 for place in places):
        return None
    first_half = side in ("left", "top")
    meant = [item for item in word.pool if (getattr(item, axis) < 0.5) == first_half]
    half = {"top": "upper", "bottom": "lower"}.get(side, side)
    texts = (f"in the {half} half", f"on the {side} side", f"in the {half} part of the image")
    after = pick(rng, texts + ((f"on the {side}",) if axis == "x" else (f"near the {side}",)))
    return _group(word, meant, after=after)


def of_a_colour(word: Word, rng: np.random.Generator) -> Selection | None:
    """Pick all of one colour."""
    colour = pick(rng, word.pool).colour
    if colour is None or word.before or colour in word.one:
        return None
    return _group(word, colour_members(word.pool, colour), before=colour)


def first_few(word: Word, rng: np.random.Generator) -> Selection | None:
    """Pick the two or three leftmost, topmost, rightmost or lowest."""
    axis, sign, name = pick(
        rng,
        (("x", 1, "leftmost"), ("x", -1, "rightmost"), ("y", 1, "topmost"), ("y", -1, "lowest")),
    )
    order = sorted(word.pool, key=lambda item: sign * getattr(item, axis))
    count = int(rng.integers(2, 4))
    if len(order) <= count:
        return None
    if abs(getattr(order[count], axis) - getattr(order[count - 1], axis)) < MARGIN:
        return None
    return _group(word, order[:count], before=f"{number(count)} {name}", counted=True)


def largest_few(word: Word, rng: np.random.Generator) -> Selection | None:
    """Pick the two or three largest."""
    order = sorted(word.pool, key=lambda item: -item.area_px)
    count = int(rng.integers(2, 4))
    if len(order) <= count or order[count - 1].area_px < SIZE_RATIO * order[count].area_px:
        return None
    before = f"{number(count)} {pick(rng, ('largest', 'biggest'))}"
    return _group(word, order[:count], before=before, counted=True)


def all_but_one(word: Word, rng: np.random.Generator) -> Selection | None:
    """Pick all except the leftmost, rightmost, topmost or bottommost one."""
    if word.implicit or not 3 <= len(word.pool) <= 12:
        return None
    left_out = extreme(word, rng)
    if left_out is None or not left_out.before:
        return None
    rest = [item for item in word.pool if item not in left_out.members]
    link = pick(rng, EXCLUSIONS)
    return _group(word, rest, after=f"{link} the {left_out.before} one")


def in_a_row(word: Word, rng: np.random.Generator) -> Selection | None:
    """Pick the upper or lower row, or the left or right column, of things in two or more."""
    axis, names = pick(rng, (("y", ("top", "bottom")), ("x", ("left", "right"))))
    rows = _rows(word.pool, axis)
    if len(rows) < 2 or any(len(row) < 2 for row in rows):
        return None
    index = int(rng.integers(2))
    shape = "row" if axis == "y" else "column"
    name = pick(
        rng,
        {"top": ("top", "upper"), "bottom": ("bottom", "lower")}.get(names[index], (names[index],)),
    )
    return _group(word, rows[-index], after=f"in the {name} {shape}")


GROUPS = (on_a_side, on_a_side, of_a_colour, first_few, largest_few, all_but_one, in_a_row)


def _group(
    word: Word,
    meant: Sequence[Placed],
    *,
    before: str = "",
    after: str = "",
    counted: bool = False,
) -> Selection | None:
    if not 2 <= len(meant) < len(word.pool):
        return None
    return Selection(
        members=tuple(meant),
        before=before,
        after=after,
        predicate="" if after.startswith(EXCLUSIONS) else after or f"the {before}",
        kind="counted" if counted else "group",
    )


def _rows(pool: Sequence[Placed], axis: str) -> list[list[Placed]]:
    """Split a pool at wide gaps along an axis; empty unless every row is flat and long."""
    order = sorted(pool, key=lambda item: getattr(item, axis))
    rows: list[list[Placed]] = []
    for item in order:
        if rows and getattr(item, axis) - getattr(rows[-1][-1], axis) < 0.1:
            rows[-1].append(item)
        else:
            rows.append([item])
    other = "x" if axis == "y" else "y"
    for row in rows:
        thick = getattr(row[-1], axis) - getattr(row[0], axis)
        long = max(getattr(i, other) for i in row) - min(getattr(i, other) for i in row)
        if thick > 0.08 or long < 0.2:
            return []
    return rows
