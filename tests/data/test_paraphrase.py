"""Hand-written requests in other words, mirrored, and joined."""

import numpy as np
import pytest

from segearth.data.answers import count_seg
from segearth.data.paraphrase import join, mirror, paraphrase


@pytest.mark.parametrize(
    ("text", "mirrored"),
    [
        ("Segment the leftmost tank.", "Segment the rightmost tank."),
        ("The car in the upper-left corner", "The car in the upper-right corner"),
        ("Left of it lies the road.", "Right of it lies the road."),
        ("the north-west corner", "the north-east corner"),
        ("the southeastern field", "the southwestern field"),
        (
            "the right-hand wing of the plane on the right",
            "the left-hand wing of the plane on the left",
        ),
        ("the house right next to the road", "the house right next to the road"),
        ("the pool on the right behind the house", "the pool on the left behind the house"),
        ("They left the car on the left side.", "They left the car on the right side."),
        ("what is moving right now", "what is moving right now"),
        ("Find the bright car.", "Find the bright car."),
    ],
)
def test_left_becomes_right(text, mirrored):
    assert mirror(text, horizontal=True, vertical=False) == mirrored


@pytest.mark.parametrize(
    ("text", "mirrored"),
    [
        ("the topmost of the upper boats", "the bottommost of the lower boats"),
        ("the tree above the path", "the tree below the path"),
        ("the bottom-right tile", "the top-right tile"),
        ("the plane facing up", "the plane facing down"),
        ("where a jet could touch down", "where a jet could touch down"),
        ("the north-west corner", "the south-west corner"),
        ("the vent on top of the roof", "the vent on top of the roof"),
    ],
)
def test_top_becomes_bottom(text, mirrored):
    assert mirror(text, horizontal=False, vertical=True) == mirrored


@pytest.mark.parametrize(
    "text",
    [
        "the cars that circle clockwise",
        "the letter painted on the runway",
        "the lane for those who turn left",
        "the number 18",
    ],
)
def test_what_a_flip_falsifies_is_refused(text):
    assert mirror(text, horizontal=True, vertical=False) is None
    assert mirror(text, horizontal=False, vertical=True) is None


def test_a_bridge_and_what_is_below_it_are_not_turned_over():
    assert mirror("the lanes below the bridge", horizontal=False, vertical=True) is None


@pytest.mark.parametrize("flips", [(True, False), (False, True), (True, True)])
def test_mirrored_twice_is_the_original(flips):
    horizontal, vertical = flips
    texts = (
        "Segment the upper left tank, right below the leftmost road.",
        "The <p>dock </p>[SEG] runs down to the <p>boat </p>[SEG] at the right.",
        "Which of the southernmost houses is nearest to the western edge?",
    )

    for text in texts:
        once = mirror(text, horizontal=horizontal, vertical=vertical)
        if once is not None:
            assert mirror(once, horizontal=horizontal, vertical=vertical) == text


def test_a_command_keeps_its_noun_phrase():
    rng = np.random.default_rng(0)

    made = {paraphrase("Segment the red car beside the shed.", rng) for _ in range(60)}

    assert len(made) > 10
    assert all("red car beside the shed" in text.lower() for text in made)


@pytest.mark.parametrize(
    "text",
    [
        "Where could sheep graze?",
        "A pilot is in trouble; where can she land?",
        "Which court is on the far right?",
    ],
)
def test_what_is_not_understood_stays(text):
    assert {paraphrase(text, np.random.default_rng(seed)) for seed in range(20)} == {text}


def test_two_requests_become_one_in_order():
    first = ("Find the red car.", "The red <p>small car </p>[SEG] is on the left.")
    second = ("Mark the pool.", "The <p>swimming pool </p>[SEG] is on the right.")

    instruction, answer = join(first, second, np.random.default_rng(1))

    assert instruction.index("red car") < instruction.index("pool")
    assert answer.index("small car") < answer.index("swimming pool")
    assert count_seg(answer) == 2


@pytest.mark.parametrize(
    "second",
    [
        ("Mark the other car.", "The <p>small car </p>[SEG] is there."),
        ("Where could one swim?", "In the <p>swimming pool </p>[SEG]."),
        ("Is there a ship?", "No ship is here."),
        ("Find the red car.", "The red <p>small car </p>[SEG] is on the left."),
    ],
)
def test_requests_that_do_not_go_together_are_left_alone(second):
    first = ("Find the red car.", "The red <p>small car </p>[SEG] is on the left.")

    assert join(first, second, np.random.default_rng(0)) is None
