"""Everything that was left out is listed; duplicates stay where they are wanted."""

from __future__ import annotations

import json

import pytest
from conversion import converted, kinds, listed
from makers import (
    DOCK,
    NOTHING,
    SHIP,
    make_rrsis_d,
    make_samrs,
    rectangle,
    rle,
    save_image,
    save_json,
)

from segearth.errors import DataError, UsageError
from segearth.published.report import EXAMPLES

OTHER_SIZE = rectangle(0, 0, 2, 2, height=8, width=9)


def test_every_record_is_listed_and_five_are_examples(tmp_path):
    wrong = [("test", f"{number}.jpg", OTHER_SIZE, ["A tank"]) for number in range(EXAMPLES + 3)]
    make_rrsis_d(tmp_path / "src", [*wrong, ("test", "ü.jpg", NOTHING, ["A tank"])])

    with pytest.raises(DataError, match="no record came out"):
        converted("rrsis-d", tmp_path / "src", tmp_path / "out")

    lines = listed(tmp_path / "out")
    sizes = [line for line in lines if line["kind"] == "mask size"]
    assert sizes[7] == {
        "split": "test",
        "id": "7-0",
        "place": "7.jpg",
        "left_out": True,
        "kind": "mask size",
        "why": '"masks"[0] is 8 x 9 (height x width), the image is 8 x 10',
    }
    assert [line["place"] for line in lines if line["kind"] == "mask empty"] == ["ü.jpg"]
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["every_finding"] == "left_out.jsonl"
    assert report["left_out"]["mask size"]["count"] == len(sizes) == EXAMPLES + 3
    assert len(report["left_out"]["mask size"]["examples"]) == EXAMPLES


def test_duplicates_are_kept_and_counted_where_that_is_wanted(tmp_path):
    entries = [
        ("test", "1.jpg", SHIP, ["A tank"]),
        ("test", "1.jpg", SHIP, ["A tank"]),
        ("test", "1.jpg", DOCK, ["A tank"]),  # another mask: no duplicate
        ("test", "2.jpg", OTHER_SIZE, ["A tank"]),
        ("test", "2.jpg", OTHER_SIZE, ["A tank"]),
    ]
    make_rrsis_d(tmp_path / "src", entries)

    report, records = converted("rrsis-d", tmp_path / "src", tmp_path / "a")
    kept, all_records = converted("rrsis-d", tmp_path / "src", tmp_path / "b", keep_duplicates=True)

    assert [record.id for record in records["test"]] == ["0-0", "2-0"]
    assert kinds(report.left_out) == {"duplicate record": 1, "mask size": 2}
    assert [record.id for record in all_records["test"]] == ["0-0", "1-0", "2-0"]
    assert kinds(kept.left_out) == {"mask size": 2}
    assert kinds(kept.noted)["duplicate kept"] == 1
    assert kept.to_json()["splits"]["test"]["duplicates_kept"] == 1
    assert report.to_json()["splits"]["test"]["duplicates_kept"] == 0


def test_a_duplicate_names_the_line_that_it_repeats(tmp_path):
    entries = [("test", "0.jpg", NOTHING, ["A tank"])]
    entries += [("test", "1.jpg", SHIP, ["A tank"])] * 2
    make_rrsis_d(tmp_path / "src", entries)

    report, _ = converted("rrsis-d", tmp_path / "src", tmp_path / "out")

    (example,) = report.left_out["duplicate record"].examples
    assert (example["id"], example["message"]) == ("2-0", "says the same as line 1")


def test_a_kept_copy_with_the_id_of_the_first_gets_its_own(tmp_path):
    root = make_samrs(tmp_path / "src", {"P1": [("ship", SHIP, [1, 1, 4, 3])]})
    (root / "train.txt").write_text("P1\nP1\nP1\n")

    report, records = converted("samrs", root, tmp_path / "out", keep_duplicates=True)

    assert [record.id for record in records["train"]] == ["P1-ship", "P1-ship (2)", "P1-ship (3)"]
    assert report.splits["train"].duplicates == 2


def test_the_list_is_empty_where_all_is_well(tmp_path):
    root = make_samrs(tmp_path / "src", {"P1": [("ship", SHIP, [1, 1, 4, 3])]})

    converted("samrs", root, tmp_path / "out")

    assert listed(tmp_path / "out") == []


def test_names_that_utf_8_cannot_hold_are_spelt_out(tmp_path):
    root = tmp_path / "src"
    images = [
        {"id": "\ud800", "file_name": "\ud800.png", "height": 8, "width": 10},
        {"id": 2, "file_name": "2.png", "height": 8, "width": 10},
    ]
    annotation = {"id": 1, "image_id": 2, "category_id": 1, "segmentation": rle(SHIP)}
    categories = [{"id": 1, "name": "\ud800"}]
    root.mkdir()
    rows = {"images": images, "annotations": [annotation], "categories": categories}
    (root / "a.json").write_text(json.dumps(rows))
    save_image(root / "2.png")

    with pytest.raises(DataError, match="no record came out"):
        converted("coco", root, tmp_path / "out")

    assert [(line["id"], line["kind"]) for line in listed(tmp_path / "out")] == [
        ("image \\ud800", "name leads outside"),
        ("2-\\ud800", "no Unicode"),
    ]


def test_no_split_may_be_called_as_the_list_is(tmp_path):
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": rle(SHIP)}
    rows = {
        "images": [{"id": 1, "file_name": "1.png", "height": 8, "width": 10}],
        "annotations": [annotation],
        "categories": [{"id": 1, "name": "ship"}],
    }
    save_json(tmp_path / "src" / "left_out.json", rows)

    with pytest.raises(UsageError, match=r"left_out\.jsonl would be a manifest"):
        converted("coco", tmp_path / "src", tmp_path / "out")
    assert not (tmp_path / "out").exists()
