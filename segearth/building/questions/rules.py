"""What a written pair must keep to, and its answer with the targets marked.

The rules are the paper's (Figs. 6 and 7): strict JSON, a question of the asked length that
names nothing it should only imply, an answer with every category in the right number, and no
word about the lines drawn on the picture.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from segearth.building.questions.drawing import words_on_drawing
from segearth.building.questions.synonyms import gives_away
from segearth.building.questions.tasks import Group, Style
from segearth.building.questions.texts import has_control, has_tags, is_writable
from segearth.data.answers import mark
from segearth.data.vocabulary import plural
from segearth.data.vocabulary_implicit import names

WORDS: dict[str, tuple[int, int]] = {"long": (15, 40), "short": (3, 12)}
"""Words of a question, both ends included: long is the paper's rule 2, short the manifest's."""


class BrokenRule(Exception):
    """A reply cannot be used; the text says why, also to the model when it is asked again."""


class Pair(NamedTuple):
    """A question and its answer, as the model wrote them."""

    description: str
    answer: str


def read_pair(text: str) -> Pair:
    """Read a reply that has to be one JSON object with two texts and nothing else.

    Raises:
        BrokenRule: It is anything else.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BrokenRule("the reply is not one strict JSON object and nothing else") from error
    if not isinstance(value, dict) or set(value) != {"description", "answer"}:
        raise BrokenRule('the JSON object must have the keys "description" and "answer" only')
    description, answer = value["description"], value["answer"]
    if not isinstance(description, str) or not isinstance(answer, str):
        raise BrokenRule("both values must be text")
    if not description.strip() or not answer.strip():
        raise BrokenRule("neither text may be empty")
    # The reply as well: it is kept, and of a key that comes twice only the last value is read.
    if not is_writable(text + description + answer):
        raise BrokenRule("the texts hold half of a character pair, which UTF-8 cannot write")
    if has_control(description + answer):
        raise BrokenRule("the texts must not hold line breaks")
    return Pair(" ".join(description.split()), " ".join(answer.split()))


def check_pair(pair: Pair, groups: Sequence[Group], style: Style) -> None:
    """Hold a pair against every rule that a program can check.

    Args:
        pair: What the model wrote.
        groups: What the question is about.
        style: How it should be worded.

    Raises:
        BrokenRule: Names the first rule that is broken.
    """
    fewest, most = WORDS[style.length]
    words = len(pair.description.split())
    if not fewest <= words <= most:
        raise BrokenRule(f"the question has {words} words instead of {fewest} to {most}")
    for group in groups:
        named = _names(pair.description, group.category)
        if style.reasoning == "implicit":
            word = gives_away(pair.description, group.category)
            if named or word:
                by = f' by "{word}"' if word and not named else " or a synonym of it"
                raise BrokenRule(f'the question names "{group.category}"{by}')
        if style.reasoning == "explicit" and not named:
            raise BrokenRule(f'the question does not name "{group.category}"')
    for text in pair:
        drawn = words_on_drawing(text)
        if drawn:
            raise BrokenRule(f'"{drawn}" speaks of the lines drawn on the image')
        if has_tags(text):
            raise BrokenRule("the texts must not hold tags")
    mark_answer(pair.answer, groups)


def mark_answer(answer: str, groups: Sequence[Group]) -> tuple[str, list[int]]:
    """Mark every category of an answer as ``<p>phrase </p>[SEG]``.

    Args:
        answer: A sentence that names each group's category: the plural for several, the
            singular for one ("a small car" is not found in "small cars").
        groups: What is to be marked.

    Returns:
        The marked answer, and the groups' indices in the order of their ``[SEG]``.

    Raises:
        BrokenRule: A category is missing.
    """
    found: dict[int, tuple[int, int]] = {}
    # The longest names first: "cooling tower shell" is no "cooling tower".
    for index in sorted(range(len(groups)), key=lambda i: -len(groups[i].category)):
        group = groups[index]
        form = plural(group.category) if group.several else group.category
        spans = (match.span() for match in re.finditer(rf"(?i)\b{re.escape(form)}\b", answer))
        free = [span for span in spans if not any(_meet(span, other) for other in found.values())]
        if not free:
            raise BrokenRule(f'the answer does not name "{form}"')
        found[index] = free[0]
    order = sorted(found, key=lambda index: found[index])
    pieces, end = [], 0
    for index in order:
        start, stop = found[index]
        pieces += [answer[end:start], mark(answer[start:stop])]
        end = stop
    return "".join([*pieces, answer[end:]]), order


def _names(text: str, category: str) -> bool:
    """Tell whether a text names a category, "parking-lot" and "three-point line" included."""
    return names(text, category) or names(text.replace("-", " "), category)


def _meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]
