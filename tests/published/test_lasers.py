"""Records of several subsets of LaSeRS: which are one, which are two, which facets they have."""

from __future__ import annotations

import pytest
from conversion import converted, kinds, listed
from makers import DOCK, SHIP, lasers_record, make_lasers

ASK = "Find the wing."
ANSWER = "It is the <p>wing </p>[SEG]."


def record(number, mask=SHIP, answer=ANSWER, **more):
    return lasers_record(number, ASK, answer, mask, **more)


def test_records_that_differ_in_their_masks_only_are_two(tmp_path):
    files = {"test/a": [record(1), record(2, DOCK)], "test/b": [record(3, DOCK), record(4)]}
    make_lasers(tmp_path / "src", files)

    report, records = converted("lasers", tmp_path / "src", tmp_path / "out")

    assert [found.id for found in records["test"]] == ["a-1", "a-2"]
    assert (report.splits["test"].found, report.splits["test"].left_out) == (2, 0)
    lines = [line for line in listed(tmp_path / "out") if line["kind"] == "in several subsets"]
    assert [(line["id"], line["place"], line["why"]) for line in lines] == [
        ("b-3", "test/0.png", "the same as a-2"),
        ("b-4", "test/0.png", "the same as a-1"),
    ]


def test_a_record_with_too_few_masks_is_not_lost_behind_a_whole_one(tmp_path):
    two = "The <p>wing </p>[SEG] and the <p>tail </p>[SEG]."
    whole = lasers_record(1, ASK, two, SHIP, DOCK)
    make_lasers(tmp_path / "src", {"test/a": [whole], "test/b": [whole, record(2, answer=two)]})

    report, records = converted("lasers", tmp_path / "src", tmp_path / "out")

    assert [found.id for found in records["test"]] == ["a-1"]
    assert (report.splits["test"].found, report.splits["test"].left_out) == (3, 1)
    assert kinds(report.left_out) == {"mask count": 2}  # in test and in test_b


@pytest.mark.parametrize("keep", [False, True])
def test_a_file_s_own_duplicates_fare_the_same_with_and_without_another_file(tmp_path, keep):
    twice = [record(1), record(2)]
    make_lasers(tmp_path / "one", {"test/a": twice})
    make_lasers(tmp_path / "two", {"test/a": [record(1)], "test/b": twice})

    _, one = converted("lasers", tmp_path / "one", tmp_path / "o1", keep_duplicates=keep)
    report, two = converted("lasers", tmp_path / "two", tmp_path / "o2", keep_duplicates=keep)

    assert [found.id for found in one["test"]] == (["a-1", "a-2"] if keep else ["a-1"])
    assert [found.id for found in two["test"]] == (["a-1", "b-2"] if keep else ["a-1"])
    assert report.splits["test"].found == 2  # b-1 is a-1, b-2 is a second one
    assert report.splits["test"].left_out == (0 if keep else 1)
    assert report.splits["test"].duplicates == (1 if keep else 0)


def test_a_record_of_two_subsets_has_the_facets_of_both_names(tmp_path):
    files = {name: [record(1)] for name in ("test/all", "test/instance", "test/implicit")}
    make_lasers(tmp_path / "src", files)

    _, records = converted("lasers", tmp_path / "src", tmp_path / "out")

    (found,) = records["test"]
    # By its words alone it would be an explicit part.
    assert (found.facets["granularity"], found.facets["reasoning"]) == ("instance", "implicit")
    assert (found.extra["subset"], found.extra["also_in"]) == ("all", ["implicit", "instance"])
    (guessed,) = records["test_all"]
    assert (guessed.facets["granularity"], guessed.facets["reasoning"]) == ("part", "explicit")


def test_two_records_with_the_same_id_are_both_there(tmp_path):
    rows = [record(1), record(1, DOCK, image="1.png")]
    make_lasers(tmp_path / "src", {"train/train_data": rows})

    report, records = converted("lasers", tmp_path / "src", tmp_path / "out")

    assert [found.id for found in records["train"]] == ["train_data-1", "train_data-1-at-1"]
    assert report.noted["id twice"].count == 1
