"""Questions have exactly one right answer, worked by hand on a few squares."""

import re

import numpy as np
import pytest

from segearth.data.answers import count_seg, find_phrases
from segearth.data.objects import SceneObject
from segearth.data.questions import ask

SIDE = 100


def box(x, y, width, height=None):
    mask = np.zeros((SIDE, SIDE), bool)
    mask[y : y + (height or width), x : x + width] = True
    return mask


def thing(mask, category="building", **known):
    return SceneObject(category=category, mask=mask, kind="thing", **known)


# A small red one on the left, a middling white one below, a large white one on the right.
SQUARES = (
    thing(box(5, 30, 10), colour="red"),
    thing(box(40, 75, 16), colour="white"),
    thing(box(70, 5, 25), colour="white"),
)
RIGHT_ANSWERS = {
    r"leftmost|left-most|westernmost|to the left\b(?! of)|far left|left edge|furthest left": 0,
    r"rightmost|right-most|easternmost|to the right\b(?! of)|far right|right edge": 2,
    r"topmost|uppermost|northernmost|very top|highest up|top edge": 2,
    r"bottommost|lowermost|southernmost|very bottom|lowest": 1,
    r"largest|biggest": 2,
    r"smallest": 0,
    r"\bred\b": 0,
    r"second [^.]*from the (?:left|right)": 1,
    r"second [^.]*from the (?:top|bottom)": 0,
    r"lower half|bottom half": 1,
}


def questions(objects, seeds=150, count=6, **known):
    return [
        question
        for seed in range(seeds)
        for question in ask(objects, np.random.default_rng(seed), count, **known)
    ]


def same(first, second):
    return np.array_equal(first, second)


@pytest.fixture(scope="module")
def about_squares():
    return questions(SQUARES)


@pytest.mark.parametrize(("words", "index"), RIGHT_ANSWERS.items())
def test_three_squares_are_told_apart(about_squares, words, index):
    asked = [
        question
        for question in about_squares
        if question.facets["multiplicity"] == "single"
        and question.facets["granularity"] == "instance"
        and re.search(words, question.instruction, re.IGNORECASE)
        and not re.search(
            r"except|but not|other than|two|three|bigger|larger|which is|white",
            question.instruction,
        )
        and find_phrases(question.answer) == ["building"]
        and len([w for w in RIGHT_ANSWERS if re.search(w, question.instruction.lower())]) == 1
    ]

    assert asked
    for question in asked:
        assert same(question.masks[0], SQUARES[index].mask), question.instruction


def test_all_of_a_kind_is_the_union(about_squares):
    everything = np.any([square.mask for square in SQUARES], axis=0)
    asked = [q for q in about_squares if q.facets["granularity"] == "semantic" and q.masks]

    assert asked
    assert all(same(question.masks[0], everything) for question in asked)


def test_all_but_one_leaves_that_one_out(about_squares):
    asked = [
        question
        for question in about_squares
        if re.search(
            r"(?:except|but not|other than) the (?:leftmost|left-most|westernmost)",
            question.instruction,
        )
        and len(question.masks) == 1
    ]

    assert asked
    for question in asked:
        assert same(question.masks[0], SQUARES[1].mask | SQUARES[2].mask)


def test_a_narrow_lead_is_not_asked_for():
    level = (thing(box(20, 10, 12)), thing(box(22, 60, 13)))

    asked = " ".join(question.instruction for question in questions(level, 80))

    assert not re.search(r"leftmost|rightmost|largest|biggest|smallest|smaller|larger", asked)
    assert re.search(r"topmost|uppermost", asked)


def test_a_thing_cut_by_the_border_is_never_the_smallest():
    cut = (thing(box(0, 40, 8)), thing(box(50, 40, 20)), thing(box(75, 70, 20)))

    asked = " ".join(question.instruction for question in questions(cut, 80))

    assert "smallest" not in asked


def test_near_colours_pick_nothing_out():
    close = (
        thing(box(10, 10, 12), colour="red"),
        thing(box(50, 50, 12), colour="orange"),
        thing(box(80, 20, 12), colour="white"),
    )

    asked = [question for question in questions(close, 80) if question.masks]

    text = " ".join(re.sub(r", an? \w+ one", "", question.instruction) for question in asked)
    assert not re.search(r"\b(?:red|orange)\b", text)
    assert re.search(r"\bwhite\b", text)


def test_an_unclear_colour_among_them_makes_all_colours_useless():
    unclear = (*SQUARES[:2], thing(box(80, 80, 12), colour=None))

    asked = [question for question in questions(unclear, 60) if question.masks]

    text = " ".join(re.sub(r", an? \w+ one", "", question.instruction) for question in asked)
    assert not re.search(r"\b(?:red|white)\b", text)


def test_nothing_is_asked_of_a_kind_that_is_not_completely_known():
    partly = [thing(square.mask, complete=False) for square in SQUARES]

    assert questions(partly, 20) == []


def test_one_unknown_truck_silences_the_word_vehicle_but_not_the_cars():
    cars = [thing(box(10 + 30 * i, 20, 8, 4), "small car", colour="white") for i in range(3)]
    truck = thing(box(40, 70, 20, 8), "truck", complete=False)

    asked = " ".join(q.instruction.lower() for q in questions([*cars, truck], 60, closed=True))

    assert "vehicle" not in asked
    assert "car" in asked
    assert "truck" not in asked


def test_a_wider_word_counts_every_kind_it_reaches():
    car = thing(box(60, 20, 8, 4), "small car", colour="white")
    truck = thing(box(20, 70, 20, 8), "truck", colour="white")

    asked = [
        question
        for question in questions([car, truck], 100, closed=True)
        if re.search(r"\b(?:leftmost|left-hand) vehicle", question.instruction)
        and len(question.masks) == 1
    ]

    assert asked
    assert all(same(question.masks[0], truck.mask) for question in asked)


def test_relations_hold_against_a_named_neighbour():
    tank = thing(box(45, 45, 10), "storage tank")
    left, right = thing(box(10, 45, 10), "house"), thing(box(80, 45, 10), "house")

    asked = [q for q in questions([tank, left, right], 120) if len(q.masks) == 1]
    of_left = [
        q for q in asked if re.search(r"left (?:side )?of the (?:storage )?tank", q.instruction)
    ]
    of_right = [q for q in asked if re.search(r"right (?:side )?of the", q.instruction)]

    assert of_left
    assert all(same(question.masks[0], left.mask) for question in of_left)
    assert of_right
    assert all(same(question.masks[0], right.mask) for question in of_right)


def test_the_nearest_needs_a_clear_lead():
    tank = thing(box(45, 45, 10), "storage tank")
    near, far = thing(box(60, 45, 8), "house"), thing(box(5, 5, 8), "house")
    even = thing(box(30, 45, 9), "house")

    clear = [q for q in questions([tank, near, far], 120) if re.search("close|near", q.instruction)]
    level = [q for q in questions([tank, near, even], 60) if "to the tank" in q.instruction]

    assert any(same(question.masks[0], near.mask) for question in clear if len(question.masks) == 1)
    assert not [q for q in level if re.search(r"closest|nearest", q.instruction)]


def test_parts_belong_to_the_object_named():
    planes = [thing(box(5, 20, 30), "airplane"), thing(box(60, 60, 30), "airplane")]
    wings = [
        SceneObject(category="wing", mask=box(x, y, 10), kind="part", parent=parent)
        for x, y, parent in ((10, 20, 0), (10, 40, 0), (65, 60, 1), (65, 80, 1))
    ]

    asked = [
        question
        for question in questions([*planes, *wings], 150)
        if re.search(r"the upper wing of the (?:left|top|upper)[a-z-]* \w+", question.instruction)
        and len(question.masks) == 1
    ]

    assert asked
    for question in asked:
        assert same(question.masks[0], wings[0].mask)
        assert question.facets["granularity"] == "part"


def test_a_crowd_is_only_asked_for_as_a_whole():
    crowd = thing(box(10, 10, 60), "small car", crowd=True)
    tank = thing(box(80, 80, 12), "storage tank")

    asked = [q for q in questions([crowd, tank], 60) if "car" in q.answer]

    assert asked
    for question in asked:
        if question.masks:
            assert "<p>small cars </p>" in question.answer
            alone = re.sub(r"(?:every|each) (?:small )?car", "", question.instruction.lower())
            assert not re.search(r"\bcar\b(?! park)", alone)


def test_what_is_not_there_is_denied_without_a_mask():
    asked = [q for q in questions(SQUARES, 150, absent=["airplane", "sea"]) if not q.masks]

    assert asked
    for question in asked:
        assert count_seg(question.answer) == 0
        assert re.search(r"\b[Nn]o\b", question.answer)
        assert question.facets["multiplicity"] == "none"
    assert any("airplane" in question.answer for question in asked)
    assert not any(re.search(r"\b(?:red|white|beige) building", q.answer) for q in asked)


def test_what_is_there_under_another_name_is_not_denied():
    house = [thing(box(20, 20, 30), "house")]

    asked = [q for q in questions(house, 60, absent=["building", "mobile home"]) if not q.masks]

    assert not any(re.search(r"buildings?\b|mobile", question.answer) for question in asked)


def test_the_same_seed_asks_the_same():
    first, second = (ask(SQUARES, np.random.default_rng(7), 12) for _ in range(2))

    assert [(q.instruction, q.answer, q.facets) for q in first] == [
        (q.instruction, q.answer, q.facets) for q in second
    ]


def test_questions_of_one_picture_differ():
    asked = ask(SQUARES, np.random.default_rng(3), 40)

    assert len({question.instruction.lower().rstrip(".?") for question in asked}) == len(asked)
