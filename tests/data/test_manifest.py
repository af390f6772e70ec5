"""Manifests: what is read is what was written, and mistakes name line and key."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as coco

from segearth.data.manifest import Record, read_manifest, write_manifest
from segearth.data.rle import decode_mask, encode_mask, mask_area_px
from segearth.errors import DataError

SQUARE = encode_mask(np.eye(3, dtype=bool))
ROW = {
    "id": "a",
    "image": "images/a.png",
    "instruction": "Where is it?",
    "answer": "Here is the <p>ship </p>[SEG].",
    "masks": [SQUARE],
    "facets": {"granularity": "instance"},
}


def write(folder, *rows):
    path = folder / "manifest.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_record_is_read_as_written(tmp_path):
    full = {**ROW, "gsd_m": 0.5, "split": "val", "source": "me", "licence": "CC0", "scene": "port"}

    (record,) = read_manifest(write(tmp_path, full))

    assert record.image == tmp_path.resolve() / "images/a.png"
    assert record.masks == (SQUARE,)
    assert (record.gsd_m, record.split, record.source) == (0.5, "val", "me")
    assert record.extra == {"scene": "port"}


def test_writing_and_reading_changes_nothing(tmp_path):
    before = read_manifest(
        write(tmp_path, {**ROW, "scene": "port"}, {**ROW, "id": "Ünïcode\u2028"})
    )

    write_manifest(tmp_path / "copy.jsonl", before)

    assert read_manifest(tmp_path / "copy.jsonl") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.jsonl", "manifest.jsonl"]


def test_images_are_written_relative_to_the_manifest(tmp_path):
    record = Record(
        id="a", image=tmp_path / "b" / "c.png", instruction="", answer="x", masks=(), facets={}
    )

    write_manifest(tmp_path / "m.jsonl", [record])

    assert json.loads((tmp_path / "m.jsonl").read_text())["image"] == "b/c.png"


def test_an_image_outside_is_not_written(tmp_path):
    record = Record(
        id="a", image=tmp_path / "c.png", instruction="", answer="x", masks=(), facets={}
    )
    (tmp_path / "sub").mkdir()

    with pytest.raises(DataError, match="not below the manifest's folder"):
        write_manifest(tmp_path / "sub" / "m.jsonl", [record])

    assert list((tmp_path / "sub").iterdir()) == []


def test_a_file_with_blank_lines_and_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text("\ufeff" + json.dumps(ROW) + "\r\n\n", encoding="utf-8")

    assert [record.id for record in read_manifest(path)] == ["a"]


def test_an_empty_file_holds_no_records(tmp_path):
    assert read_manifest(write(tmp_path)) == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param("{", "not valid JSON", id="no-json"),
        pytest.param("[" * 100_000, "not valid JSON", id="endless-nesting"),
        pytest.param("[1]", "this is a list", id="no-object"),
        pytest.param({**ROW, "id": 7}, '"id" should be text, not a number', id="type"),
        pytest.param({**ROW, "id": " "}, '"id" is empty', id="empty-id"),
        pytest.param(
            {k: v for k, v in ROW.items() if k != "masks"}, '"masks" is missing', id="key"
        ),
        pytest.param({**ROW, "answer": "No."}, "has 0 .SEG. but there are 1 masks", id="count"),
        pytest.param({**ROW, "masks": [{"size": [3]}]}, r'"masks"\[0\] is not', id="rle"),
        pytest.param({**ROW, "gsd_m": 0}, "number above 0, not 0", id="gsd"),
        pytest.param({**ROW, "gsd_m": True}, "number above 0, not True", id="gsd-bool"),
        pytest.param({**ROW, "facets": {"length": 1}}, '"facets" should hold text', id="facets"),
        pytest.param({**ROW, "split": []}, '"split" should be text, not a list', id="split"),
        pytest.param({**ROW, "image": "../a.png"}, "leads out", id="dots"),
        pytest.param({**ROW, "image": "/etc/passwd"}, "leads out", id="absolute"),
        pytest.param({**ROW, "image": "a\0b"}, "leads out", id="nul"),
    ],
)
def test_a_mistake_names_its_line(tmp_path, row, message):
    path = write(tmp_path, {**ROW, "id": "fine"}, "", row)

    with pytest.raises(DataError, match=message) as caught:
        read_manifest(path)

    assert caught.value.where == f"{path}, line 3"


def test_an_image_may_not_leave_through_a_link(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "set" / "images").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DataError, match="leads out"):
        read_manifest(write(tmp_path / "set", ROW))


def test_the_same_id_twice_names_both_lines(tmp_path):
    with pytest.raises(DataError, match="already on line 1") as caught:
        read_manifest(write(tmp_path, ROW, ROW))

    assert "line 2" in caught.value.where


def test_a_missing_file_and_a_binary_one_are_told_apart(tmp_path):
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(DataError, match="No such file"):
        read_manifest(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="not UTF-8"):
        read_manifest(tmp_path / "binary.jsonl")


def test_runs_go_down_the_columns():
    mask = np.array([[0, 1], [0, 1], [1, 0]], bool)  # columns: 0 0 1 | 1 1 0

    rle = encode_mask(mask)

    assert rle == {"size": [3, 2], "counts": "231"}  # 2 off, 3 on, 1 off
    np.testing.assert_array_equal(decode_mask(rle), mask)


# pycocotools 2.0.11 copies its result in a way that numpy 2 asks to be changed.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("share", [0, 0.02, 0.5, 1])
def test_decoding_agrees_with_pycocotools(share):
    rng = np.random.default_rng(5)
    for height, width in rng.integers(1, 200, (20, 2)):
        blocks = rng.random((height, 1 + width // 9)) < share
        mask = np.repeat(blocks, 9, axis=1)[:, :width]

        rle = encode_mask(mask)

        np.testing.assert_array_equal(decode_mask(rle), mask)
        np.testing.assert_array_equal(decode_mask(rle), coco.decode(dict(rle)))
        assert mask_area_px(rle) == mask.sum()


@pytest.mark.parametrize(
    "counts", ["", "23", "2311", "231o", "231 ", "23€", "o" * 50, "23O", "1O", "~~~"]
)
def test_damaged_counts_are_refused_not_guessed(counts):
    with pytest.raises(DataError, match="counts are damaged"):
        decode_mask({"size": [3, 2], "counts": counts})
