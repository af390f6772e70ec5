"""What stays, what goes, and why."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from segearth.building.shapes.filter import filter_masks, judge
from segearth.building.shapes.profile import Learnt, Profile
from segearth.building.shapes.references import measure_references
from segearth.cli.app import app
from segearth.data.rle import encode_mask
from segearth.errors import DataError


def box(*corners, size=(60, 80)):
    """A mask of upright boxes x0, y0, x1, y1."""
    mask = np.zeros(size, bool)
    for x0, y0, x1, y1 in corners:
        mask[y0:y1, x0:x1] = True
    return mask


def row(name, mask, boxes=(), category=None):
    return {
        "id": name,
        "mask": encode_mask(mask),
        "proposer": "samrs",
        "score": None,
        "category": category,
        "boxes": [list(item) for item in boxes],
        "prompt": None,
        "note": "kept as it is",
    }


def write_masks(folder, masks, image="images/a.png"):
    (folder / "images").mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "images" / "a.png"), np.full((60, 80, 3), 90, np.uint8))
    line = {"image": image, "size": [60, 80], "gsd_m": 0.5, "masks": masks}
    path = folder / "masks.jsonl"
    path.write_text(json.dumps(line, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def accept(category, **ranges):
    whole = {"eccentricity": (0.0, 1.0)}
    return Profile(
        rule="by hand",
        any=Learnt(references=0, accepted=0, ranges=whole),
        categories={category: Learnt(references=0, accepted=0, ranges=ranges)},
    )


ONE, TWO = (5, 5, 25, 25), (40, 5, 60, 25)
CASES = {
    "one box, one component": (box(ONE), [ONE], []),
    "two boxes, two components": (box(ONE, TWO), [ONE, TWO], []),
    "fragmented": (box(ONE, TWO), [ONE], ["components"]),
    "merged": (box((5, 5, 60, 25)), [ONE, TWO], ["components"]),
    "no boxes, nothing to compare": (box(ONE, TWO), [], []),
    "empty": (box(), [ONE], ["empty"]),
    "empty without boxes": (box(), [], ["empty"]),
}


@pytest.mark.parametrize("name", CASES)
def test_components_are_compared_with_boxes(name):
    mask, boxes, checks = CASES[name]

    judged = judge(row("m", mask, boxes), None)

    assert [reason["check"] for reason in judged["reasons"]] == checks
    assert judged["note"] == "kept as it is"


def test_every_figure_out_of_its_range_is_a_reason():
    profile = accept("roof", extent=(0.9, 1.0), eccentricity=(0.5, 0.6), solidity=(0.0, 0.5))

    judged = judge(row("m", box(ONE), [ONE], "Roof"), profile)

    assert judged["judged_by"] == "roof"
    assert judged["reasons"] == [
        {"check": "eccentricity", "value": 0.0, "range": [0.5, 0.6]},
        {"check": "solidity", "value": 1.0, "range": [0.0, 0.5]},
    ]


def test_a_category_without_references_is_not_judged():
    judged = judge(row("m", box(ONE), [ONE], "ship"), accept("roof", extent=(0.0, 0.1)))

    assert (judged["judged_by"], judged["reasons"]) == (None, [])


def test_every_mask_lands_in_one_file(tmp_path):
    masks = [
        row("a", box(ONE), [ONE], "roof"),
        row("b", box(ONE, TWO), [ONE], "roof"),
        row("c", box(ONE), [], "ä"),
    ]
    out = tmp_path / "out"
    out.mkdir()

    outcome = filter_masks(write_masks(tmp_path / "in", masks), out, accept("roof", extent=(0, 1)))

    kept, rejected = (
        json.loads((out / name).read_text(encoding="utf-8"))
        for name in ("kept.jsonl", "rejected.jsonl")
    )
    assert [mask["id"] for mask in kept["masks"]] == ["a", "c"]
    assert [mask["id"] for mask in rejected["masks"]] == ["b"]
    assert rejected["masks"][0]["reasons"][0]["value"] == 2
    assert rejected["masks"][0]["figures"]["extent"] == 1.0
    assert kept["gsd_m"] == 0.5
    assert (out / kept["image"]).is_file()
    assert (outcome.kept, outcome.rejected, dict(outcome.unjudged)) == (2, 1, {"ä": 1})
    sheet = cv2.imread(str(out / "sheet.png"))
    assert sheet.shape[1] == 8 * 144
    green, red = np.array([60, 200, 60]), np.array([60, 60, 230])  # BGR
    for colour in (green, red):
        assert (np.abs(sheet.astype(int) - colour).max(axis=2) < 10).sum() > 200


def test_a_damaged_mask_names_itself_and_nothing_is_written(tmp_path):
    bad = row("bad", box(ONE), [ONE])
    bad["mask"]["counts"] = "0"
    out = tmp_path / "out"
    out.mkdir()

    with pytest.raises(DataError, match="damaged") as caught:
        filter_masks(write_masks(tmp_path / "in", [bad]), out, None)

    assert '"bad"' in caught.value.where
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("content", ["", "\n\n", None], ids=["empty", "blank", "no masks"])
def test_a_file_without_masks_is_refused_and_nothing_is_written(tmp_path, content):
    source = write_masks(tmp_path / "in", [])
    if content is not None:
        source.write_text(content)
    words = ["data", "filter", str(source), "-o", str(tmp_path / "out")]

    result = CliRunner().invoke(app, words)

    assert result.exit_code == 3
    assert "masks.jsonl holds no mask" in result.stderr
    assert list((tmp_path / "out").rglob("*.jsonl")) == []
    assert not (tmp_path / "out" / "sheet.png").exists()


@pytest.mark.parametrize("image", ["../a.png", "/etc/passwd", "images/none.png", "a\x00b"])
def test_images_stay_inside_and_exist(tmp_path, image):
    out = tmp_path / "out"
    out.mkdir()

    with pytest.raises(DataError, match=r"leads out|missing"):
        filter_masks(write_masks(tmp_path / "in", [row("m", box(ONE))], image), out, None)

    assert not (out / "kept.jsonl").exists()


def test_references_of_a_manifest_get_their_category_from_the_phrase(tmp_path):
    (tmp_path / "a.png").write_bytes(b"never opened")
    record = {
        "id": "1",
        "image": "a.png",
        "instruction": "Find them.",
        "answer": "<p>airplanes </p>[SEG] and <p>the thing </p>[SEG]",
        "masks": [encode_mask(box(ONE, TWO)), encode_mask(box(TWO))],
        "facets": {},
    }
    path = tmp_path / "m.jsonl"
    again = {**record, "id": "2"}  # another question with the same targets
    path.write_text(json.dumps(record) + "\n" + json.dumps(again) + "\n", encoding="utf-8")

    measured = list(measure_references(path))

    assert [category for category, _ in measured] == ["airplane", None]
    assert measured[0][1]["extent"] == 1.0  # of the largest component


def test_references_of_a_file_of_masks(tmp_path):
    path = write_masks(tmp_path, [row("a", box(ONE), [], "roof"), row("b", box(), [], "roof")])

    assert [category for category, _ in measure_references(path)] == ["roof"]


def test_a_mask_of_nobody_is_refused_and_no_folder_looks_finished(tmp_path):
    path = write_masks(tmp_path, [row("m", box(ONE))])
    line = json.loads(path.read_text(encoding="utf-8"))
    del line["masks"][0]["proposer"]
    path.write_text(json.dumps(line), encoding="utf-8")

    result = CliRunner().invoke(app, ["data", "filter", str(path), "-o", str(tmp_path / "out")])

    assert result.exit_code == 3
    assert '"masks"[0]: "proposer" should be text' in result.stderr
    assert not (tmp_path / "out" / "kept.jsonl").exists()


def test_a_sheet_that_cannot_be_drawn_leaves_no_folder_that_looks_finished(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("segearth.building.shapes.filter.draw_sheet", full)
    (tmp_path / "out").mkdir()

    with pytest.raises(DataError, match="No space left"):
        filter_masks(write_masks(tmp_path, [row("m", box(ONE))]), tmp_path / "out", None)

    assert not (tmp_path / "out" / "kept.jsonl").exists()


def test_a_record_with_a_category_of_its_own_is_a_reference_for_it(tmp_path):
    write_masks(tmp_path, [])
    record = {
        "id": "r",
        "image": "images/a.png",
        "instruction": "Where is the pump?",
        "answer": "It is the <p>wind pump </p>[SEG].",
        "masks": [encode_mask(box(ONE))],
        "facets": {},
        "category": "wind pump",
    }
    path = tmp_path / "m.jsonl"
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")

    assert [category for category, _ in measure_references(path)] == ["wind pump"]
