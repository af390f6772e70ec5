"""Subjects, tasks, rules, contours and prompts, one by one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from segearth.building.questions.prompts_categories import LASERS_CATEGORIES
from segearth.building.questions.prompts_contours import COLOURS, draw_contours
from segearth.building.questions.prompts_naming import naming_prompt, read_name
from segearth.building.questions.prompts_questions import several_prompt, single_prompt
from segearth.building.questions.provider import after_from, check_address, without_key
from segearth.building.questions.rules import (
    BrokenRule,
    Pair,
    check_pair,
    mark_answer,
    read_pair,
)
from segearth.building.questions.subjects import read_subjects
from segearth.building.questions.tasks import Group, Style, plan_tasks
from segearth.data.rle import encode_mask
from segearth.errors import DataError, UsageError

IMPLICIT, EXPLICIT = Style("implicit", "long"), Style("explicit", "short")


def group(category, several=False, among=1):
    mask = encode_mask(np.ones((2, 2), bool))
    return Group(
        category=category, masks=(mask,), granularity="instance", several=several, among=among
    )


# --- rules --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '{"description": "a"}',
        '{"description": "a", "answer": "b", "c": 1}',
        '{"description": "a", "answer": 1}',
        '{"description": " ", "answer": "b"}',
        '{"description": "a\\nb", "answer": "b"}',
        '```json\n{"description": "a", "answer": "b"}\n```',
        '{"description": "a", "answer": "b"} Hope it helps!',
        '{"description": "a", "ans',
        "[" * 100_000,
    ],
)
def test_only_strict_json_is_a_reply(text):
    with pytest.raises(BrokenRule):
        read_pair(text)


def test_a_strict_reply_is_read():
    assert read_pair(' {"description": "a  b?", "answer": "c"}\n') == Pair("a b?", "c")


FIFTEEN = "Where in this wide open bay could a rescue crew bring all people ashore safely?"


def test_the_length_is_counted_with_both_ends_included():
    words = FIFTEEN.split()
    assert len(words) == 15
    answer = "The harbor would do."

    check_pair(Pair(FIFTEEN, answer), [group("harbor")], IMPLICIT)
    check_pair(Pair(" ".join(["word"] * 40), answer), [group("harbor")], IMPLICIT)
    for count in (14, 41):
        with pytest.raises(BrokenRule, match=f"has {count} words instead of 15 to 40"):
            check_pair(Pair(" ".join(["word"] * count), answer), [group("harbor")], IMPLICIT)


@pytest.mark.parametrize("named", ["harbor", "Harbors", "harbour", "marina"])
def test_an_implicit_question_names_nothing_by_any_name(named):
    pair = Pair(f"{FIFTEEN} {named}", "The harbor would do.")

    with pytest.raises(BrokenRule, match='names "harbor"'):
        check_pair(pair, [group("harbor")], IMPLICIT)


def test_an_explicit_question_names_everything():
    both = [group("ship"), group("harbor")]

    check_pair(Pair("Find the ship in the harbor.", "A ship in the harbor."), both, EXPLICIT)
    with pytest.raises(BrokenRule, match='does not name "harbor"'):
        check_pair(Pair("Find the ship over there.", "A ship in the harbor."), both, EXPLICIT)


@pytest.mark.parametrize(
    "phrase",
    [
        "outlined in red",
        "Outlined",
        "the red contour",
        "in the blue box",
        "orange-yellow lines",
        "marked in red",
        "within the red-colored outline",
        "the annotated area",
        "highlighted with blue",
    ],
)
def test_the_drawn_lines_are_not_spoken_of(phrase):
    with pytest.raises(BrokenRule, match="speaks of the lines"):
        check_pair(Pair(FIFTEEN, f"The harbor, {phrase}."), [group("harbor")], IMPLICIT)


@pytest.mark.parametrize(
    "fine", ["the red roofs", "a blue lake", "a line of trees", "an outline map"]
)
def test_colours_of_the_world_may_be_spoken_of(fine):
    check_pair(Pair(FIFTEEN, f"The harbor near {fine}."), [group("harbor")], IMPLICIT)


def test_categories_are_marked_where_they_stand():
    groups = [
        group("cooling tower"),
        group("cooling tower shell"),
        group("small car", several=True),
    ]

    marked, order = mark_answer("Small cars by the cooling tower shell of a cooling tower.", groups)

    assert marked == (
        "<p>Small cars </p>[SEG] by the <p>cooling tower shell </p>[SEG] of a "
        "<p>cooling tower </p>[SEG]."
    )
    assert order == [2, 1, 0]


def test_the_number_has_to_be_right():
    with pytest.raises(BrokenRule, match='does not name "ships"'):
        mark_answer("The ship is here.", [group("ship", several=True)])
    with pytest.raises(BrokenRule, match='does not name "ship"'):
        mark_answer("The ships are here.", [group("ship")])


# --- prompts ------------------------------------------------------------------------------


def test_the_single_prompt_says_every_rule_of_figure_6():
    prompt = single_prompt(group("ship", several=True), IMPLICIT)

    for rule in (
        'must not contain "ship"',
        "15 to 40 words",
        "realistic situation",
        "useful in real life",
        "typical of this kind",
        'contains the words "ships" in the plural',
        "strict JSON object",
        '"outlined in red"',
        "type of aircraft or vehicle",
        '"ship"',
    ):
        assert rule in prompt, rule
    assert "only one is meant" in single_prompt(group("ship", among=3), IMPLICIT)


def test_the_prompt_for_several_says_every_rule_of_figure_7():
    prompt = several_prompt([group("a220", several=True), group("dam")], IMPLICIT)

    for rule in (
        'must not contain "a220", "dam"',
        'join the parts with "and"',
        "recognisable by what is typical",
        'all of these words: "a220s", "dam"',
        "strict JSON object",
        '"outlined in red"',
        "use the plural",
        "centre or the lower right corner",
        "imagination",
        'red lines: "a220"; blue lines: "dam".',
    ):
        assert rule in prompt, rule


def test_the_examples_keep_the_rules_themselves():
    for style in (IMPLICIT, EXPLICIT):
        for prompt in (single_prompt(group("x"), style), several_prompt([group("x")], style)):
            examples = [line for line in prompt.splitlines() if line.startswith('{"desc')]
            assert examples
            for line in examples:
                pair = read_pair(line)
                long = Style(style.reasoning, "long")
                groups = [
                    group(name, several=several)
                    for name, several in EXAMPLE_TARGETS.items()
                    if (name in pair.answer)
                ]
                check_pair(pair, groups, long)


EXAMPLE_TARGETS = {
    **{"harbor": False, "storage tank": True, "tennis court": False, "container crane": False},
    **{"airport runway": False, "airplane": True},
}


def test_the_naming_prompt_says_every_rule_of_figure_8():
    prompt = naming_prompt(LASERS_CATEGORIES)

    assert all(f'"{name}"' in prompt for name in LASERS_CATEGORIES)
    for rule in (
        "name of the category alone",
        "from the list",
        "tree or bushes",
        "check once more",
    ):
        assert rule in prompt, rule
    assert read_name(" Dam\n", LASERS_CATEGORIES) == "dam"
    for odd in ("a dam", "dam.", "house", ""):
        with pytest.raises(BrokenRule):
            read_name(odd, LASERS_CATEGORIES)


# --- contours -----------------------------------------------------------------------------


def test_lines_run_just_outside_the_masks():
    image = np.zeros((40, 50, 3), np.uint8)
    masks = [np.zeros((40, 50), bool) for _ in COLOURS]
    masks[0][10:15, 10:15] = True
    masks[1][30, 40] = True

    drawn = draw_contours(image, masks)

    assert not drawn[10:15, 10:15].any()
    assert not drawn[30, 40].any()
    red, blue = ((drawn == COLOURS[name]).all(axis=2) for name in ("red", "blue"))
    assert red.sum() == 7 * 7 - 5 * 5  # a line of one pixel around a square of five
    assert blue.sum() == 3 * 3 - 1
    assert not image.any()


def test_a_mask_of_one_pixel_survives_on_a_smaller_picture():
    mask = np.zeros((400, 400), bool)
    mask[399, 399] = True

    drawn = draw_contours(np.zeros((40, 40, 3), np.uint8), [mask])

    assert drawn.any()


# --- subjects and tasks -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("{", "not valid JSON"),
        ("3", "should be a JSON object"),
        ('{"image": "a.png"}', "neither"),
        ('{"image": "../a.png", "targets": []}', "leads out"),
        ('{"image": "/etc/passwd", "targets": []}', "leads out"),
        ('{"image": "a\\u0000.png", "targets": []}', "is no path"),
        ('{"image": "", "targets": []}', "should be the path"),
        ('{"image": "a.png", "targets": 3}', "should be a list"),
        ('{"image": "a.png", "masks": [3]}', "should be an object"),
        ('{"image": "a.png", "masks": [{"mask": "x"}]}', "a mask is not"),
        ('{"image": "a.png", "masks": [{"mask": {"size": [2, 2], "counts": "~"}}]}', "damaged"),
        ('{"image": "a.png", "targets": [], "gsd_m": -1}', "above 0"),
        ('{"image": "a.png", "targets": [], "complete": "ship"}', "list of text"),
    ],
)
def test_lines_that_are_no_subject(tmp_path, row, problem):
    path = tmp_path / "targets.jsonl"
    path.write_text(row, encoding="utf-8")

    with pytest.raises(DataError, match=problem) as caught:
        read_subjects(path)

    assert "line 1" in str(caught.value)


def test_an_empty_list_and_a_repeated_image_are_refused(tmp_path):
    path = tmp_path / "targets.jsonl"
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match="lists no image"):
        read_subjects(path)
    path.write_text('{"image": "a.png", "masks": []}\n' * 2, encoding="utf-8")
    with pytest.raises(DataError, match="listed twice"):
        read_subjects(path)


def test_tasks_are_the_same_for_the_same_seed_and_do_not_repeat(targets):
    harbour, lake = read_subjects(targets)

    tasks = plan_tasks(harbour, 20, [IMPLICIT, EXPLICIT], 3)

    assert tasks == plan_tasks(harbour, 20, [IMPLICIT, EXPLICIT], 3)
    assert len({task.id for task in tasks}) == len(tasks)
    meant = sorted(
        tuple((part.category, len(part.masks), part.several) for part in task.groups)
        for task in tasks
    )
    # All three ships, each of them, the tank, and ships with the tank.
    assert meant == [
        *[(("ship", 1, False),)] * 3,
        (("ship", 3, True),),
        (("ship", 3, True), ("storage tank", 1, False)),
        (("storage tank", 1, False),),
    ]
    assert len(plan_tasks(lake, 1, [IMPLICIT], 0)) == 1


# --- providers ----------------------------------------------------------------------------


def test_small_things_about_calls():
    assert after_from("2.5") == 2.5
    assert after_from("Wed, 21 Oct 2026 07:28:00 GMT") is None
    assert after_from("-1") is None
    assert without_key("bad key sk-1 (sk-1)", "sk-1") == "bad key *** (***)"
    check_address("http://localhost:8000/v1")
    for address in ("localhost:8000", "ftp://x", "http://", "http://me:secret@x/v1", "http://[x"):
        with pytest.raises(UsageError):
            check_address(address)


def test_an_address_with_a_password_is_not_repeated():
    with pytest.raises(UsageError) as caught:
        check_address("http://me:secret@x/v1")

    assert "secret" not in str(caught.value)
    assert json.dumps(str(caught.value))
