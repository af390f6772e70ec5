"""What is odd in published files is reported, and never settled in silence."""

from __future__ import annotations

import json
import pickle

import cv2
import numpy as np
import pytest
from conversion import converted, kinds
from makers import (
    DOCK,
    NOTHING,
    SHIP,
    lasers_record,
    make_earthreason,
    make_lasers,
    make_phrases,
    make_rrsis_d,
    make_samrs,
    rle,
    save_image,
    save_json,
)
from PIL import Image

from segearth.errors import DataError
from segearth.published.readers import Choices, find_splits


@pytest.fixture
def rrsis_d(tmp_path):
    """One entry, and functions that edit its two files."""
    root = make_rrsis_d(tmp_path / "src", [("train", "1.jpg", SHIP, ["A tank"])])
    index, refs = root / "rrsisd" / "instances.json", root / "rrsisd" / "refs(unc).p"

    def edit(change_index=lambda _: None, change_ref=lambda _: None):
        data, rows = json.loads(index.read_text()), pickle.loads(refs.read_bytes())
        change_index(data)
        change_ref(rows[0])
        index.write_text(json.dumps(data))
        refs.write_bytes(pickle.dumps(rows, protocol=2))
        return root

    return edit


@pytest.mark.parametrize("key", ["annotations", "images", "categories"])
def test_an_id_that_two_have_means_neither(rrsis_d, tmp_path, key):
    root = rrsis_d(lambda data: data[key].append({**data[key][0], "name": "dock"}))

    with pytest.raises(DataError, match="entry unusable: 1"):
        converted("rrsis-d", root, tmp_path / "out")

    (line,) = map(json.loads, (tmp_path / "out" / "left_out.jsonl").read_text().splitlines()[:1])
    assert line["why"].startswith(f"two {key} have the id")


RRSIS_D_ODDITIES = {
    "stated size": lambda data: data["images"][0].update(height=800),
    "several masks": lambda data: data["annotations"][0]["segmentation"].append(rle(DOCK)),
    "no category": lambda data: data["categories"].clear(),
    "box unusable": lambda data: data["annotations"][0].update(bbox=[0, 0, -5, 3]),
}


@pytest.mark.parametrize("kind", RRSIS_D_ODDITIES)
def test_what_is_odd_in_an_entry_is_noted(rrsis_d, tmp_path, kind):
    report, records = converted("rrsis-d", rrsis_d(RRSIS_D_ODDITIES[kind]), tmp_path / "out")

    assert kinds(report.noted) == {kind: 1, "split count": 3}
    assert len(records["train"]) == 1


def test_a_first_sentence_without_text_is_noted(rrsis_d, tmp_path):
    sentences = [{"raw": " "}, {"raw": "second"}, {"raw": 3}]
    root = rrsis_d(change_ref=lambda ref: ref.update(sentences=sentences))

    report, records = converted("rrsis-d", root, tmp_path / "out")

    assert [record.instruction for record in records["train"]] == ["second"]
    assert report.noted["sentence without text"].examples[0]["message"] == "2 are passed over"


def test_two_lists_of_entries_are_not_chosen_from(rrsis_d):
    root = rrsis_d()
    (root / "rrsisd" / "refs(google).p").write_bytes(b"")

    with pytest.raises(DataError, match=r"2 lists of entries: refs\(google\)\.p, refs\(unc\)\.p"):
        find_splits("rrsis-d", root, Choices())


def coco(root, annotations, *, names=("ship",), images=1):
    """Annotations as (category id, mask); category ids from the list of (id, name)."""
    save_image(root / "a.png")
    pairs = [name if isinstance(name, tuple) else (1, name) for name in names]
    save_json(
        root / "x.json",
        {
            "images": [{"id": 1, "file_name": "a.png", "height": 8, "width": 10}] * images,
            "categories": [{"id": number, "name": name} for number, name in pairs],
            "annotations": [
                {"id": i, "image_id": 1, "category_id": 1, "segmentation": segmentation}
                for i, segmentation in enumerate(annotations)
            ],
        },
    )
    return root


@pytest.mark.parametrize(
    ("arguments", "left_out"),
    [
        pytest.param(
            {"annotations": [rle(SHIP), [[5, 2, 9]]]},
            {"annotation unusable": 1, "not every object": 1},
            id="one-of-two-broken",
        ),
        pytest.param(
            {"annotations": [rle(SHIP), rle(NOTHING)]},
            {"annotation unusable": 1, "not every object": 1},
            id="one-of-two-empty",
        ),
        pytest.param(
            {"annotations": [rle(SHIP)], "names": ("ship", "dock")},
            {"annotation unusable": 1},
            id="two-names-for-an-id",
        ),
        pytest.param(
            {"annotations": [rle(SHIP)], "names": ("---",)},
            {"annotation unusable": 1},
            id="name-without-word",
        ),
        pytest.param(
            {"annotations": [rle(SHIP)], "images": 2}, {"image id twice": 2}, id="two-images"
        ),
    ],
)
def test_coco_asks_for_every_object_or_not_at_all(tmp_path, arguments, left_out):
    root = coco(tmp_path / "src", **arguments)

    with pytest.raises(DataError, match="no record came out"):
        converted("coco", root, tmp_path / "out")

    found = json.loads((tmp_path / "out" / "report.json").read_text())["left_out"]
    assert {kind: findings["count"] for kind, findings in found.items()} == left_out


def test_captions_beside_cocos_instances_are_not_read(tmp_path):
    root = coco(tmp_path / "src" / "annotations", [rle(SHIP)])
    (root / "x.json").rename(root / "instances_x.json")
    (root / "captions_x.json").write_text('{"images": [], "annotations": []}')
    (root / "a.png").rename(root.parent / "a.png")

    _, records = converted("coco", root.parent, tmp_path / "out")

    assert [record.instruction for record in records["x"]] == ["Segment every ship."]


def test_samrs_spellings_of_a_category_are_one(tmp_path):
    found = [("Ship", SHIP, [1, 1, 4, 3]), ("ship", DOCK, [5, 2, 9, 7])]
    root = make_samrs(tmp_path / "src", {"a": found})

    _, records = converted("samrs", root, tmp_path / "out")

    (ship,) = records["train"]
    assert ship.extra["boxes"] == [[1, 1, 4, 3], [5, 2, 9, 7]]


def test_a_samrs_instance_without_a_pixel_takes_its_category_along(tmp_path):
    found = [("ship", SHIP, [1, 1, 4, 3]), ("ship", NOTHING, [5, 2, 9, 7])]
    root = make_samrs(tmp_path / "src", {"a": [*found, ("dock", DOCK, [5, 2, 9, 7])]})

    report, records = converted("samrs", root, tmp_path / "out")

    assert [record.instruction for record in records["train"]] == ["Segment every dock."]
    assert kinds(report.left_out) == {"not every object": 1}


def palette(path, levels, colours):
    """Save a picture whose pixels are entries of a palette."""
    picture = Image.frombytes("P", levels.shape[::-1], levels.astype(np.uint8).tobytes())
    entries = [0] * 768
    for entry, colour in colours.items():
        entries[3 * entry : 3 * entry + 3] = colour
    picture.putpalette(entries)
    picture.save(path)


def test_entries_of_a_palette_count_and_not_their_colours(tmp_path):
    root = make_earthreason(tmp_path / "src", [("train", "z", SHIP, ["Where?"], ["Here."])])
    palette(root / "train" / "labels" / "z.png", SHIP, {1: (0, 128, 0)})

    _, records = converted("earthreason", root, tmp_path / "out")

    (record,) = records["train"]
    assert record.answer == "It is the <p>target </p>[SEG]. Here."
    assert record.masks == (rle(SHIP),)


def test_a_class_is_the_entry_of_its_palette(tmp_path):
    root = tmp_path / "src"
    save_image(root / "images" / "a.png")
    (root / "hbox_segs_init" / "gray").mkdir(parents=True)
    levels = np.where(SHIP, 5, 255)
    palette(root / "hbox_segs_init" / "gray" / "a.png", levels, {5: (3, 200, 9)})

    _, records = converted("samrs", root, tmp_path / "out", subset="sota")

    assert [record.instruction for record in records["all"]] == ["Segment every ship."]


def test_a_label_in_colour_is_left_out(tmp_path):
    root = make_phrases(tmp_path / "src", {"train": ["1 a", "2 b"]}, {"1": SHIP, "2": SHIP})
    colours = np.zeros((8, 10, 3), np.uint8)
    colours[SHIP] = (0, 255, 0)
    cv2.imwrite(str(root / "masks" / "1.tif"), colours)
    cv2.imwrite(
        str(root / "masks" / "2.tif"), np.repeat(np.uint8(255) * SHIP[..., None], 3, axis=2)
    )

    report, records = converted("refsegrs", root, tmp_path / "out")

    assert [record.instruction for record in records["train"]] == ["b"]
    (example,) = report.left_out["mask missing or unreadable"].examples
    assert example["message"] == "1.tif is in colour, and a label has one value a pixel"


def test_a_mask_of_several_values_is_noted(tmp_path):
    root = make_phrases(tmp_path / "src", {"train": ["1 a"]}, {"1": SHIP})
    cv2.imwrite(str(root / "masks" / "1.tif"), np.where(SHIP, 255, 1).astype(np.uint8))

    report, _ = converted("refsegrs", root, tmp_path / "out")

    (example,) = report.noted["mask values"].examples
    assert example["message"] == "1.tif has 1, 255; all but 0 count as target"


def test_an_answer_that_denies_what_the_label_shows_is_left_out(tmp_path):
    denial = "There is no target object in the image."
    samples = [("train", "a", SHIP, ["Where?"], [denial]), ("train", "b", SHIP, ["Where?"], ["B."])]
    root = make_earthreason(tmp_path / "src", samples)

    report, records = converted("earthreason", root, tmp_path / "out")

    assert kinds(report.left_out) == {"denied label": 1}
    assert [record.id for record in records["train"]] == ["b-0"]


def test_gaps_in_the_lists_of_earthreason_are_noted(tmp_path):
    questions = [None, 5, "q3", "q4", "q5"]
    root = make_earthreason(tmp_path / "src", [("train", "a", SHIP, questions, ["A.", "B."])])
    save_image(root / "train" / "images" / "a.png")

    report, records = converted("earthreason", root, tmp_path / "out", questions="all")

    assert len(records["train"]) == 3
    assert kinds(report.noted) == {
        "name twice": 1,
        "question without text": 1,
        "too few answers": 1,
        "split count": 3,
    }


def test_names_of_lasers_subsets_that_say_otherwise_are_noted(tmp_path):
    one = "<p>ship </p>[SEG]"
    files = {
        "test/test_long": [lasers_record(1, "Find the ship.", one, SHIP)],
        "test/test_multi_cate": [lasers_record(2, "Find a ship.", one, SHIP)],
        "test/test_single": [lasers_record(3, "Find every ship.", one, SHIP)],
    }
    files["test/test_single"][0]["size"] = [800, 800]

    report, records = converted("lasers", make_lasers(tmp_path / "src", files), tmp_path / "out")

    assert records["test_long"][0].facets["length"] == "short"  # as counted
    messages = [example["message"] for example in report.noted["subset's name"].examples]
    assert messages[:2] == [
        "test_long says long; it has 3 words and 1 targets",
        "test_multi_cate says multi; it has 3 words and 1 targets",
    ]
    assert report.noted["stated size"].count == 2  # in test and in its subset


def test_expressions_met_again_are_noted(tmp_path):
    lines = {"train": ["1 vehicle", "1 Vehicle"], "test": ["1 vehicle", "2 vehicle"]}
    root = make_phrases(tmp_path / "src", lines, {"1": SHIP, "2": SHIP})

    report, records = converted("refsegrs", root, tmp_path / "out")

    assert {split: len(rows) for split, rows in records.items()} == {"train": 2, "test": 2}
    assert kinds(report.noted) == {
        "duplicate expression": 1,
        "expression in two splits": 1,
        "split count": 3,
    }


def test_a_split_that_cannot_be_read_leaves_no_manifest_of_the_others(tmp_path):
    root = make_phrases(tmp_path / "src", {"train": ["1 a"], "val": ["1 b"]}, {"1": SHIP})
    (root / "output_phrase_val.txt").write_bytes(b"1 caf\xe9\n")

    with pytest.raises(DataError, match="not UTF-8"):
        converted("refsegrs", root, tmp_path / "out")

    assert not list((tmp_path / "out").glob("*.json*"))
