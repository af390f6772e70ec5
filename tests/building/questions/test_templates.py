"""Questions by templates: how many of them ask for what is not there."""

from __future__ import annotations

import re

import numpy as np
import pytest

from segearth.building.masks.naming import without_gaps
from segearth.building.questions.templates import _fewer_refusals
from segearth.data.objects import SceneObject, measure
from segearth.data.questions import Question, ask
from segearth.data.questions_groups import EXCLUSIONS, NUMBERS
from segearth.data.questions_places import place_of


def questions(pattern):
    """One a letter: p with a target, a after something absent."""
    return [
        Question(
            instruction=f"{letter}{number}",
            answer="",
            masks=("mask",) if letter == "p" else (),
            facets={},
        )
        for number, letter in enumerate(pattern)
    ]


@pytest.mark.parametrize(
    ("asked", "wanted", "kept"),
    [
        ("aap", 3, "ap"),  # one at least, where anything is there
        ("apapapppp", 9, "apppppp"),  # six others: one
        ("aaapppppppppppp", 15, "aapppppppppppp"),  # twelve others: two
        ("ppppppppppppaaa", 6, "pppppp"),
        ("appppppppppp", 6, "appppp"),  # of what is wanted, one in six
    ],
)
def test_one_in_six_asks_for_what_is_not_there(asked, wanted, kept):
    found = _fewer_refusals(questions(asked), wanted)

    assert "".join(question.instruction[0] for question in found) == kept


def cars(*boxes, size=100):
    """Complete cars as (x0, y0, x1, y1)."""
    objects = []
    for x0, y0, x1, y1 in boxes:
        mask = np.zeros((size, size), bool)
        mask[y0:y1, x0:x1] = True
        objects.append(SceneObject(category="small car", mask=mask, kind="thing", colour=None))
    return objects


SEVEN = [(10 + 12 * i, 10 + 9 * i, 18 + 12 * i, 14 + 9 * i) for i in range(7)]


def instructions(objects, **choices):
    rng = np.random.default_rng(3)
    return [question.instruction for question in ask(objects, rng, 300, **choices)]


def test_a_count_never_stands_beside_an_exclusion():
    excluding = [text for text in instructions(cars(*SEVEN)) if any(x in text for x in EXCLUSIONS)]

    assert len(excluding) > 5
    assert not any(f" {count} " in text for text in excluding for count in NUMBERS[2:])
    assert not any("but not" in text for text in excluding)


def test_the_compass_is_used_only_where_up_is_north():
    known, unknown = (instructions(cars(*SEVEN), north_up=known) for known in (True, False))

    compass = re.compile(r"\b(?:north|south|east|west)", re.IGNORECASE)
    assert sum(bool(compass.search(text)) for text in known) > 10
    assert not any(compass.search(text) for text in unknown)


def test_two_things_that_the_border_cuts_off_are_not_compared_there():
    texts = instructions(cars((10, 80, 30, 100), (60, 90, 70, 100), (40, 10, 50, 20)))

    assert any("topmost" in text for text in texts)
    assert any("two lowest" in text for text in texts)
    assert not any(
        word in text
        for text in texts
        for word in ("the bottommost", "the lowest", "the lowermost", "lowest down", "very bottom")
    )


def test_things_on_both_sides_are_not_near_the_centre():
    apart = measure(cars((15, 45, 25, 55), (75, 45, 85, 55)))
    together = measure(cars((40, 45, 48, 55), (52, 45, 60, 55)))

    assert place_of(apart).rest == "spread over the image"
    assert place_of(together).rest == "near the centre"


def test_a_kind_is_not_complete_without_the_narrower_ones():
    assert without_gaps({"building", "house", "tree"}, {"house"}) == ["tree"]
    assert without_gaps({"building", "house"}, {"building"}) == ["house"]
