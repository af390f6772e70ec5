"""Label Studio and COCO: what goes out comes back, or is read by their own tools."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from pycocotools.coco import COCO

from segearth.building.review.brush_rle import decode_brush, encode_brush
from segearth.building.review.coco import write_coco
from segearth.building.review.coco_back import read_coco
from segearth.building.review.label_studio import read_tasks, write_tasks
from segearth.building.review.log import NAME, open_log, read_log
from segearth.building.review.outcome import outcomes
from segearth.data.manifest import read_manifest
from segearth.data.rle import encode_mask
from segearth.errors import DataError


def bits(*parts):
    """Bytes of a bit stream given as text, filled with zeros."""
    text = "".join(parts)
    text += "0" * (-len(text) % 8)
    return [int(text[i : i + 8], 2) for i in range(0, len(text), 8)]


HEAD = (f"{2 * 4:032b}", "00111", "0010", "0101", "1001", "1111")  # 2 pixels, 8-bit values


def test_a_brush_stream_by_hand():
    # A clear pixel and a set one: two runs of 4 values, each 1 (run), 00 (3 bits), 011 (4 - 1).
    stream = bits(*HEAD, "1", "00", "011", "00000000", "1", "00", "011", "11111111")

    assert encode_brush(np.array([[False, True]])) == stream
    assert decode_brush(stream, 1, 2).tolist() == [[False, True]]


def test_a_brush_stream_without_runs():
    # What a browser writes for colours: values one by one, of which only the alpha counts.
    values = (200, 10, 10, 0, 200, 10, 10, 128)
    stream = bits(*HEAD, "0", "00", "111", *(f"{value:08b}" for value in values))

    assert decode_brush(stream, 1, 2).tolist() == [[False, True]]


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (300, 260)])
@pytest.mark.parametrize("share", [0, 0.02, 0.5, 1])
def test_brush_streams_come_back(size, share):
    mask = np.random.default_rng(1).random(size) < share

    assert np.array_equal(decode_brush(encode_brush(mask), *size), mask)


@pytest.mark.parametrize(
    "stream",
    [[], [1, 2], encode_brush(np.ones((9, 9), bool))[:-2], encode_brush(np.ones((3, 3), bool)),
     [300], [-1], ["a"], None],
    ids=repr,
)  # fmt: skip
def test_a_damaged_brush_stream_is_refused(stream):
    with pytest.raises(DataError, match="brush mask"):
        decode_brush(stream, 9, 9)


@pytest.fixture
def said(records, make):
    mask = encode_mask(make.box(0, 0, 40, 40))
    return [
        make.decision(records[0], masks=(mask,), instruction="Mark the box.", note="wider"),
        make.decision(records[0], "bo"),
        make.decision(records[1], wrong=["object", "grammar"]),
    ]


def test_decisions_come_back_from_label_studio(records, said, manifest, tmp_path):
    results, _ = outcomes(records, said)

    assert write_tasks(tmp_path / "tasks.json", results, manifest.parent) == 3

    assert read_tasks(tmp_path / "tasks.json", records, "now") == said
    labels = ElementTree.parse(tmp_path / "tasks.xml").getroot().iter("Label")
    assert [label.get("value") for label in labels] == ["target 1"]
    task = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))[0]
    assert task["data"]["image"] == "/data/local-files/?d=a.png"


def test_an_annotation_drawn_in_label_studio(records, manifest, tmp_path, make):
    write_tasks(tmp_path / "t.json", outcomes(records, [])[0], manifest.parent)
    tasks = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    more = {
        **tasks[0]["predictions"][0]["result"][0],
        "value": {"brushlabels": ["target 1"], "rle": encode_brush(make.box(40, 40, 48, 64))},
    }
    result = [*tasks[0]["predictions"][0]["result"], more]
    tasks[0]["annotations"] = [
        {"result": result, "completed_by": {"id": 7, "email": "a@b.example"}},
        {"result": [], "completed_by": 3, "was_cancelled": True},
    ]
    (tmp_path / "t.json").write_text(json.dumps(tasks), encoding="utf-8")

    (decision,) = read_tasks(tmp_path / "t.json", records, "2026-01-01")

    assert (decision.reviewer, decision.verdict) == ("label-studio a@b.example", "accept")
    assert decision.masks == (encode_mask(make.box(8, 8, 24, 32) | make.box(40, 40, 48, 64)),)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "JSON"),
        ("{}", "no list"),
        ("[3]", "no task"),
        ('[{"data": {"record": "zzz"}}]', "no record"),
        ('[{"data": {"record": "a", "fingerprint": "0"}, "annotations": [{}]}]', "has changed"),
    ],
)
def test_a_bad_export_is_told(records, tmp_path, text, problem):
    path = tmp_path / "t.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(DataError, match=problem):
        read_tasks(path, records, "now")


def test_an_older_log_with_half_a_character_is_written_for_other_tools(
    records, manifest, tmp_path, make
):
    with open_log(tmp_path / "out") as log:
        log.append([make.decision(records[0], note="HALF", instruction="Mark it HALF.")])
    place = tmp_path / "out" / NAME
    place.write_bytes(place.read_bytes().replace(b"HALF", b"\\ud800"))
    events, _ = read_log(place)
    results, _ = outcomes(records, events)

    write_tasks(tmp_path / "tasks.json", results, manifest.parent)
    write_coco(tmp_path / "coco.json", results, manifest.parent)

    (back,) = read_tasks(tmp_path / "tasks.json", records, "now")
    assert (back.note, back.instruction) == ("\ufffd", "Mark it \ufffd.")
    (again,) = read_coco(tmp_path / "coco.json", records, "now", "cat")
    assert again.instruction == "Mark it \ufffd."


def test_half_a_character_from_another_tool_is_told(records, said, manifest, tmp_path):
    results, _ = outcomes(records, said)
    tasks, objects = tmp_path / "tasks.json", tmp_path / "coco.json"
    write_tasks(tasks, results, manifest.parent)
    write_coco(objects, results, manifest.parent)
    for path, text in ((tasks, "wider"), (objects, "Mark the box.")):
        path.write_text(path.read_text(encoding="utf-8").replace(text, "\\ud800"), encoding="utf-8")

    with pytest.raises(DataError, match='"note" has half a character') as caught:
        read_tasks(tasks, records, "now")
    assert str(caught.value.where).endswith("task 1")
    with pytest.raises(DataError, match='"instruction" has half a character') as caught:
        read_coco(objects, records, "now", "cat")
    assert "record 'a'" in str(caught.value.where)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # its own
def test_pycocotools_reads_what_is_written_for_coco(records, said, manifest, tmp_path, make):
    path = tmp_path / "coco.json"

    assert write_coco(path, outcomes(records, said)[0], manifest.parent) == 1

    coco = COCO(str(path))
    (annotation,) = coco.loadAnns(coco.getAnnIds())
    assert coco.loadImgs([annotation["image_id"]])[0] == {
        "id": 1, "file_name": "a.png", "height": 48, "width": 64,
    }  # fmt: skip
    assert np.array_equal(coco.annToMask(annotation), make.box(0, 0, 40, 40))
    assert (annotation["area"], annotation["bbox"]) == (1600, [0, 0, 40, 40])
    assert coco.loadCats([annotation["category_id"]])[0]["name"] == "box"
    assert annotation["instruction"] == "Mark the box."


def exported(records, said, manifest, path):
    """The document that the export writes, to be worked on."""
    write_coco(path, outcomes(records, said)[0], manifest.parent)
    return json.loads(path.read_text(encoding="utf-8"))


def test_masks_worked_on_elsewhere_come_back_from_coco(tmp_path, make):
    two = {"answer": "A <p>box </p>[SEG] and a <p>bar </p>[SEG].", "facets": {}}
    two["masks"] = [encode_mask(make.box(8, 8, 24, 32)), encode_mask(make.box(30, 0, 34, 60))]
    rows = [make.row("a"), make.row("b", **two), make.row("c", **two), make.row("d")]
    manifest = make.write_rows(tmp_path / "data", rows)
    records = read_manifest(manifest)
    earlier = make.decision(records[0], instruction="Mark the box.")
    said = [earlier, *(make.decision(record) for record in records[1:3])]
    path = tmp_path / "coco.json"
    document = exported(records, said, manifest, path)
    first, _, bar, deleted, _ = document["annotations"]
    first["segmentation"] = [[8, 8, 40, 8, 40, 24, 8, 24]]  # x 8..40, y 8..24, as a polygon
    bar["attributes"] = {name: str(bar.pop(name)) for name in ("record", "state", "target")}
    document["annotations"].remove(deleted)
    path.write_text(json.dumps(document), encoding="utf-8")

    a, b, c = read_coco(path, records, "2026-02-02", "cat")

    assert a.masks == (encode_mask(make.box(8, 8, 24, 40)),)
    assert (a.verdict, a.reviewer, a.instruction) == ("accept", "cat", "Mark the box.")
    assert (b.verdict, b.changes) == ("accept", [])
    assert (c.verdict, c.note) == ("reject", "deleted: target 1")
    assert not c.rubric["mask"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"record": "zzz"}, "no record 'zzz'"),
        ({"state": "0"}, "has changed"),
        ({"target": 2}, "no target 2"),
        ({"segmentation": {"size": [1, 1], "counts": "01"}}, "not of 48 x 64"),
        ({"segmentation": []}, "neither polygons"),
        ({"segmentation": [[1, 1, 1, 1, 1, 1]]}, "no pixel"),
        ({"record": None}, "no record None"),
    ],
)
def test_a_bad_object_of_coco_is_told(records, said, manifest, tmp_path, change, problem):
    path = tmp_path / "coco.json"
    document = exported(records, said, manifest, path)
    document["annotations"][0] |= change
    path.write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(DataError, match=problem):
        read_coco(path, records, "now", "cat")
