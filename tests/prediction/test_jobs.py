"""Folders, globs and files of requests."""

from __future__ import annotations

import json

import numpy as np
import pytest

from segearth.data.manifest import decode_mask
from segearth.errors import DataError, UsageError
from segearth.geo.listing import several_images
from segearth.prediction import SceneOptions, predict_images, predict_requests
from segearth.prediction.jobs import default_out, folders_for
from segearth.prediction.requests import read_requests


@pytest.fixture
def folder(tmp_path, save, picture):
    """Three images, one of them damaged, and a file that is none."""
    save("in/b.tif", picture(40, 40, ("red", 5, 5, 9, 9)))
    save("in/c.TIF", picture(40, 40))
    (tmp_path / "in/a.tif").write_text("no image")
    (tmp_path / "in/notes.txt").touch()
    return tmp_path / "in"


def test_a_folder_and_a_glob_name_several_images(folder):
    names = [str(folder / name) for name in ("a.tif", "b.tif", "c.TIF")]

    assert several_images(str(folder)) == names
    assert several_images(str(folder / "*.tif")) == names[:2]
    assert several_images(str(folder / "b.tif")) is None
    assert several_images("https://x/[y]*.tif") is None


def test_a_file_whose_name_looks_like_a_glob_is_a_file(tmp_path):
    (tmp_path / "a[1].tif").touch()

    assert several_images(str(tmp_path / "a[1].tif")) is None


def test_a_folder_without_images_is_an_error(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "a.png").touch()

    with pytest.raises(DataError, match="no image") as caught:
        several_images(str(tmp_path))

    assert f'"{tmp_path}/**/*"' in str(caught.value)  # and that does find it
    assert several_images(f"{tmp_path}/**/*") == [str(inner / "a.png")]


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("in/harbour.v2.tif", "harbour.v2-segearth"),
        ("ein Bild.png", "ein Bild-segearth"),
        ("https://x.org/d/scene%201.tif?token=3/4", "scene_201-segearth"),
        ("s3://bucket/scene.tif", "scene-segearth"),
        ("tiles/*.tif", "tiles-segearth"),
        ("*.tif", "images-segearth"),
    ],
)
def test_results_are_named_after_the_image(image, name):
    assert str(default_out(image)) == name


def test_every_image_has_a_folder_of_its_own(tmp_path):
    images = ["x/a.tif", "x/a.png", "x/b.tif", "y/c.tif", "z/c.tif"]

    names = [folder.name for folder in folders_for(images, tmp_path)]

    assert names == ["a.tif", "a.png", "b", "c.tif", "c.tif-2"]


def test_one_bad_image_does_not_stop_the_others(finder, folder, tmp_path):
    batch = predict_images(finder, several_images(str(folder)), ["red"], tmp_path / "out")

    assert [prediction["found"] for prediction in batch.predictions] == [1, 0]
    assert [(name, type(error)) for name, error in batch.failures] == [
        (str(folder / "a.tif"), DataError)
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b", "c"]


def test_a_batch_does_not_start_where_results_are(finder, folder, tmp_path):
    images = several_images(str(folder))
    predict_images(finder, images, ["red"], tmp_path / "out")
    seen = len(finder.looked_at)

    with pytest.raises(UsageError, match="earlier results"):
        predict_images(finder, images, ["red"], tmp_path / "out")

    assert len(finder.looked_at) == seen


@pytest.fixture
def requests(tmp_path, save, picture):
    save("img/a.tif", picture(50, 40, ("red", 5, 5, 9, 9), ("green", 30, 30, 5, 5)))
    save("img/b.tif", picture(40, 40, ("blue", 5, 5, 9, 9)))

    def write(*rows):
        path = tmp_path / "requests.jsonl"
        lines = [
            json.dumps({"id": f"q{number}", "image": image, "instruction": text} | (more or {}))
            for number, (image, text, more) in enumerate(rows)
        ]
        path.write_text("\n".join(lines))
        return read_requests(path)

    return write


def predictions(out):
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]


def test_requests_are_answered_in_order_and_share_encodings(finder, requests, tmp_path):
    asked = requests(
        ("img/a.tif", "red and green", None),
        ("img/b.tif", "blue things", None),
        ("img/a.tif", "blue things", None),
    )

    summary = predict_requests(finder, asked, tmp_path / "out")

    assert len(finder.looked_at) == 2
    rows = predictions(tmp_path / "out")
    assert [row["id"] for row in rows] == ["q0", "q1", "q2"]
    assert [len(row["targets"]) for row in rows] == [2, 1, 0]
    assert rows[0]["answer"].count("[SEG]") == 2
    target = rows[0]["targets"][1]
    assert {*target} == {"phrase", "score", "mask"}
    assert target["phrase"] == "green things"
    mask = decode_mask(target["mask"])
    assert mask.shape == (50, 40)
    assert np.argwhere(mask).min(axis=0).tolist() == [30, 30]
    assert (summary.requests, summary.found, summary.failures) == (3, 3, ())


def test_failed_requests_keep_their_line_and_spoil_no_other(finder, requests, tmp_path):
    asked = requests(
        ("img/a.tif", "red", None),
        ("img/gone.tif", "red", None),
        ("img/a.tif", "  ", None),
        ("img/a.tif", "green", None),
    )

    summary = predict_requests(finder, asked, tmp_path / "out")

    rows = predictions(tmp_path / "out")
    assert [len(row["targets"]) for row in rows] == [1, 0, 0, 1]
    assert ["error" in row for row in rows] == [False, True, True, False]
    assert [name for name, _ in summary.failures] == ["q1", "q2"]


def test_the_ground_size_of_a_request_is_used(finder, requests, tmp_path):
    asked = requests(("img/a.tif", "red", {"gsd_m": 3}), ("img/b.tif", "red", None))

    predict_requests(finder, asked, tmp_path / "out")

    assert finder.gsd_m == [3, 0.5]


def test_requests_about_large_images_go_by_windows(finder, save, picture, requests, tmp_path):
    save("img/large.tif", picture(200, 300, ("red", 20, 20, 100, 200)))

    predict_requests(
        finder,
        requests(("img/large.tif", "red", None)),
        tmp_path / "out",
        options=SceneOptions(window=64),
    )

    [row] = predictions(tmp_path / "out")
    assert decode_mask(row["targets"][0]["mask"]).sum() == 100 * 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no requests"),
        ("{", "not valid JSON"),
        ("[]", "is a JSON object"),
        ('{"id": "1", "image": "a.tif"}', '"instruction" is missing'),
        ('{"id": 1, "image": "a.tif", "instruction": "x"}', '"id" should be text'),
        ('{"id": "1", "image": "a", "instruction": "x", "gsd_m": -1}', '"gsd_m" should be'),
    ],
)
def test_lines_that_are_no_requests_are_named(tmp_path, text, words):
    path = tmp_path / "requests.jsonl"
    path.write_text(text)

    with pytest.raises(DataError, match=words):
        read_requests(path)
