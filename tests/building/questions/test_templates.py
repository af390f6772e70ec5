"""Questions by templates: how many of them ask for what is not there."""

from __future__ import annotations

import pytest

from segearth.building.questions.templates import _fewer_refusals
from segearth.data.questions import Question


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
