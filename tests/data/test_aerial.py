"""A training folder out of toy copies of the public images, in either layout."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from segearth.data.aerial import prepare_aerial
from segearth.data.check import check_manifest
from segearth.data.dubai import COLOURS
from segearth.data.images import read_rgb
from segearth.data.manifest import read_manifest
from segearth.data.rle import decode_mask, encode_mask
from segearth.data.targets import read_targets
from segearth.data.ucmerced import scene_and_split
from segearth.errors import DataError, UsageError

RNG = np.random.default_rng(0)
BOX = {"box": [128, 128, 40, 20, 0]}
SHAPES = {"t1": {"phrase": "dock", "granularity": "instance", "shapes": [BOX]}}
QUESTION = {
    "instruction": "Which dock is it?",
    "answer": "This <p>dock </p>[SEG].",
    "targets": ["t1"],
    "granularity": "instance",
    "multiplicity": "single",
    "reasoning": "explicit",
    "length": "short",
}


def save(path, side=256):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), RNG.integers(0, 255, (side, side, 3), np.uint8))


def write_lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def question(name, number=0):
    mask = np.zeros((256, 256), bool)
    mask[5:9, 5:9] = True
    return {
        "id": f"{name}-{number}",
        "image": f"images/harbor/{name}.jpg",
        "instruction": "Find the boat.",
        "answer": "The <p>boat </p>[SEG].",
        "masks": [encode_mask(mask)],
        "facets": {key: QUESTION[key] for key in sorted(QUESTION) if key in "granularity length"},
        "source": "drawn by hand",
    }


@pytest.fixture
def merced(tmp_path):
    """Four harbours, one of each split, annotated as published; one of them without shapes."""
    folder = tmp_path / "src" / "ucmerced"
    for index in ("00", "63", "70", "85"):
        save(folder / "images" / "harbor" / f"harbor{index}.jpg")
    write_lines(
        folder / "shapes.jsonl",
        {"image": "images/harbor/harbor00.jpg", "targets": SHAPES},
        {"image": "harbor70", "targets": SHAPES},
    )
    write_lines(folder / "train.jsonl", question("harbor00"), question("harbor70"))
    return tmp_path / "src"


@pytest.fixture
def dubai(tmp_path):
    """One small picture a tile; the upper half is water, the lower buildings, one pixel road."""
    for tile in (1, 7):
        folder = tmp_path / "src" / "dubai" / f"tile{tile}"
        save(folder / "images" / "image_part_001.jpg", side=40)
        colours = np.empty((40, 40, 3), np.uint8)
        colours[:20], colours[20:] = COLOURS["water"], COLOURS["buildings"]
        colours[30, 30] = COLOURS["roads"]
        (folder / "masks").mkdir()
        cv2.imwrite(str(folder / "masks" / "image_part_001.png"), colours[..., ::-1])
    return tmp_path / "src"


def test_every_tile_is_listed_and_only_train_and_val_ask(merced, tmp_path):
    counts = prepare_aerial(merced, tmp_path / "out")

    images = read_targets(tmp_path / "out" / "targets.jsonl")
    assert [(image.split, image.annotated, len(image.targets)) for image in images] == [
        ("train", True, 1),
        ("gap", False, 0),
        ("val", True, 1),
        ("test", False, 0),
    ]
    assert {(image.scene, image.gsd_m) for image in images} == {("harbor", 0.3)}
    assert all(image.image.is_file() for image in images)
    assert counts["val"] == {"images": 1, "annotated": 1, "targets": 1, "questions": 1}


def test_shapes_become_masks(merced, tmp_path):
    prepare_aerial(merced, tmp_path / "out")

    (target,) = read_targets(tmp_path / "out" / "targets.jsonl")[0].targets
    mask = decode_mask(target.mask)
    assert target.phrase == "dock"
    assert mask[128, 110:147].all()
    assert 40 * 20 <= mask.sum() <= 41 * 21


def test_questions_go_to_the_split_of_their_tile_and_keep_what_they_say(merced, tmp_path):
    prepare_aerial(merced, tmp_path / "out")

    (train,) = read_manifest(tmp_path / "out" / "train.jsonl")
    (val,) = read_manifest(tmp_path / "out" / "val.jsonl")
    assert (train.id, val.id, val.split) == ("harbor00-0", "harbor70-0", "val")
    assert train.image == (tmp_path / "out" / "images" / "harbor" / "harbor00.jpg").resolve()
    assert (val.source, val.gsd_m, val.extra) == ("drawn by hand", 0.3, {"scene": "harbor"})
    assert "public domain" in val.licence


def test_images_take_no_space_twice(merced, tmp_path):
    prepare_aerial(merced, tmp_path / "out")

    original = merced / "ucmerced" / "images" / "harbor" / "harbor00.jpg"
    assert original.samefile(tmp_path / "out" / "images" / "harbor" / "harbor00.jpg")


def test_blocks_of_tiles_make_the_split():
    splits = [scene_and_split(f"runway{index:02d}")[1] for index in range(100)]

    assert splits == ["train"] * 62 + ["gap"] * 4 + ["val"] * 14 + ["test"] * 20


def test_more_annotations_are_merged(merced, tmp_path):
    same = {"image": "images/harbor/harbor00.jpg", "targets": SHAPES}
    more = {
        "image": "harbor70",
        "targets": {
            "t1": {"phrase": "ship", "granularity": "instance", "shapes": [{"circle": [9, 9, 5]}]}
        },
        "qa": [QUESTION],
    }

    extra = write_lines(tmp_path / "extra.jsonl", same, more)
    prepare_aerial(merced, tmp_path / "out", [extra])

    images = read_targets(tmp_path / "out" / "targets.jsonl")
    phrases = [[target.phrase for target in image.targets] for image in images]
    assert phrases == [["dock"], [], ["dock", "ship"], []]
    val = read_manifest(tmp_path / "out" / "val.jsonl")
    assert [record.id for record in val] == ["harbor70-0", "harbor70-extra-0"]
    assert val[1].masks == (images[2].targets[1].mask,)
    assert val[1].facets["reasoning"] == "explicit"


def test_the_original_layout_needs_annotations_and_is_brought_to_256_px(tmp_path):
    folder = tmp_path / "UCMerced_LandUse" / "Images" / "harbor"
    save(folder / "harbor00.tif")
    save(folder / "harbor01.tif", side=250)
    extra = write_lines(tmp_path / "extra.jsonl", {"image": "harbor01", "targets": SHAPES})

    prepare_aerial(tmp_path / "UCMerced_LandUse", tmp_path / "out", [extra])

    images = read_targets(tmp_path / "out" / "targets.jsonl")
    assert [image.image.name for image in images] == ["harbor00.tif", "harbor01.png"]
    assert [read_rgb(image.image).shape for image in images] == [(256, 256, 3)] * 2
    assert images[1].targets[0].phrase == "dock"


def test_classes_become_targets_and_questions(dubai, tmp_path):
    prepare_aerial(dubai, tmp_path / "out")

    image = read_targets(tmp_path / "out" / "targets.jsonl")[1]
    val = read_manifest(tmp_path / "out" / "val.jsonl")
    # 1 px of road in 1600 is less than 0.2 %: neither a target nor absent.
    assert [target.phrase for target in image.targets] == ["buildings", "water"]
    assert [record.instruction for record in val] == [
        "Segment all buildings.",
        "Segment all water.",
        "Segment all bare land.",
        "Segment all vegetation.",
    ]
    assert [len(record.masks) for record in val] == [1, 1, 0, 0]
    assert decode_mask(val[1].masks[0])[:20].all()
    assert val[2].answer == "There is no bare land in this image."
    assert (image.split, image.gsd_m) == ("val", None)
    assert image.absent == ("bare land", "vegetation")


def test_what_is_written_passes_the_check(merced, dubai, tmp_path):
    facets = {key: QUESTION[key] for key in ("granularity", "multiplicity", "reasoning", "length")}
    path = merced / "ucmerced" / "train.jsonl"
    write_lines(path, {**question("harbor00"), "facets": facets})

    prepare_aerial(merced, tmp_path / "out")

    for split in ("train", "val"):
        assert check_manifest(tmp_path / "out" / f"{split}.jsonl").mistakes == []


def test_an_earlier_folder_is_kept_unless_told_otherwise(merced, tmp_path):
    prepare_aerial(merced, tmp_path / "out")

    with pytest.raises(UsageError, match="already holds results"):
        prepare_aerial(merced, tmp_path / "out")
    prepare_aerial(merced, tmp_path / "out", overwrite=True)


def test_the_folder_may_not_lie_in_the_source(merced, tmp_path):
    for out in (merced, merced / "ucmerced", tmp_path):
        with pytest.raises(UsageError, match="lie in each other"):
            prepare_aerial(merced, out)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not valid JSON"),
        ({"targets": {}}, '"image" is missing'),
        ({"image": "harbor99", "targets": {}}, "1 annotated tiles are not there, such as harbor99"),
        ({"image": "harbor00", "targets": {"t1": {}}}, 't1: "phrase" is missing'),
        (
            {"image": "harbor00", "targets": SHAPES, "qa": [{**QUESTION, "targets": ["t2"]}]},
            "asks for 't2', which is no target",
        ),
        (
            {
                "image": "harbor00",
                "targets": {"t1": {**SHAPES["t1"], "shapes": [{"circle": [999, 999, 1]}]}},
            },
            "target t1 has no pixel",
        ),
        (
            {"image": "harbor00", "targets": {"t1": {**SHAPES["t1"], "shapes": [{"x": 1}]}}},
            "target t1: shape .* cannot be drawn",
        ),
        ({**question("harbor00"), "masks": []}, "has 1 .SEG. but there are 0 masks"),
        (question("harbor00"), "question ids occur more than once, such as harbor00-0"),
    ],
)
def test_mistakes_in_annotations_are_told(merced, tmp_path, line, message):
    extra = tmp_path / "extra.jsonl"
    extra.write_text(line if isinstance(line, str) else json.dumps(line))

    with pytest.raises(DataError, match=message):
        prepare_aerial(merced, tmp_path / "out", [extra])

    assert not (tmp_path / "out" / "targets.jsonl").exists()


def test_a_folder_without_images_says_what_it_should_hold(tmp_path):
    (tmp_path / "src").mkdir()

    with pytest.raises(DataError, match="holds no images") as caught:
        prepare_aerial(tmp_path / "src", tmp_path / "out")

    assert "Images/airplane/airplane00.tif" in caught.value.hint
    assert not (tmp_path / "out").exists()
