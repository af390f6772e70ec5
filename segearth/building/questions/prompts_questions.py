"""What a vision-language model is told when it writes a question-answer pair.

Wording and examples are ours; the rules are those of the paper's Figure 6 (one target) and
Figure 7 (several), with the adjustments for explicit and for short questions that Sec. 7.4
mentions. `segearth.building.questions.rules` checks what can be checked of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from segearth.building.questions.prompts_contours import COLOURS
from segearth.building.questions.rules import WORDS
from segearth.building.questions.tasks import Group, Style
from segearth.data.vocabulary import plural

_ROLE = (
    "You interpret satellite and aerial images for a living. The picture shows such an image on "
    "which {drawn}. Write one question that somebody could ask about the image, and its answer; "
    "the right reply to the question is exactly what the lines enclose."
)
_FORM = (
    'Reply with nothing but one strict JSON object on a single line: {"description": "your '
    'question", "answer": "your answer"}. No line break inside it, no other key, no other text.'
)
_HIDE_LINES = (
    "The reader sees the image without the lines. Neither text may mention them: nothing like "
    '"outlined in red", "the blue contour" or "the annotated area".'
)
_EXAMPLES_ONE = {
    "implicit": (
        '{"description": "A gale has pulled a coastal freighter from its moorings and the crew '
        "needs calm water behind strong walls; where in this bay could it be brought before "
        'nightfall?", "answer": "The harbor behind the breakwater in the upper right part of the '
        'image would shelter it."}',
        '{"description": "After the flood the families here need clean water in large amounts; '
        "which round structures near the works could each hold some thousand cubic metres of "
        'it?", "answer": "The storage tanks beside the works could hold that much water."}',
    ),
    "explicit": (
        '{"description": "For the inventory of the sports department, please find the tennis court '
        'with the blue surface that lies closest to the car park in the lower left.", "answer": '
        '"The tennis court in the lower left part of the image lies closest to the car park."}',
    ),
}
_EXAMPLES_SEVERAL = {
    "implicit": (
        '{"description": "A convoy with relief goods arrives by sea: where could it be unloaded, '
        "what could lift the heavy steel boxes ashore, and which ways could lorries then take "
        'inland?", "answer": "The harbor is where it could be unloaded, the container crane could '
        'lift the boxes, and the roads lead inland."}',
    ),
    "explicit": (
        '{"description": "Show the airport runway that crosses the image together with all of the '
        'airplanes parked to the north of it, for a count of the fleet.", "answer": "The airport '
        'runway crosses the image, and the airplanes are parked to the north of it."}',
    ),
}


def single_prompt(group: Group, style: Style) -> str:
    """Ask for a pair about one group of masks, outlined in red (paper, Fig. 6).

    Args:
        group: What is outlined.
        style: How the question should be worded.

    Returns:
        The prompt; the picture goes along with it.
    """
    drawn = "red lines enclose the target" + (" areas" if group.several else " area")
    rules = [
        _naming_rule(style, [group.category]),
        _length_rule(style),
        "Build the question on the natural surroundings and on how people live and work there.",
        "It should be useful in real life: for production, planning, rescue or daily errands.",
        "It must rest on what is typical of this kind of object, so that nothing else in the "
        "image would be a right reply.",
        f'The answer is a reasonable sentence that contains the words "{_form(group)}"'
        + (" in the plural, because several areas are enclosed." if group.several else "."),
        "For a certain type of aircraft or vehicle, you may say roughly where in the image it is.",
        _HIDE_LINES,
        _FORM,
    ]
    if group.among > 1:
        rules.insert(
            5,
            f"The image shows {group.among} of this kind and only one is meant: the question has "
            "to tell it apart by its place, size or surroundings.",
        )
    told = f'The category of the enclosed area is "{group.category}".'
    return _compose(_ROLE.format(drawn=drawn), told, rules, _EXAMPLES_ONE[style.reasoning])


def several_prompt(groups: Sequence[Group], style: Style) -> str:
    """Ask for a pair about two or three groups, a colour each (paper, Fig. 7).

    Args:
        groups: What is outlined, in the order of `COLOURS`.
        style: How the question should be worded.

    Returns:
        The prompt; the picture goes along with it.
    """
    named = list(zip(COLOURS, groups, strict=False))
    drawn = "lines of several colours enclose areas, a colour for every kind of object"
    wanted = ", ".join(f'"{_form(group)}"' for group in groups)
    rules = [
        _naming_rule(style, [group.category for group in groups]),
        _length_rule(style),
        "Either imagine one scene that needs all of them, or ask one thing of each and join the "
        'parts with "and".',
        "Every kind has to be recognisable by what is typical of it.",
        f"The answer is plausible and contains all of these words: {wanted}. Where a plural is "
        "given, several are enclosed: use the plural.",
        "The question may speak of places, such as the centre or the lower right corner.",
        "Use common sense and imagination; every kind has to be asked for, none left out.",
        _HIDE_LINES,
        _FORM,
    ]
    told = "; ".join(f'{colour} lines: "{group.category}"' for colour, group in named) + "."
    return _compose(_ROLE.format(drawn=drawn), told, rules, _EXAMPLES_SEVERAL[style.reasoning])


def _naming_rule(style: Style, categories: Sequence[str]) -> str:
    listed = ", ".join(f'"{category}"' for category in categories)
    if style.reasoning == "implicit":
        return (
            f"The question must not contain {listed}, a plural or a synonym of it: one has to "
            "reason to find out what is meant."
        )
    return f"The question names what is wanted: it contains {listed} (the plural is fine)."


def _length_rule(style: Style) -> str:
    fewest, most = WORDS[style.length]
    if style.length == "long":
        return (
            f"Imagine a realistic situation that fits the image and describe it in detail. The "
            f"question has {fewest} to {most} words."
        )
    return f"Be brief: the question has {fewest} to {most} words."


def _form(group: Group) -> str:
    return plural(group.category) if group.several else group.category


def _compose(role: str, told: str, rules: Sequence[str], examples: Sequence[str]) -> str:
    numbered = "\n".join(f"{number}. {rule}" for number, rule in enumerate(rules, start=1))
    shown = "\n".join(examples)
    return (
        f"{role}\n{told}\n\nKeep to all of these rules:\n{numbered}\n\n"
        f"Examples of the form, from other images:\n{shown}"
    )
