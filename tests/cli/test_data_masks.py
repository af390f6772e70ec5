"""`segearth data masks` and `segearth data filter`, from images to kept masks."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from segearth.cli.app import app
from segearth.data.manifest import read_manifest


def segearth(*words):
    return CliRunner().invoke(app, ["data", *map(str, words)])


@pytest.fixture
def image(tmp_path):
    pixels = np.full((64, 64, 3), 90, np.uint8)
    cv2.circle(pixels, (20, 20), 10, (200, 210, 220), cv2.FILLED)
    pixels[40:60, 5:50] = (60, 60, 160)
    cv2.imwrite(str(tmp_path / "ä.png"), pixels)
    return tmp_path / "ä.png"


@pytest.fixture
def collected(image, tmp_path):
    result = segearth("masks", image, "-o", tmp_path / "m", "--proposer", "regions", "--json")
    assert result.exit_code == 0, result.output
    return tmp_path / "m" / "masks.jsonl"


def test_regions_of_an_image(collected):
    (line,) = map(json.loads, collected.read_text(encoding="utf-8").splitlines())

    assert (line["image"], line["size"], line["gsd_m"]) == ("images/ä.png", [64, 64], None)
    assert {mask["proposer"] for mask in line["masks"]} == {"regions"}
    assert len(line["masks"]) == 2  # the background is too large


def test_masks_are_learnt_from_and_filtered(collected, tmp_path):
    scenes = tmp_path / "scenes"
    assert segearth("draw", scenes, "-n", "3", "--size", "128").exit_code == 0
    assert len(read_manifest(scenes / "manifest.jsonl")) > 0
    profile = tmp_path / "shapes.yaml"

    learnt = segearth("filter", "--learn", scenes / "manifest.jsonl", "-o", profile, "--json")
    printed = json.loads(learnt.stdout)["categories"]["any"]
    assert learnt.exit_code == 0
    assert printed["references"] >= printed["accepted"] > 0.5 * printed["references"]
    assert segearth("filter", "--learn", scenes / "manifest.jsonl", "-o", profile).exit_code == 2

    out = tmp_path / "out"
    words = ("filter", collected, "-o", out, "--profile", profile, "--json")
    filtered = segearth(*words)

    assert filtered.exit_code == 0, filtered.output
    result = json.loads(filtered.stdout)
    assert result["kept"] + result["rejected"] == 2
    for path in result["outputs"].values():
        assert (out / path.split("/")[-1]).is_file()
    assert segearth(*words).exit_code == 2
    assert segearth(*words, "--overwrite").exit_code == 0


def test_tables_for_people(collected, tmp_path):
    result = segearth("filter", collected, "-o", tmp_path / "out")

    assert result.exit_code == 0
    assert "2 masks kept, 0 rejected in 1 images" in result.stdout


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (["masks", "IMAGE", "-o", "OUT"], 2, "nobody is there to propose"),
        (["masks", "IMAGE", "-o", "OUT", "--proposer", "sam"], 2, "needs the model's folder"),
        (["masks", "IMAGE", "-o", "OUT", "--sam", "x", "--proposer", "regions"], 2, "exclude"),
        (["masks", "IMAGE", "-o", "OUT", "--sam", "nowhere"], 4, "config.json cannot be read"),
        (["masks", "IMAGE", "-o", "OUT", "--proposer", "regions", "--within", "x"], 2, "needs"),
        (["masks", "none.png", "-o", "OUT", "--proposer", "regions"], 3, "none.png"),
        (["filter", "-o", "OUT"], 2, "either MASKS"),
        (["filter", "none.jsonl", "-o", "OUT"], 2, "no file none.jsonl"),
        (["filter", "IMAGE", "-o", "OUT"], 3, "UTF-8"),
        (["filter", "IMAGE", "-o", "OUT", "--std", "2"], 2, "need --learn"),
        (["filter", "--learn", "none.jsonl", "-o", "p.yaml"], 3, "cannot be read"),
        (["filter", "--learn", "x", "-o", "p.yaml", "--std", "2", "--quantile", "0"], 2, "exclude"),
    ],
)
def test_mistakes_are_told(image, tmp_path, monkeypatch, words, code, problem):
    monkeypatch.chdir(tmp_path)
    names = {"IMAGE": image, "OUT": tmp_path / "out"}

    result = segearth(*(names.get(word, word) for word in words))

    assert (result.exit_code, problem in result.stderr) == (code, True), result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "out" / "masks.jsonl").exists() or code == 3
    assert not (tmp_path / "out" / "kept.jsonl").exists()
