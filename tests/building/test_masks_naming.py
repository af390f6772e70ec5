"""Masks take the name of the annotated box that they fit, and no other."""

from __future__ import annotations

import numpy as np
import pytest

from segearth.building.masks.boxes import Annotated
from segearth.building.masks.naming import complete_kinds, name_by_boxes, noun_of
from segearth.building.masks.options import MaskOptions
from segearth.building.masks.run import run
from segearth.data.rle import encode_mask
from segearth.errors import DataError, RecipeError, UsageError


def mask(x0, y0, x1, y1, category=None):
    pixels = np.zeros((40, 60), bool)
    pixels[y0:y1, x0:x1] = True
    return {
        "id": "m",
        "mask": encode_mask(pixels),
        "proposer": "regions",
        "score": 0.9,
        "category": category,
        "boxes": [],
        "prompt": None,
    }


def test_by_hand():
    # A box of 10 x 10. Masks: 10 x 10 moved by 1 (IoU 90/110), 8 x 10 in it (0.8), elsewhere.
    box = Annotated((10.0, 10.0, 20.0, 20.0), "Ship")
    masks = [mask(11, 10, 21, 20), mask(10, 10, 18, 20), mask(40, 10, 50, 20)]

    named = name_by_boxes(masks, [box])

    assert [item["category"] for item in named] == ["Ship", None, None]
    assert named[0]["box_iou"] == round(90 / 110, 4)
    assert named[0]["boxes"] == [[10.0, 10.0, 20.0, 20.0]]
    assert all("box_iou" not in item for item in named[1:])


@pytest.mark.parametrize(("right", "name"), [(17, None), (18, "ship")])
def test_three_quarters_are_needed(right, name):
    (named,) = name_by_boxes([mask(10, 10, right, 20)], [Annotated((10, 10, 20, 20), "ship")])

    assert named["category"] == name  # 0.7 and 0.8


def test_a_box_names_one_mask_and_a_mask_has_one_name():
    boxes = [Annotated((10, 10, 20, 20), "ship"), Annotated((10, 10, 20, 19), "boat")]
    masks = [mask(10, 10, 20, 20), mask(10, 10, 20, 20)]

    named = name_by_boxes(masks, boxes)

    assert [item["category"] for item in named] == ["ship", "boat"]


def test_what_has_a_name_or_a_mask_already_is_left_alone():
    drawn = mask(10, 10, 20, 20)["mask"]
    boxes = [Annotated((10, 10, 20, 20), "ship", drawn), Annotated((30, 10, 40, 20), None)]
    masks = [mask(10, 10, 20, 20), mask(30, 10, 40, 20), mask(10, 10, 20, 20, "tank")]

    assert name_by_boxes(masks, boxes) == masks
    assert name_by_boxes([], boxes) == []
    assert name_by_boxes(masks, []) == masks


def test_a_kind_is_complete_only_if_every_box_of_it_has_a_mask():
    boxes = [
        Annotated((10, 10, 20, 20), "Small-Vehicle"),
        Annotated((30, 10, 40, 20), "Small-Vehicle"),
        Annotated((50, 10, 58, 20), "storagetank"),
    ]
    masks = name_by_boxes([mask(10, 10, 20, 20), mask(50, 10, 58, 20)], boxes)

    assert complete_kinds(masks, boxes) == ["storage tank"]
    assert complete_kinds(masks, [*boxes, Annotated((1, 1, 5, 5), None)]) == []


def test_nouns():
    assert noun_of("Small-Vehicle") == "small vehicle"
    assert noun_of("tenniscourt") == "tennis court"
    assert noun_of("Ships") == "ship"


def test_two_images_do_not_share_boxes(tmp_path):
    boxes = tmp_path / "boxes.json"
    boxes.write_text('{"1.png": [[0, 0, 5, 5]]}', encoding="utf-8")
    images = {name: tmp_path / name for name in ("a/1.png", "b/1.png")}
    options = MaskOptions(proposer="regions", boxes=str(boxes))

    with pytest.raises(DataError, match=r"a/1\.png and b/1\.png would both"):
        run(images, tmp_path / "out", options)


def test_options_that_contradict_each_other(tmp_path):
    for wrong in ({"proposer": "sam"}, {"within": ("ship",)}, {"exhaustive": True}, {"iou": 0}):
        with pytest.raises(RecipeError):
            MaskOptions(**wrong)
    with pytest.raises(UsageError, match="nobody is there"):
        run({}, tmp_path, MaskOptions())
