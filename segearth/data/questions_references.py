"""Noun phrases that mean certain objects of a picture, and everything needed to answer them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from segearth.data.objects import Placed, SceneObject, is_group, measure
from segearth.data.questions_groups import EXCLUSIONS, GROUPS, number
from segearth.data.questions_relations import RELATIONS, Anchor, Outlines
from segearth.data.questions_selections import (
    Selection,
    at_edge,
    by_colour,
    by_size,
    extreme,
    in_zone,
    ordinal,
    the_only,
)
from segearth.data.questions_words import (
    Word,
    colour_members,
    implicit_words,
    pick,
    usable_words,
)
from segearth.data.vocabulary import MASS

SINGLES = (
    *(extreme, extreme, extreme, extreme, in_zone, in_zone, in_zone, by_size, by_size),
    *(by_colour, by_colour, by_colour, ordinal, ordinal, at_edge),
)
_MAX_ANCHORS = 10


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Words that mean some objects, and what an answer needs to say about them.

    Attributes:
        text: "the leftmost airplane", "all the cars".
        members: The objects meant; their masks together are the target.
        phrase: The plain category noun for the answer.
        adjective: What stands before the phrase in the answer ("leftmost", "three white").
        granularity: "semantic", "instance" or "part".
        several: The text takes "are".
        noun: The bare noun of the text, singular, without selection.
        nouns: Its plural.
        question: A whole question of the form "Which … is …?", or empty.
        implicit: The text describes and does not name.
        selection: What singles the members out; "all" for everything of a kind.
    """

    text: str
    members: tuple[Placed, ...]
    phrase: str
    adjective: str
    granularity: str
    several: bool
    noun: str
    nouns: str
    question: str = ""
    implicit: bool = False
    selection: str = "all"


@dataclass
class Picture:
    """All that questions about one picture are made from."""

    objects: Sequence[SceneObject]
    rng: np.random.Generator
    closed: bool
    placed: list[Placed] = field(init=False)
    words: dict[str, list[Word]] = field(init=False)
    outlines: Outlines = field(init=False)

    def __post_init__(self) -> None:
        """Measure the objects and find the usable words."""
        self.placed = measure(self.objects)
        self.words = usable_words(self.placed, closed=self.closed)
        self.outlines = Outlines(self.objects)

    @cached_property
    def described(self) -> dict[str, Word]:
        """One description for each category that can be asked for without its name."""
        return implicit_words(self.placed, self.words, self.rng)

    @cached_property
    def anchors(self) -> list[Anchor]:
        """Objects that can be found by name alone, with the words for it."""
        found: list[Anchor] = []
        for category in self.words:
            word = self.word(category)
            if not word.is_told_apart:
                continue
            for _ in range(1 if len(word.pool) == 1 else 3):
                selection = the_only(word, self.rng) or pick(
                    self.rng, (extreme, by_size, by_colour)
                )(word, self.rng)
                if selection is None or any(a.item is selection.members[0] for a in found):
                    continue
                found.append(Anchor(refer(word, selection, self.rng).text, selection.members[0]))
        order = self.rng.permutation(len(found))[:_MAX_ANCHORS]
        return [found[int(index)] for index in order]

    def word(self, category: str) -> Word:
        """Choose a name for a category: mostly its own, sometimes a synonym or wider word."""
        words = self.words[category]
        return words[0] if self.rng.random() < 0.55 else pick(self.rng, words)

    def any_word(self, *, implicit: bool = False, several: bool = False) -> Word | None:
        """Choose a category and a noun for it.

        Args:
            implicit: A noun that describes.
            several: One that reaches more than one object, each with a mask of its own.
        """
        source = list(self.described) if implicit else list(self.words)
        if several:
            source = [name for name in source if self._among_many(name, implicit=implicit)]
        if not source:
            return None
        category = pick(self.rng, source)
        if several:
            return pick(self.rng, self._among_many(category, implicit=implicit))
        return self.described[category] if implicit else self.word(category)

    def _among_many(self, category: str, *, implicit: bool) -> list[Word]:
        words = [self.described[category]] if implicit else self.words[category]
        reaching = [word for word in words if len(word.pool) > 1 and word.is_told_apart]
        # The own name first and most often, as in `word`.
        return [*reaching[:1] * len(reaching), *reaching[1:]]


def refer(word: Word, selection: Selection, rng: np.random.Generator) -> Reference:
    """Turn a selection into a reference."""
    members = selection.members
    many = len(members) > 1
    noun = word.many if many else word.one
    count = ""
    if many and selection.kind == "group" and len(members) <= 12 and not word.is_mass:
        count = number(len(members))
    # "The six cars except the leftmost one" could be six, or five.
    spoken = count if rng.random() < 0.5 and not selection.after.startswith(EXCLUSIONS) else ""
    adjectives = [selection.before, word.before]
    text = _join("the", spoken, *adjectives, noun, _behind(selection.after, word))
    agreement = word.verb(members)
    return Reference(
        text=text,
        members=members,
        phrase=word.phrase(members),
        adjective=_join(count, *adjectives),
        granularity=_granularity(members, selection),
        several=agreement == "are",
        noun=word.one,
        nouns=word.many,
        question=_question(word, selection, noun, agreement, rng),
        implicit=word.implicit,
        selection=selection.kind,
    )


def refer_to_all(word: Word, rng: np.random.Generator) -> Reference:
    """Mean everything that a word reaches."""
    several = word.verb(word.pool) == "are"
    if word.is_mass:
        text = pick(rng, (f"the {word.one}", f"all the {word.one}", f"the whole {word.one}"))
        text = text.replace("whole", "entire") if rng.random() < 0.5 else text
        text = f"the {word.many}" if several else text
    elif word.pool[0].kind == "stuff" and len(word.pool) == 1:
        text = pick(rng, (f"the {word.one}", f"the {word.one}", f"the whole {word.one}"))
    else:
        many, one = word.many, word.one
        texts = (f"all the {many}", f"all {many}", f"every {one}", f"each {one}", f"the {many}")
        text = pick(rng, texts[: 5 if is_group(word.pool) else 4])
    granularity = "part" if all(item.kind == "part" for item in word.pool) else "semantic"
    return Reference(
        text=text,
        members=word.pool,
        phrase=word.phrase(word.pool),
        adjective="",
        granularity=granularity,
        several=several and not text.startswith(("every", "each")),
        noun=word.one,
        nouns=word.many,
        implicit=word.implicit,
    )


def single(picture: Picture, rng: np.random.Generator, *, implicit: bool) -> Reference | None:
    """Mean one object: the only one of its kind, or one by position, size, colour, relation."""
    several = rng.random() < 0.75
    word = picture.any_word(implicit=implicit, several=several)
    if word is None or not word.is_told_apart:
        return None
    selection = the_only(word, rng)
    if selection is None:
        word = _narrowed(word, rng) if rng.random() < 0.2 else word
        selection = pick(rng, SINGLES)(word, rng)
    return refer(word, selection, rng) if selection else None


def related(picture: Picture, rng: np.random.Generator, *, implicit: bool) -> Reference | None:
    """Mean objects by where they stand to another one."""
    word = picture.any_word(implicit=implicit, several=True)
    if word is None or not picture.anchors:
        return None
    selection = pick(rng, RELATIONS)(word, picture.anchors, picture.outlines, rng)
    return refer(word, selection, rng) if selection else None


def group(picture: Picture, rng: np.random.Generator, *, implicit: bool) -> Reference | None:
    """Mean several objects, but not all of their kind."""
    word = picture.any_word(implicit=implicit, several=True)
    if word is None:
        return None
    word = _narrowed(word, rng) if rng.random() < 0.15 else word
    selection = pick(rng, GROUPS)(word, rng)
    return refer(word, selection, rng) if selection else None


def _narrowed(word: Word, rng: np.random.Generator) -> Word:
    """Look only among one colour: "the leftmost red car"."""
    colour = pick(rng, word.pool).colour
    if colour is None or colour in word.one:
        return word
    members = colour_members(word.pool, colour)
    return word.within(members, colour) if 1 < len(members) < len(word.pool) else word


def _behind(after: str, word: Word) -> str:
    if not after or not word.implicit:
        return after
    if after.startswith("from the"):
        return f"(counted {after})"
    return f", {after}"


def _question(
    word: Word, selection: Selection, noun: str, agreement: str, rng: np.random.Generator
) -> str:
    if not selection.predicate or noun in MASS:
        return ""
    predicate = selection.predicate
    if predicate in ("the larger", "the smaller", "the bigger"):
        predicate = predicate.removeprefix("the ")
    if rng.random() < 0.3 and not word.implicit and len(selection.members) == 1:
        return f"Which of the {_join(word.before, word.many)} {agreement} {predicate}?"
    return f"Which {_join(word.before, noun)} {agreement} {predicate}?"


def _granularity(members: Sequence[Placed], selection: Selection) -> str:
    if all(item.kind == "part" for item in members):
        return "part"
    if selection.kind == "only" and members[0].kind == "stuff":
        return "semantic"
    return "instance"


def _join(*pieces: str) -> str:
    return " ".join(piece for piece in pieces if piece).replace(" ,", ",")
