"""Sentences around references: the instruction's manner and the answer's.

An instruction is a command, a question, a bare noun phrase or a remark with a request in it;
a long one carries a reason, a place or a limit along. An answer is short, names each target
by its plain category noun inside the tags and says where it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segearth.data.answers import mark
from segearth.data.objects import is_group
from segearth.data.questions_groups import number
from segearth.data.questions_places import place_of, reword_zone
from segearth.data.questions_references import Reference
from segearth.data.questions_words import pick
from segearth.data.vocabulary import MASS, article

LONG_WORDS = 12  # more words than this make an instruction long (the manifest's definition)

_VERBS = (
    *("Segment", "Segment", "Segment", "Mark", "Mark", "Mark", "Show", "Show", "Find", "Find"),
    *("Highlight", "Outline", "Locate", "Point out", "Show me", "Pick out", "Identify"),
    *("Please segment", "Please mark", "Select", "Delineate", "Please find", "Give me"),
)
_ASKING = (
    *("Can you find {text}?", "Could you mark {text}?", "Can you show me {text}?"),
    *("Where {be} {text}?", "Where {be} {text}?", "Where do you see {text}?"),
    *("Where can I find {text}?", "Which pixels belong to {text}?", "Would you segment {text}?"),
    *("Can you point out {text}?", "Could you outline {text} for me?"),
)
_BEFORE = (
    *("In this aerial image, ", "In this view from above, ", "In the picture, ", "In this scene, "),
    *("Looking straight down at this place, ", "For the map that I am drawing, "),
    *("Before the survey team sets off, ", "For the inspection report, ", "On this photograph, "),
    *("As a first step of the analysis, ", "For a quick overview of the site, "),
    *("Please have a close look at the image and ", "Go through the whole picture and "),
    *("To keep our records up to date, ", "We are updating the site plan, so "),
    *("I am new to this area; ", "My colleague could not make it out from the ground: "),
)
_BEHIND = (
    *(" and nothing else", ", without the surroundings", " as exactly as you can"),
    *(", so that the area can be measured", ", for the new map of this place"),
    *(", leaving out everything around", " for the report", ", pixel by pixel"),
    *(", and ignore the rest of the picture", ", even where shade falls", ", shadows excluded"),
    *(", for a comparison with last year's image", " and leave everything else alone"),
)
_MANNERS = (" and", ", without", " as exactly", ", leaving", ", pixel", ", even", ", shadows")
_REMARKS = (
    *("I need {text} for a map; please mark it.", "A colleague asks about {text}; show where."),
    *("What I am looking for is {text}.", "I would like to see {text}."),
    *("We want to measure {text}; please segment it.", "The report is about {text}; outline it."),
    *("Draw the outline of {text}.", "Give me a mask of {text}.", "I am interested in {text}."),
)


def instruct(references: Sequence[Reference], text: str, rng: np.random.Generator) -> str:
    """Word a request for one text that stands for all references.

    Args:
        references: What is meant; one for a single target.
        text: Their noun phrase(s), beginning in lower case.
        rng: Source of variety.
    """
    several = len(references) > 1 or references[0].several
    question = references[0].question if len(references) == 1 else ""
    if rng.random() < 0.42:
        return finish(_long(references, text, rng), rng)
    kind = rng.random()
    if kind < 0.52:
        return finish(f"{pick(rng, _VERBS)} {text}.", rng)
    if kind < 0.66:
        bare = text.removeprefix("the ") if rng.random() < 0.4 else text
        return finish(bare if rng.random() < 0.5 else f"{_upper(bare)}.", rng)
    if kind < 0.92:
        if question and rng.random() < 0.7:
            return finish(question, rng)
        return finish(_ask(text, several, rng), rng)
    return finish(_remark(text, several, rng), rng)


def ask_for_existence(reference: Reference, rng: np.random.Generator) -> str:
    """Ask whether something is there, as one does before knowing it."""
    noun = reference.noun
    several = reference.several or _be(reference) == "are"
    if noun in MASS or several:
        text = f"Are there any {reference.nouns}" if several else f"Is there any {noun}"
        them = "them" if several else "it"
    else:
        text, them = f"Is there {article(noun)} {noun}", "it"
    tail = pick(
        rng,
        (
            *(" here?", " in this image?", f"? If so, mark {them}.", f" in view? Show {them}."),
            *(f" in the picture? Please segment {them} if so.", " to be seen?"),
        ),
    )
    return finish(text + tail, rng)


def join_texts(texts: Sequence[str], rng: np.random.Generator) -> str:
    """Name two or more targets in one phrase, in order."""
    if len(texts) == 2:
        first, second = texts
        forms = [
            *(f"{first} and {second}", f"{first} and {second}", f"{first} as well as {second}"),
            *(f"{first}, and also {second}", f"{first} together with {second}"),
        ]
        if first.startswith("the ") and second.startswith("the "):
            forms += [f"both {first} and {second}", f"first {first}, then {second}"]
        return pick(rng, forms)
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def answer(reference: Reference, rng: np.random.Generator, *, existence: bool = False) -> str:
    """Answer with one target."""
    if existence:
        clause = clause_of(reference, rng)
        return f"Yes, {clause}."
    kind = rng.random()
    tag, be = mark(reference.phrase), _be(reference)
    lead = _lead(reference)
    if reference.implicit and kind < 0.5:
        use = pick(rng, ("fit{s} that description", "{be} what you are looking for"))
        fits = use.format(s="" if be == "are" else "s", be=be)
        return _upper(f"{lead} {tag} {fits}.")
    if reference.selection == "all" and be == "are" and kind < 0.5:
        return _upper(_counted(reference, rng))
    if kind < 0.85:
        return _upper(f"{clause_of(reference, rng)}.")
    if kind < 0.93:
        return f"Here {be} {lead} {tag}."
    return _upper(f"{lead} {tag} {be} marked.")


def clause_of(reference: Reference, rng: np.random.Generator) -> str:
    """Say where a target is, beginning in lower case and without a full stop."""
    place = place_of(reference.members)
    several = _be(reference) == "are"
    verb = place.several if several else place.singular
    reword = place.singular == "is" and rng.random() < 0.25
    rest = reword_zone(place.rest, rng) if reword else place.rest
    return f"{_lead(reference)} {mark(reference.phrase)} {verb} {rest}"


def join_answers(references: Sequence[Reference], rng: np.random.Generator) -> str:
    """Answer with several targets, in order."""
    clauses = [clause_of(reference, rng) for reference in references]
    if len(clauses) == 2:
        link = pick(rng, (", and ", " and ", "; "))
        return _upper(f"{clauses[0]}{link}{clauses[1]}.")
    return _upper(f"{', '.join(clauses[:-1])}, and {clauses[-1]}.")


def _long(references: Sequence[Reference], text: str, rng: np.random.Generator) -> str:
    more = _extra(references[0], rng) if len(references) == 1 else ""
    text += more
    before = pick(rng, _BEFORE)
    behind = pick(rng, _BEHIND) if not more else ""
    if before.endswith(("so ", "map that I am drawing, ", "report, ", "analysis, ")):
        behind = behind if behind.startswith(_MANNERS) else ""  # one purpose is enough
    command = f"{_lower(pick(rng, _VERBS)).removeprefix('please ')} {text}"
    if rng.random() < 0.25:
        return f"{_upper(command)}{behind or ', please'}."
    if rng.random() < 0.3:
        behind = ""
    return f"{before}{command}{behind}."


def _extra(reference: Reference, rng: np.random.Generator) -> str:
    """Add something true about the target that is not needed to find it."""
    if len(reference.members) != 1 or reference.selection == "all" or rng.random() < 0.4:
        return ""
    member = reference.members[0]
    if member.colour and member.colour not in reference.text and rng.random() < 0.3:
        return f", {article(member.colour)} {member.colour} one,"
    if not member.compact or reference.selection not in ("size", "colour", "only"):
        return ""
    return f", which {_be(reference)} {reword_zone(place_of(reference.members).rest, rng)},"


def _ask(text: str, several: bool, rng: np.random.Generator) -> str:
    return pick(rng, _ASKING).format(text=text, be="are" if several else "is")


def _remark(text: str, several: bool, rng: np.random.Generator) -> str:
    remark = pick(rng, _REMARKS)
    if several:
        remark = remark.replace(" it.", " them.").replace("is {text}", "are {text}")
    return remark.format(text=text)


def _counted(reference: Reference, rng: np.random.Generator) -> str:
    tag, count = mark(reference.phrase), len(reference.members)
    if count == 1 or count > 12 or any(member.crowd for member in reference.members):
        return pick(rng, (f"all the {tag} are marked.", f"the {tag} are marked."))
    many = number(count)
    whole = "both" if count == 2 else f"all {many}"
    return pick(rng, (f"{many} {tag} are visible.", f"{whole} {tag} are marked."))


def _lead(reference: Reference) -> str:
    return f"the {reference.adjective}".rstrip()


def _be(reference: Reference) -> str:
    # "every car" asks in the singular and is answered in the plural.
    if reference.members and is_group(reference.members):
        return "is" if reference.phrase in MASS else "are"
    return "are" if reference.several else "is"


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def finish(text: str, rng: np.random.Generator) -> str:
    """Type some instructions the way people do: in lower case, without the full stop."""
    text = text.replace(",.", ".").replace(",,", ",").replace(", ,", ",").replace(",;", ";")
    if rng.random() < 0.1:
        return text.rstrip(".").lower()
    return text
