"""Questions about a picture that follow from its objects, each with exactly one right answer.

`ask` mixes the kinds of request that people make of aerial images: everything of a kind, one
or a few by position, order, size, colour or relation, parts, several targets at once, things
that are not there, and descriptions that never name what they mean. The vocabulary, the ways
to single an object out and the sentences have files of their own (``questions_*``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segearth.data.objects import SceneObject, is_group
from segearth.data.questions_absent import absent_category, absent_kind
from segearth.data.questions_parts import part_of
from segearth.data.questions_references import (
    Picture,
    Reference,
    group,
    refer_to_all,
    related,
    single,
)
from segearth.data.questions_wording import (
    LONG_WORDS,
    answer,
    ask_for_existence,
    finish,
    instruct,
    join_answers,
    join_texts,
)
from segearth.data.questions_words import has_rivals, pick
from segearth.data.vocabulary_implicit import names, scenarios


@dataclass(frozen=True, kw_only=True)
class Question:
    """An instruction, its answer and one mask per ``[SEG]`` of the answer.

    Attributes:
        instruction: What is asked.
        answer: The reply; every target is written ``<p>phrase </p>[SEG]``.
        masks: One (H, W) bool mask per ``[SEG]``, in order; empty when the thing is not there.
        facets: `granularity`, `multiplicity`, `reasoning` and `length`.
    """

    instruction: str
    answer: str
    masks: tuple[NDArray[np.bool_], ...]
    facets: dict[str, str]


# How often each kind is tried. What a picture does not allow is made up for by the others.
WEIGHTS: dict[str, float] = {
    "all": 0.10,
    "single": 0.26,
    "related": 0.11,
    "group": 0.09,
    "part": 0.13,
    "several": 0.20,
    "absent": 0.20,
    "described": 0.07,
    "scenario": 0.10,
}
_COMPASS = re.compile(r"\b(?:north|south|east|west)", re.IGNORECASE)
_TRIES = 8  # attempts for every question wanted
_PATIENCE = 4  # attempts at a kind before another is drawn
_FINENESS = ("semantic", "instance", "part")


def ask(
    objects: Sequence[SceneObject],
    rng: np.random.Generator,
    count: int,
    *,
    absent: Sequence[str] = (),
    closed: bool = False,
    north_up: bool = True,
) -> list[Question]:
    """Make questions about a picture.

    Args:
        objects: What is known about the picture. Categories that are not `complete` are
            left alone, because nobody knows what else would fit the words.
        rng: Source of all choices; the same state gives the same questions.
        count: How many are wanted.
        absent: Categories that are surely not in the picture, for questions without a target.
        closed: The list holds everything in the picture that these questions are about, so
            that "vehicle" may stand for the only cars. True for drawn scenes.
        north_up: Up is north, as far as anybody knows; else no question names a direction of
            the compass.

    Returns:
        Up to `count` different questions; fewer if the picture does not yield more.
    """
    picture = Picture(objects, rng, closed)
    kinds, cumulated = list(WEIGHTS), np.cumsum(list(WEIGHTS.values()))
    asked: dict[str, Question] = {}
    for _ in range(_TRIES * count):
        if len(asked) == count:
            break
        draw = rng.random() * cumulated[-1]
        kind = kinds[int(np.searchsorted(cumulated, draw, side="right"))]
        # Some kinds seldom succeed at the first choice; without patience they would be rare.
        for _ in range(_PATIENCE):
            question = _MAKERS[kind](picture, absent, rng)
            if question is not None and (north_up or not _COMPASS.search(question.instruction)):
                asked.setdefault(question.instruction.lower().rstrip(".?"), question)
                break
    return list(asked.values())


def _all(picture: Picture, absent: Sequence[str], rng: np.random.Generator) -> Question | None:
    word = picture.any_word(several=rng.random() < 0.6) or picture.any_word()
    return _one_target(picture, refer_to_all(word, rng), rng) if word else None


def _single(picture: Picture, absent: Sequence[str], rng: np.random.Generator) -> Question | None:
    return _one_target(picture, single(picture, rng, implicit=False), rng)


def _related(picture: Picture, absent: Sequence[str], rng: np.random.Generator) -> Question | None:
    return _one_target(picture, related(picture, rng, implicit=False), rng)


def _group(picture: Picture, absent: Sequence[str], rng: np.random.Generator) -> Question | None:
    return _one_target(picture, group(picture, rng, implicit=False), rng)


def _part(picture: Picture, absent: Sequence[str], rng: np.random.Generator) -> Question | None:
    implicit = rng.random() < 0.25
    return _one_target(picture, part_of(picture, rng, implicit=implicit), rng)


def _described(
    picture: Picture, absent: Sequence[str], rng: np.random.Generator
) -> Question | None:
    make = pick(rng, (single, single, related, group))
    return _one_target(picture, make(picture, rng, implicit=True), rng)


def _absent(picture: Picture, absent: Sequence[str], rng: np.random.Generator) -> Question | None:
    absence = absent_category(picture, absent, rng) if rng.random() < 0.7 else None
    absence = absence or absent_kind(picture, rng)
    if absence is None:
        return None
    facets = _facets(absence.instruction, (), implicit=absence.implicit)
    return _question(absence.instruction, absence.answer, (), facets)


def _scenario(picture: Picture, absent: Sequence[str], rng: np.random.Generator) -> Question | None:
    reference = _in_a_scenario(picture, rng)
    if reference is None:
        return None
    if rng.random() < 0.2:
        other = _in_a_scenario(picture, rng)
        if other is not None and not set(other.members) & set(reference.members):
            return _several_scenarios(picture, (reference, other), rng)
    instruction = finish(reference.text, rng)
    return _targets(picture, instruction, answer(reference, rng), (reference,))


def _several_scenarios(
    picture: Picture, references: tuple[Reference, Reference], rng: np.random.Generator
) -> Question | None:
    first, second = (reference.text for reference in references)
    if first.endswith("?") and second.endswith("?"):
        text = f"{first[:-1]}, and {second[0].lower()}{second[1:]}"
    else:
        text = f"{first} {second}"
    return _targets(picture, finish(text, rng), join_answers(references, rng), references)


def _in_a_scenario(picture: Picture, rng: np.random.Generator) -> Reference | None:
    word = picture.any_word()
    if word is None:
        return None
    own = picture.words[word.category][0]
    texts = scenarios(word.category)
    if not texts or own.one != word.category or has_rivals(word.category, picture.placed):
        return None
    reference = refer_to_all(own, rng)
    kind = "instance" if not is_group(own.pool) and own.pool[0].kind == "thing" else ""
    return Reference(
        text=pick(rng, texts),
        members=reference.members,
        phrase=reference.phrase,
        adjective="",
        granularity=kind or reference.granularity,
        several=own.verb(own.pool) == "are",
        noun=own.one,
        nouns=own.many,
        implicit=True,
    )


def _several(picture: Picture, absent: Sequence[str], rng: np.random.Generator) -> Question | None:
    implicit = rng.random() < 0.15
    wanted = 2 if implicit or rng.random() < 0.75 else 3
    references: list[Reference] = []
    taken: set[int] = set()
    for _ in range(5 * wanted):
        reference = _any_reference(picture, rng, implicit=implicit)
        if reference is None:
            continue
        members = {member.index for member in reference.members}
        if members & taken or any(reference.text == other.text for other in references):
            continue
        taken |= members
        references.append(reference)
        if len(references) == wanted:
            break
    if len(references) < 2:
        return None
    text = join_texts([reference.text for reference in references], rng)
    reply = join_answers(references, rng)
    return _targets(picture, instruct(references, text, rng), reply, tuple(references))


def _any_reference(
    picture: Picture, rng: np.random.Generator, *, implicit: bool
) -> Reference | None:
    chance = rng.random()
    if chance < 0.25:
        word = picture.any_word(implicit=implicit)
        return refer_to_all(word, rng) if word else None
    # Described targets stay free of names, so that none gives another away.
    if chance < 0.75 or implicit:
        return single(picture, rng, implicit=implicit)
    if chance < 0.85:
        return part_of(picture, rng, implicit=False)
    return pick(rng, (group, related))(picture, rng, implicit=False)


def _one_target(
    picture: Picture, reference: Reference | None, rng: np.random.Generator
) -> Question | None:
    if reference is None:
        return None
    whole = reference.selection in ("all", "only") and not reference.implicit
    if whole and rng.random() < 0.12:
        instruction = ask_for_existence(reference, rng)
        reply = answer(reference, rng, existence=True)
    else:
        instruction = instruct([reference], reference.text, rng)
        reply = answer(reference, rng)
    return _targets(picture, instruction, reply, (reference,))


def _targets(
    picture: Picture, instruction: str, reply: str, references: tuple[Reference, ...]
) -> Question | None:
    implicit = any(reference.implicit for reference in references)
    if implicit and any(names(instruction, reference.phrase) for reference in references):
        return None  # one target's description gives another one away
    masks = tuple(_union(picture, reference) for reference in references)
    return _question(instruction, reply, masks, _facets(instruction, references, implicit=implicit))


def _question(
    instruction: str, reply: str, masks: tuple[NDArray[np.bool_], ...], facets: dict[str, str]
) -> Question:
    return Question(instruction=instruction, answer=reply, masks=masks, facets=facets)


def _union(picture: Picture, reference: Reference) -> NDArray[np.bool_]:
    first, *others = (picture.objects[member.index].mask for member in reference.members)
    union = first.copy()
    for mask in others:
        union |= mask
    return union


def _facets(instruction: str, references: Sequence[Reference], *, implicit: bool) -> dict[str, str]:
    levels = [_FINENESS.index(reference.granularity) for reference in references]
    return {
        "granularity": _FINENESS[max(levels, default=0)],
        "multiplicity": ("none", "single")[len(references)] if len(references) < 2 else "multiple",
        "reasoning": "implicit" if implicit else "explicit",
        "length": "long" if len(instruction.split()) > LONG_WORDS else "short",
    }


_Maker = Callable[[Picture, Sequence[str], np.random.Generator], Question | None]
_MAKERS: dict[str, _Maker] = {
    "all": _all,
    "single": _single,
    "related": _related,
    "group": _group,
    "part": _part,
    "several": _several,
    "absent": _absent,
    "described": _described,
    "scenario": _scenario,
}
