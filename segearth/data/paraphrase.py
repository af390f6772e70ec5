"""Other words for hand-written requests, and two of them made into one.

Only what the patterns understand is changed: a command with a noun phrase behind it, or
"Where is …?". Everything else is returned as it is. `mirror` lives in a file of its own.
"""

from __future__ import annotations

import re

import numpy as np

from segearth.data.answers import count_seg
from segearth.data.mirror import mirror
from segearth.data.questions_words import pick

__all__ = ["join", "mirror", "paraphrase"]

_COMMAND = re.compile(
    r"^(?:please )?(?:segment|mark|show me|show|find|highlight|outline|locate|point out|pick out|"
    r"identify|select|indicate|delineate|point to)\s+(?P<what>.+?)\.?$",
    re.IGNORECASE,
)
_WHERE = re.compile(r"^where (?:is|are) (?P<what>(?:the|all|both) [^,;?]+)\?$", re.IGNORECASE)
_CAN_YOU = re.compile(
    r"^(?:can|could|would) you (?:please )?(?:find|mark|show me|show|segment|point out|outline) "
    r"(?P<what>.+?)\?$",
    re.IGNORECASE,
)
_VERBS = (
    *("Segment", "Mark", "Show", "Show me", "Find", "Highlight", "Outline", "Locate", "Point out"),
    *("Pick out", "Identify", "Select", "Please segment", "Please mark", "Delineate"),
)
_QUESTIONS = (
    *("Can you find {what}?", "Could you mark {what}?", "Where can I see {what}?"),
    *("Can you show me {what}?", "Could you segment {what}?", "Where do you see {what}?"),
)
# A second request, a condition or an order of work: the sentence is more than a noun phrase.
_MORE = re.compile(
    r"[;:?!]|\. |\b(?:then|where|whether|if|how|who|what|separately|in that order|one after|mark|"
    r"show|segment|outline|find|highlight|please|first|as two|as one|each as|on its own|"
    r"starting)\b",
    re.IGNORECASE,
)
_NOUN_PHRASE = re.compile(r"^(?:the|all|both|every|each|any|two|three|four|five|six)\b")
_POINTS_BACK = re.compile(
    r"\b(?:other|another|others|it|its|them|they|their|same|also|too|these|those|ones?|again|"
    r"there|remaining|rest|and|together)\b",
    re.IGNORECASE,
)
_MOVING_END = re.compile(r"(?:ed|ing|parked|moored|go|come)\?$", re.IGNORECASE)

# Words that may stand for each other, both ways. Not behind "a" or "an": the article would change.
_SAME = (
    *(("airplane", "plane"), ("airplanes", "planes"), ("swimming pool", "pool")),
    *(("parking lot", "car park"), ("centre", "center"), ("grey", "gray"), ("harbor", "harbour")),
    *(("image", "picture"), ("biggest", "largest"), ("street", "road"), ("boats", "vessels")),
    *(("upper left", "top left"), ("upper right", "top right")),
    *(("lower left", "bottom left"), ("lower right", "bottom right"), ("farthest", "furthest")),
)


def paraphrase(instruction: str, rng: np.random.Generator) -> str:
    """Put a request differently, without changing what it asks for.

    Its length may change; whoever keeps a length facet counts the words again.
    """
    text = _respell(instruction, rng) if rng.random() < 0.4 else instruction
    what = _what(text)
    if what is None:
        return text
    plain = _NOUN_PHRASE.match(what) is not None and not _MORE.search(what)
    chance = rng.random()
    if plain and chance < 0.22:
        bare = what.removeprefix("the ") if rng.random() < 0.4 else what
        return bare if rng.random() < 0.5 else f"{bare[0].upper()}{bare[1:]}."
    if plain and chance < 0.42:
        return pick(rng, _QUESTIONS).format(what=what)
    if not plain and _MORE.match(what):
        return text  # "Show where …": the verb cannot be exchanged
    command = f"{pick(rng, _VERBS)} {what}."
    return command.rstrip(".").lower() if rng.random() < 0.1 else command


def join(
    first: tuple[str, str], second: tuple[str, str], rng: np.random.Generator
) -> tuple[str, str] | None:
    """Make one request with two targets out of two with one.

    Args:
        first: Instruction and answer, explicit, one ``[SEG]``.
        second: The same of another target in the same picture.
        rng: Source of variety.

    Returns:
        Instruction and answer, targets in the order given; None if the two do not go
        together: not understood, pointing back to something, or the same.
    """
    texts = [_what(instruction) for instruction, _ in (first, second)]
    answers = [answer for _, answer in (first, second)]
    if any(count_seg(answer) != 1 for answer in answers):
        return None
    one, two = texts
    if one is None or two is None or one.lower() == two.lower():
        return None
    if any(
        _MORE.search(text) or _POINTS_BACK.search(text) or not _NOUN_PHRASE.match(text)
        for text in (one, two)
    ):
        return None
    link = pick(rng, (" and ", " and ", ", and also ", " as well as ", " together with "))
    what = f"{one}{link}{two}"
    if rng.random() < 0.25:
        instruction = pick(rng, _QUESTIONS).format(what=what)
    else:
        instruction = f"{pick(rng, _VERBS)} {what}."
    return instruction, _join_answers(answers[0], answers[1], rng)


def _join_answers(first: str, second: str, rng: np.random.Generator) -> str:
    if re.match(r"(?:Yes|No|I|They|It|He|She)\b", second) or "?" in first or ";" in first:
        return f"{first} {second}"
    link = pick(rng, (", and ", "; "))
    return f"{first.rstrip('.')}{link}{second[0].lower()}{second[1:]}"


def _what(instruction: str) -> str | None:
    """Return what a request asks for, or None if its form is not understood."""
    text = instruction.strip()
    match = _COMMAND.match(text) or _CAN_YOU.match(text)
    if match is None and not _MOVING_END.search(text):
        match = _WHERE.match(text)
    return match["what"] if match else None


def _respell(text: str, rng: np.random.Generator) -> str:
    order = rng.permutation(len(_SAME))
    for index in order[:6]:
        pair = _SAME[int(index)]
        old, new = pair if rng.random() < 0.5 else pair[::-1]
        pattern = rf"(?<!\ba )(?<!\ban )(?<!swimming )\b{re.escape(old)}\b(?! (?:of|deck))"
        replaced = re.sub(pattern, new, text)
        if replaced != text:
            return replaced
    return text
