"""Which words can be used for what is in a picture, and what each of them reaches.

"The leftmost vehicle" is looked for among everything that the word *vehicle* reaches. A word
is usable when that pool is completely known and when nothing in the picture blurs its meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from segearth.data.objects import Placed, is_group
from segearth.data.vocabulary import (
    BLURRED,
    MASS,
    SYNONYMS,
    countable,
    covers,
    is_plural,
    plural,
    wider_words,
)
from segearth.data.vocabulary_implicit import RIVALS, descriptors

_Any = TypeVar("_Any")

# Colours that people would argue about: beside one of them, the other picks nothing out.
CLOSE_COLOURS: dict[str, frozenset[str]] = {
    "white": frozenset({"beige"}),
    "grey": frozenset({"beige"}),
    "black": frozenset({"brown"}),
    "beige": frozenset({"white", "grey", "brown", "yellow", "orange"}),
    "brown": frozenset({"beige", "red", "orange", "black"}),
    "red": frozenset({"orange", "brown"}),
    "orange": frozenset({"red", "yellow", "brown", "beige"}),
    "yellow": frozenset({"orange", "beige"}),
    "green": frozenset(),
    "blue": frozenset(),
}


def pick(rng: np.random.Generator, choices: Sequence[_Any]) -> _Any:
    """Choose one of several, all alike; faster than `Generator.choice`."""
    return choices[int(rng.integers(len(choices)))]


@dataclass(frozen=True, kw_only=True)
class Word:
    """A noun and the objects that it reaches.

    Attributes:
        one: Singular form, or a description that never names the category.
        many: Plural form.
        category: The category it was chosen for.
        pool: Every object that the noun may mean.
        implicit: The noun describes instead of naming.
        before: Adjective that has already narrowed the pool ("red").
    """

    one: str
    many: str
    category: str
    pool: tuple[Placed, ...]
    implicit: bool = False
    before: str = ""

    @property
    def is_told_apart(self) -> bool:
        """Tell whether every object of the pool has a mask of its own."""
        return not any(item.crowd for item in self.pool)

    @property
    def is_mass(self) -> bool:
        """Tell whether the noun cannot be counted."""
        return not countable(self.category)

    def phrase(self, members: Sequence[Placed]) -> str:
        """Return the plain category noun of some members, plural for a group."""
        categories = {member.category for member in members}
        if len(categories) > 1:
            return plural(self.category) if self.implicit else self.many
        noun = next(iter(categories))
        return plural(noun) if is_group(members) else noun

    def verb(self, members: Sequence[Placed], singular: str = "is", several: str = "are") -> str:
        """Choose the form of a verb that agrees with the members' phrase."""
        phrase = self.phrase(members)
        if is_group(members):
            return singular if phrase in MASS else several
        return several if is_plural(phrase) else singular

    def within(self, pool: Sequence[Placed], before: str) -> Word:
        """Narrow the word by an adjective that picks `pool` out."""
        return replace(self, pool=tuple(pool), before=before)


def usable_words(placed: Sequence[Placed], *, closed: bool) -> dict[str, list[Word]]:
    """Find the words for every category of a picture, by category.

    Args:
        placed: All measured objects.
        closed: Nothing else worth asking for is in the picture, so that wider words
            ("vehicle" for a small car) reach no unknown objects.

    Returns:
        Category to its words; the category's own name comes first where it is usable.
        Categories without a usable word are left out.
    """
    present = {item.category for item in placed if item.parent is None}
    found: dict[str, list[Word]] = {}
    for category in sorted(present):
        names = [category, *SYNONYMS.get(category, ())]
        if closed:
            names += wider_words(category)
        words = [_word(name, category, placed, present) for name in names]
        usable = [word for word in words if word is not None]
        if usable:
            found[category] = usable
    return found


def implicit_words(
    placed: Sequence[Placed], words: dict[str, list[Word]], rng: np.random.Generator
) -> dict[str, Word]:
    """Describe categories without naming them, one description each.

    A category needs a usable word of its own, and none of its rivals in the picture.
    """
    present = {item.category for item in placed if item.parent is None}
    described: dict[str, Word] = {}
    for category, own in words.items():
        choices = descriptors(category)
        if not choices or own[0].one != category or _has_rivals(category, present):
            continue
        choice = pick(rng, choices)
        one, many = choice.noun(many=False), choice.noun(many=True)
        described[category] = replace(own[0], one=one, many=many, implicit=True)
    return described


def has_rivals(category: str, placed: Sequence[Placed]) -> bool:
    """Tell whether something else in the picture would answer the same description."""
    return _has_rivals(category, {item.category for item in placed if item.parent is None})


def colour_members(pool: Sequence[Placed], colour: str) -> list[Placed]:
    """Pick the pool's objects of a colour; empty if the colour is debatable for any of them."""
    close = CLOSE_COLOURS.get(colour, frozenset())
    if any(item.colour is None or item.colour in close for item in pool):
        return []
    return [item for item in pool if item.colour == colour]


def _has_rivals(category: str, present: set[str]) -> bool:
    return bool((RIVALS.get(category, frozenset()) - covers(category)) & present)


def _word(name: str, category: str, placed: Sequence[Placed], present: set[str]) -> Word | None:
    reached = covers(name)
    blurred = BLURRED.get(name, frozenset()) | BLURRED.get(category, frozenset())
    if (blurred - reached) & present:
        return None
    pool = tuple(item for item in placed if item.category in reached and item.parent is None)
    if not pool or not all(item.complete for item in pool):
        return None
    return Word(one=name, many=plural(name), category=category, pool=pool)
