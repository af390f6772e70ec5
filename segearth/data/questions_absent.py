"""Requests for what is not there: a category, a colour or a place without any.

The answer says so and has no ``[SEG]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segearth.data.objects import Placed
from segearth.data.questions_references import Picture, Reference
from segearth.data.questions_wording import ask_for_existence, finish, instruct
from segearth.data.questions_words import CLOSE_COLOURS, Word, has_rivals, pick
from segearth.data.questions_zones import ZONES
from segearth.data.vocabulary import CROWDS, SYNONYMS, countable, covers, kind_of, plural
from segearth.data.vocabulary_absent import may_be_there
from segearth.data.vocabulary_implicit import scenarios

_ANY_PLACE = (
    *("in the upper left", "in the upper right", "in the lower left", "in the lower right"),
    *("near the centre", "on the left", "on the right", "at the top", "at the bottom"),
)
_ASKED = 0.15  # of such requests; the form must not give away that there is nothing
_SHADES = ("white", "red", "blue", "black", "yellow", "green", "grey", "orange", "brown")


@dataclass(frozen=True)
class Absence:
    """A request for nothing that is there, and the answer that says so."""

    instruction: str
    answer: str
    implicit: bool = False


def absent_category(
    picture: Picture, absent: Sequence[str], rng: np.random.Generator
) -> Absence | None:
    """Ask for a category that is not in the picture.

    Returns:
        None if the category chosen is there after all, by this or a wider name.
    """
    if not absent:
        return None
    category = pick(rng, absent)
    present = {item.category for item in picture.placed}
    name = category if rng.random() < 0.65 else pick(rng, (category, *SYNONYMS.get(category, ())))
    if covers(name) & present or may_be_there(category, present):
        return None
    if rng.random() < 0.25 and scenarios(category) and not has_rivals(category, picture.placed):
        instruction = pick(rng, scenarios(category))
        denial = _denial(category, "", rng, asked=False)
        return Absence(finish(instruction, rng), denial, implicit=True)
    return _request(name, _loose_selection(name, rng), rng)


def absent_kind(picture: Picture, rng: np.random.Generator) -> Absence | None:
    """Ask for a colour or a place that none of the category's objects has."""
    word = picture.any_word()
    if word is None or word.is_mass or not word.is_told_apart or word.pool[0].kind == "stuff":
        return None
    if rng.random() < 0.5:
        colour = _free_colour(word.pool, rng)
        return _request(word.one, (colour, ""), rng) if colour else None
    place = _free_place(word, rng)
    return _request(word.one, ("", place), rng) if place else None


def _request(noun: str, selection: tuple[str, str], rng: np.random.Generator) -> Absence:
    before, after = selection
    crowd = not countable(noun)
    region = kind_of(noun) == "stuff"
    many = not crowd and not region and rng.random() < 0.35
    head = plural(noun) if many else noun
    described = " ".join(piece for piece in (before, head, after) if piece)
    lead = "the" if crowd or not many else pick(rng, ("all the", "the", "all"))
    asked = rng.random() < _ASKED
    reference = Reference(
        text=f"{lead} {described}",
        members=(),
        phrase=described,
        adjective="",
        granularity="semantic",
        several=many or noun in CROWDS,
        noun=described,
        nouns=described,
    )
    if asked:
        instruction = ask_for_existence(reference, rng)
    else:
        instruction = instruct([reference], reference.text, rng)
    noun = f"{before} {head}".strip()
    return Absence(instruction, _denial(noun, after, rng, asked=asked, many=many))


def _denial(
    noun: str, after: str, rng: np.random.Generator, *, asked: bool, many: bool = False
) -> str:
    several = many or noun in CROWDS
    be = "are" if several else "is"
    where = after or pick(rng, ("in this image", "in this image", "here", "in this picture"))
    denial = pick(
        rng,
        (
            *(f"there {be} no {noun} {where}.", f"there {be} no {noun} {where}."),
            *(f"no {noun} {be} visible {where}.", f"no {noun} can be seen {where}."),
        ),
    )
    if asked and denial.startswith("there"):
        return f"No, {denial}"
    return denial[0].upper() + denial[1:]


def _loose_selection(noun: str, rng: np.random.Generator) -> tuple[str, str]:
    """Add a colour or place to some requests: they sound like any other."""
    chance = rng.random()
    if chance < 0.15 and countable(noun):
        return pick(rng, _SHADES), ""
    if chance < 0.35:
        return "", pick(rng, _ANY_PLACE)
    if chance < 0.45 and countable(noun):
        return pick(rng, ("large", "small", "long")), ""
    return "", ""


def _free_colour(pool: Sequence[Placed], rng: np.random.Generator) -> str:
    colours = {item.colour for item in pool}
    if None in colours:
        return ""
    free = [
        shade
        for shade in _SHADES
        if shade not in colours and not CLOSE_COLOURS.get(shade, frozenset()) & colours
    ]
    return pick(rng, free) if free else ""


def _free_place(word: Word, rng: np.random.Generator) -> str:
    if not all(item.compact for item in word.pool):
        return ""
    free = [texts for texts, _, near in ZONES if not any(map(near, word.pool))]
    return pick(rng, pick(rng, free)) if free else ""
