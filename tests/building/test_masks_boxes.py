"""Annotated boxes: our JSON, COCO, and SAMRS's pickles, which may not act."""

from __future__ import annotations

import json
import os
import pickle

import numpy as np
import pytest

from segearth.building.masks.boxes import BoxFile
from segearth.building.masks.samrs import SamrsFolder, read_instances
from segearth.data.rle import encode_mask
from segearth.errors import DataError


def box_file(tmp_path, document):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return BoxFile(path)


def test_the_short_form(tmp_path):
    boxes = box_file(
        tmp_path,
        {"ä.png": [[1, 2, 3.5, 4], {"box": [0, 0, 9, 9], "category": "ship"}], "b.png": []},
    )

    assert boxes.find("sub/ä.png") == [((1, 2, 3.5, 4), None, None), ((0, 0, 9, 9), "ship", None)]
    assert boxes.find("b.png") == []
    assert boxes.find("c.png") is None


def test_coco_boxes_have_a_width_and_a_height(tmp_path):
    boxes = box_file(
        tmp_path,
        {
            "images": [{"id": 7, "file_name": "a.png"}, {"id": 8, "file_name": "b.png"}],
            "annotations": [{"image_id": 7, "bbox": [10, 20, 30, 40], "category_id": 1}],
            "categories": [{"id": 1, "name": "harbor"}],
        },
    )

    assert boxes.find("a.png") == [((10, 20, 40, 60), "harbor", None)]
    assert boxes.find("b.png") == []


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"a.png": 3},
        {"a.png": [[1, 2, 3]]},
        {"a.png": [[3, 2, 1, 4]]},
        {"a.png": [[0, 0, 1, "4"]]},
        {"a.png": [{"category": "ship"}]},
        {"a.png": [{"box": [0, 0, 1, 1], "category": 3}]},
        {"images": [], "annotations": [{"image_id": 1, "bbox": [0, 0, 1, 1]}]},
    ],
)
def test_what_is_no_box_file(tmp_path, document):
    with pytest.raises(DataError, match="boxes"):
        box_file(tmp_path, document)


def test_no_json(tmp_path):
    (tmp_path / "b.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="no JSON"):
        BoxFile(tmp_path / "b.json")
    with pytest.raises(DataError, match="cannot be read"):
        BoxFile(tmp_path / "none.json")


def instance(bbox=(1.0, 2.0, 9.0, 8.0), **changed):
    mask = np.zeros((10, 12), bool)
    mask[2:8, 1:9] = True
    row = {
        "mask": encode_mask(mask),
        "bbox": np.array(bbox),
        "category": "small-vehicle",
        "size": np.int64(48),
        "label": 9,
    }
    return {**row, **changed}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_instances_of_any_pickle_protocol(tmp_path, protocol):
    path = tmp_path / "P0001.pkl"
    path.write_bytes(pickle.dumps([instance()], protocol=protocol))

    (found,) = SamrsFolder(tmp_path).find("images/P0001.png")

    assert found.box == (1, 2, 9, 8)
    assert found.category == "small-vehicle"
    assert found.mask == instance()["mask"]
    assert SamrsFolder(tmp_path).find("P0002.png") is None


def test_names_that_numpy_1_wrote_are_read(tmp_path):
    path = tmp_path / "a.pkl"
    # Protocol 2 writes names as lines of text, so that they can be replaced.
    old = pickle.dumps([instance()], protocol=2).replace(b"numpy._core", b"numpy.core")
    path.write_bytes(old)

    assert b"numpy.core" in old
    assert read_instances(path)[0].box == (1, 2, 9, 8)


def test_a_turned_box_becomes_the_upright_one_around_it(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps([instance([[3, 0], [6, 3], [3, 6], [0, 3]])]))

    assert read_instances(path)[0].box == (0, 0, 6, 6)


class Attack:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_a_pickle_cannot_act(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps([instance(category=Attack(tmp_path / "made"))]))

    with pytest.raises(DataError, match=r"mkdir, which is no plain data"):
        read_instances(path)

    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04garbage",
        pickle.dumps({"a": 1}),
        pickle.dumps([3]),
        pickle.dumps([instance(mask={"size": [10, 12], "counts": "0"})]),
        pickle.dumps([instance(mask={"size": [0, 12], "counts": "0"})]),
        pickle.dumps([instance(bbox=[1, 2, 3])]),
        pickle.dumps([instance(bbox=[1, 2, 1, 5])]),
        pickle.dumps([instance(bbox=[np.nan, 2, 4, 5])]),
        pickle.dumps([instance(category=None)]),
        pickle.dumps([instance(category=5)]),
        pickle.dumps([instance()])[:-20],
    ],
)
def test_damaged_pickles_are_one_clear_error(tmp_path, content):
    path = tmp_path / "a.pkl"
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"a\.pkl|not as expected"):
        read_instances(path)


def test_folders_without_or_with_two_annotations(tmp_path):
    with pytest.raises(DataError, match=r"no \.pkl"):
        SamrsFolder(tmp_path)

    for kind in ("hbox", "rbox"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "a.pkl").write_bytes(pickle.dumps([]))
    with pytest.raises(DataError, match="two annotations of a"):
        SamrsFolder(tmp_path)
