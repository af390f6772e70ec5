"""Ways to mean a part of an object: "the upper wing of the leftmost airplane"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from segearth.data.objects import Placed
from segearth.data.questions_references import Picture, Reference
from segearth.data.questions_words import pick
from segearth.data.vocabulary import BLURRED, SYNONYMS, covers, plural
from segearth.data.vocabulary_implicit import descriptors

_APART = 0.03  # of the picture: the least distance between a left and a right part


def part_of(picture: Picture, rng: np.random.Generator, *, implicit: bool) -> Reference | None:
    """Mean one part of an object, or both or all parts of a kind."""
    owners = {anchor.item.index: anchor.text for anchor in picture.anchors}
    parts: defaultdict[tuple[int, str], list[Placed]] = defaultdict(list)
    for item in picture.placed:
        if item.parent in owners and item.complete:
            parts[item.parent, item.category].append(item)
    if not parts:
        return None
    owner, category = pick(rng, sorted(parts))
    if not _is_clear(category, {name for index, name in parts if index == owner}):
        return None
    names = _names(category, rng, implicit=implicit)
    if names is None:
        return None
    return _reference(parts[owner, category], names, owners[owner], rng, implicit=implicit)


def _is_clear(category: str, siblings: set[str]) -> bool:
    """Tell whether no other part of the same object goes by this name or blurs it."""
    reached = covers(category) | BLURRED.get(category, frozenset())
    return not (reached - {category}) & siblings


def _names(category: str, rng: np.random.Generator, *, implicit: bool) -> tuple[str, str] | None:
    if not implicit:
        one = pick(rng, (category, category, *SYNONYMS.get(category, ())))
        return one, plural(one)
    choices = descriptors(category)
    if not choices:
        return None
    choice = pick(rng, choices)
    return choice.noun(many=False), choice.noun(many=True)


def _reference(
    siblings: Sequence[Placed],
    names: tuple[str, str],
    owner: str,
    rng: np.random.Generator,
    *,
    implicit: bool,
) -> Reference | None:
    category = siblings[0].category
    one, many = names
    link = ", on" if implicit else " of"
    if len(siblings) == 1:
        text, members, before = f"the {one}{link} {owner}", siblings, ""
    elif rng.random() < 0.4:
        lead = "both" if len(siblings) == 2 else "all the"
        lead = pick(rng, (lead, "the"))
        text, members, before = f"{lead} {many}{link} {owner}", siblings, ""
    else:
        side = _side(siblings)
        if side is None:
            return None
        member, before = pick(rng, side)
        text, members = f"the {before} {one}{link} {owner}", [member]
    return Reference(
        text=text,
        members=tuple(members),
        phrase=category if len(members) == 1 else plural(category),
        adjective=before,
        granularity="part",
        several=len(members) > 1,
        noun=one,
        nouns=many,
        implicit=implicit,
        selection="part",
    )


def _side(siblings: Sequence[Placed]) -> tuple[tuple[Placed, str], tuple[Placed, str]] | None:
    """Name the outermost two of some parts along the axis that spreads them more."""
    wide = max(item.x for item in siblings) - min(item.x for item in siblings)
    high = max(item.y for item in siblings) - min(item.y for item in siblings)
    axis = "x" if wide >= high else "y"
    order = sorted(siblings, key=lambda item: getattr(item, axis))
    places = [getattr(item, axis) for item in order]
    if places[1] - places[0] < _APART or places[-1] - places[-2] < _APART:
        return None
    if len(siblings) == 2:
        names = ("left-hand", "right-hand") if axis == "x" else ("upper", "lower")
    else:
        names = ("leftmost", "rightmost") if axis == "x" else ("topmost", "bottommost")
    return (order[0], names[0]), (order[-1], names[1])
