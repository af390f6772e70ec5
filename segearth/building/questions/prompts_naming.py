"""What a vision-language model is told when it gives an unnamed mask a category (paper, Fig. 8).

The rules are the paper's, in our words. One thing is added: a model that cannot tell may say
"unsure", and the mask is then listed as unnamed. The paper's prompt has to name everything,
which turns doubt into a wrong label.
"""

from __future__ import annotations

from collections.abc import Sequence

from segearth.building.questions.rules import BrokenRule

UNSURE = "unsure"

_ALIKE = (
    ("cooling tower shell", "cooling tower top opening"),
    ("path", "road", "bridge road"),
    ("tree", "bushes"),
    ("airplane", "airplane engine", "fuselage"),
    ("ship", "bow of ship", "stern of ship"),
)


def naming_prompt(categories: Sequence[str]) -> str:
    """Ask which category the areas within red lines belong to.

    Args:
        categories: What can be chosen from.

    Returns:
        The prompt; the picture goes along with it.
    """
    listed = ", ".join(f'"{category}"' for category in dict.fromkeys(categories))
    alike = "; ".join(
        " or ".join(names) for names in _ALIKE if len(set(names) & set(categories)) > 1
    )
    rules = [
        "Reply with the name of the category alone: no sentence, no quotation marks, no full stop.",
        "Take the name from the list, letter by letter.",
        *([f"Tell apart what looks or sounds alike: {alike}."] if alike else []),
        "Before you reply, check once more that the name fits what lies inside the lines, all of "
        f"it and nothing more. If no name does, or two do, reply {UNSURE}.",
    ]
    numbered = "\n".join(f"{number}. {rule}" for number, rule in enumerate(rules, start=1))
    return (
        "You interpret satellite and aerial images for a living. On this one, red lines enclose "
        "one or more areas that belong together. Which category of this list are they?\n"
        f"[{listed}]\n\nKeep to all of these rules:\n{numbered}\n\n"
        "Examples: lines around a single aircraft on the apron: airplane. Lines around a long "
        "hall right at the quay: dockside warehouse. Lines around a fourth of a court: service box."
    )


def read_name(text: str, categories: Sequence[str]) -> str:
    """Return the category of a reply, or "unsure".

    Raises:
        BrokenRule: The reply is not one name of the list.
    """
    known = {category.casefold(): category for category in (*categories, UNSURE)}
    name = known.get(text.strip().casefold())
    if name is None:
        raise BrokenRule("the reply is not exactly one name of the list")
    return name
