"""Every kind of mistake is found, all of them at once, and nothing else."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import rasterio
from affine import Affine

from segearth.data.check import RowChecker, check_manifest
from segearth.data.rle import encode_mask
from segearth.errors import DataError

MASK = np.zeros((6, 8), bool)
MASK[1:3, 2:5] = True
RLE = encode_mask(MASK)
FACETS = {
    "granularity": "instance",
    "multiplicity": "single",
    "reasoning": "explicit",
    "length": "short",
}
ROW = {
    "id": "a",
    "image": "a.png",
    "instruction": "Find the ship.",
    "answer": "The <p>ship </p>[SEG].",
    "masks": [RLE],
    "facets": FACETS,
}


def check(folder, *rows):
    cv2.imwrite(str(folder / "a.png"), np.zeros((6, 8, 3), np.uint8))
    path = folder / "m.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return check_manifest(path)


def kinds(findings):
    return [mistake.kind for mistake in findings.mistakes]


def test_a_sound_manifest_has_no_mistakes(tmp_path):
    absent = {
        **ROW,
        "id": "b",
        "answer": "There is no ship.",
        "masks": [],
        "facets": {**FACETS, "multiplicity": "none"},
    }

    findings = check(tmp_path, ROW, absent)

    assert findings.mistakes == []
    assert (findings.records, findings.images, findings.targets) == (2, 1, 1)


def long_instruction(words):
    return " ".join(["word"] * words)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        pytest.param("{", "bad JSON", id="json"),
        pytest.param("3", "not a record", id="number"),
        pytest.param({**ROW, "image": "none.png"}, "image missing", id="image-missing"),
        pytest.param({**ROW, "image": "m.jsonl"}, "image unreadable", id="image-unreadable"),
        pytest.param({**ROW, "image": "../a.png"}, "image outside", id="image-outside"),
        pytest.param({**ROW, "image": 5}, "image type", id="image-type"),
        pytest.param({**ROW, "masks": []}, "mask count", id="mask-count"),
        pytest.param({**ROW, "masks": ["x"]}, "mask is no RLE", id="mask-form"),
        pytest.param({**ROW, "masks": [encode_mask(MASK.T)]}, "mask size", id="mask-size"),
        pytest.param({**ROW, "masks": [encode_mask(MASK & False)]}, "mask empty", id="mask-empty"),
        pytest.param(
            {**ROW, "masks": [{"size": [6, 8], "counts": "1"}]}, "mask damaged", id="mask-damaged"
        ),
        pytest.param({**ROW, "answer": "Here: [SEG]."}, "phrase missing", id="no-phrase"),
        pytest.param({**ROW, "answer": "<p> </p>[SEG]."}, "phrase missing", id="empty-phrase"),
        pytest.param({**ROW, "facets": {**FACETS, "length": "huge"}}, "facet value", id="value"),
        pytest.param({**ROW, "facets": dict(list(FACETS.items())[1:])}, "facet missing", id="none"),
        pytest.param({**ROW, "facets": {**FACETS, "length": "long"}}, "facet length", id="short"),
        pytest.param({**ROW, "instruction": long_instruction(13)}, "facet length", id="long"),
        pytest.param(
            {**ROW, "facets": {**FACETS, "multiplicity": "multiple"}},
            "facet multiplicity",
            id="one",
        ),
    ],
)
def test_each_kind_is_found_alone(tmp_path, row, kind):
    assert kinds(check(tmp_path, row)) == [kind]


def test_twelve_words_are_short(tmp_path):
    assert kinds(check(tmp_path, {**ROW, "instruction": long_instruction(12)})) == []


def test_a_missing_key_is_told_once(tmp_path):
    for key in ROW:
        row = {name: value for name, value in ROW.items() if name != key}

        assert kinds(check(tmp_path, row)) == [f"{key} missing"]


def test_ids_and_records_that_occur_twice_are_told_apart(tmp_path):
    other = {**ROW, "instruction": "Find another ship."}

    assert kinds(check(tmp_path, ROW, other)) == ["duplicate id"]
    assert kinds(check(tmp_path, ROW, {**ROW, "id": "b"})) == ["duplicate record"]


def test_half_a_character_is_a_mistake_and_a_whole_one_is_not(tmp_path):
    half = json.dumps({**ROW, "instruction": "Find \ud800."})
    whole = json.dumps({**ROW, "instruction": "Find \U0001f6f3."})  # written as a pair

    assert kinds(check(tmp_path, half)) == ["half a character"]
    assert "\\ud83d\\udef3" in whole
    assert kinds(check(tmp_path, whole)) == []


def test_a_row_that_is_no_line_after_all_may_come_again(tmp_path):
    checker = RowChecker(tmp_path)
    row = {"id": "a", "image": "x.png", "instruction": "i", "answer": "b", "masks": []}

    def repeats(row, number):
        found = checker.find_faults(row, number)
        return [fault.kind for fault in found if "duplicate" in fault.kind]

    assert repeats({**row, "id": "kept"}, 1) == []
    assert repeats({**row, "answer": "c"}, 2) == []
    checker.forget(2)
    assert repeats({**row, "answer": "c"}, 2) == []
    assert repeats(row, 3) == ["duplicate id", "duplicate record"]


def test_all_mistakes_of_all_lines_are_told(tmp_path):
    bad = {**ROW, "id": "b", "masks": [encode_mask(MASK.T & False)], "facets": {}}

    findings = check(tmp_path, "{", ROW, bad, bad)

    assert [mistake.line for mistake in findings.mistakes] == [1] + [3] * 6 + [4] * 8
    assert next(iter(findings.by_kind())) == "facet missing"


def test_an_empty_manifest_is_a_mistake(tmp_path):
    assert kinds(check(tmp_path)) == ["no record"]


def test_a_truncated_image_is_found(tmp_path):
    rng = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / "b.tif"), rng.integers(0, 255, (64, 64, 3), np.uint8))
    whole = (tmp_path / "b.tif").read_bytes()
    (tmp_path / "b.tif").write_bytes(whole[: len(whole) // 2])

    assert kinds(check(tmp_path, {**ROW, "image": "b.tif"})) == ["image unreadable"]


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        check_manifest(tmp_path / "none.jsonl")


def test_an_image_whose_coordinates_lead_nowhere_is_one_mistake_of_many(tmp_path):
    flat = Affine(1, 0, 500_000, 0, 0, 5_000_000)
    size = {"height": 6, "width": 8, "count": 1, "dtype": "uint8"}
    with rasterio.open(tmp_path / "b.tif", "w", crs="EPSG:32632", transform=flat, **size) as file:
        file.write(np.zeros((1, 6, 8), np.uint8))

    report = check(tmp_path, {**ROW, "image": "b.tif"}, {**ROW, "id": "c", "masks": []})

    assert kinds(report)[0] == "image unreadable"
    assert len(report.mistakes) > 1
