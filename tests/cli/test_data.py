"""`segearth data`, seen from the shell."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from segearth.cli.app import app
from segearth.data.rle import encode_mask

run = CliRunner().invoke

ROW = {
    "id": "a",
    "image": "a.png",
    "instruction": "Find it.",
    "answer": "<p>it </p>[SEG]",
    "masks": [encode_mask(np.ones((8, 10), bool))],
    "facets": {
        "granularity": "instance",
        "multiplicity": "single",
        "reasoning": "explicit",
        "length": "short",
    },
}


def write_manifest(folder, *rows):
    cv2.imwrite(str(folder / "a.png"), np.zeros((8, 10, 3), np.uint8))
    path = folder / "m.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_a_sound_manifest_passes(tmp_path):
    result = run(app, ["data", "check", str(write_manifest(tmp_path, ROW))])

    assert result.exit_code == 0
    assert "no mistakes in 1 records, 1 images, 1 targets" in result.stdout


def test_mistakes_are_grouped_counted_and_five_of_each_are_shown(tmp_path):
    rows = [
        {**ROW, "id": f"r{number}", "instruction": f"Find {number}.", "masks": []}
        for number in range(7)
    ]

    result = run(app, ["data", "check", str(write_manifest(tmp_path, ROW, *rows))])

    assert result.exit_code == 3
    assert "mask count: 7, the first 5" in result.stdout
    assert "the answer has 1 [SEG] but there are 0 masks" in result.stdout
    assert "r4" in result.stdout
    assert "r5" not in result.stdout


def test_mistakes_as_json(tmp_path):
    bad = {**ROW, "id": "b", "image": "../b.png"}

    result = run(app, ["data", "check", str(write_manifest(tmp_path, ROW, bad)), "--json"])

    assert result.exit_code == 3
    printed = json.loads(result.stdout)
    assert (printed["records"], printed["mistakes"]) == (2, 1)
    assert printed["kinds"]["image outside"]["count"] == 1
    assert printed["kinds"]["image outside"]["examples"][0]["line"] == 2


def test_no_manifest_is_one_line(tmp_path):
    result = run(app, ["data", "check", str(tmp_path / "none.jsonl")])

    assert result.exit_code == 3
    assert "none.jsonl cannot be read" in result.stderr
    assert "Traceback" not in result.output


def test_a_training_folder_of_aerial_images(tmp_path):
    folder = tmp_path / "src" / "Images" / "beach"
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "beach00.png"), np.zeros((256, 256, 3), np.uint8))

    result = run(
        app, ["data", "aerial", str(tmp_path / "src"), "-o", str(tmp_path / "out"), "--json"]
    )

    assert result.exit_code == 0
    assert json.loads(result.stdout)["splits"] == {
        "train": {"images": 1, "annotated": 0, "targets": 0, "questions": 0}
    }


def test_a_folder_without_aerial_images_is_one_line(tmp_path):
    result = run(app, ["data", "aerial", str(tmp_path), "-o", str(tmp_path / "out")])

    assert result.exit_code == 3
    assert "holds no images of UC Merced or Dubai" in result.stderr


@pytest.fixture
def scenes():
    return pytest.importorskip("segearth.data.scenes")


def test_scenes_are_drawn_and_pass_the_check(scenes, tmp_path):
    out = tmp_path / "scenes"

    result = run(app, ["data", "draw", str(out), "-n", "2", "--size", "128", "--json"])

    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert printed["images"] == 2
    assert printed["records"] >= 2
    assert run(app, ["data", "check", printed["manifest"]]).exit_code == 0
    assert run(app, ["data", "draw", str(out)]).exit_code == 2
