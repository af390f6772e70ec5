"""The chain from a folder of images on: every stage, what is named, and kill -9 in each stage."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from segearth.building.chain.build import build
from segearth.building.chain.recipe import load_build_recipe
from segearth.cli.app import app
from segearth.data.check import check_manifest
from segearth.data.manifest import read_manifest
from segearth.data.rle import mask_area_px
from segearth.errors import DataError, RecipeError


@pytest.fixture
def photos(tmp_path):
    """Two pictures with two tanks and a roof each; the boxes name the tanks."""
    folder = tmp_path / "photos ö"
    folder.mkdir()
    boxes = {}
    for number, name in enumerate(("one.png", "zwei ü.png")):
        pixels = np.full((96, 128, 3), (80, 120, 90), np.uint8)
        cv2.circle(pixels, (30, 30), 14, (200, 210, 215), cv2.FILLED)
        cv2.circle(pixels, (90, 30 + number), 12, (60, 60, 160), cv2.FILLED)
        pixels[60:85, 20:70] = (160, 70, 60)
        (folder / name).write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
        boxes[name] = [
            {"box": [16, 16, 45, 45], "category": "storagetank"},
            {"box": [78, 18 + number, 103, 43 + number], "category": "storagetank"},
        ]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes), encoding="utf-8")
    return folder


@pytest.fixture
def recipe(tmp_path, photos):
    path = tmp_path / "recipe.yaml"
    tree = {
        "start": str(photos),
        "masks": {
            "proposer": "regions",
            "boxes": str(tmp_path / "boxes.json"),
            "exhaustive": True,
        },
        "questions": {"per_image": 6},
        "export": {"licence": "CC0-1.0", "split": "scene", "val": 0, "test": 0},
    }
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    return path


def states(reports):
    return [(report.stage, report.state) for report in reports]


def test_from_pictures_to_a_dataset(tmp_path, recipe):
    loaded, out = load_build_recipe(recipe), tmp_path / "out"

    reports = build(loaded, out)
    figures = {report.stage: report.figures for report in reports}

    assert [state for _, state in states(reports)] == ["done", "done", "done", "passed", "done"]
    assert figures["masks"]["named"] == 4  # the tanks, by their boxes
    assert figures["masks"]["masks"] > 4
    # What no box fits is counted and asked nothing about.
    assert figures["questions"]["unnamed"] == figures["filter"]["kept"] - 4 > 0
    assert figures["questions"]["questions"] >= 4
    manifest = out / "dataset" / "train.jsonl"
    assert check_manifest(manifest).mistakes == []
    records = read_manifest(manifest)
    assert not any("roof" in r.answer or "building" in r.answer for r in records if r.masks)
    assert all("storage tank" in record.answer for record in records if record.masks)
    both = [r for r in records if len(r.masks) == 1 and "storage tanks" in r.answer]
    assert both, "that all tanks are there may be counted on"
    assert all(mask_area_px(r.masks[0]) > 900 for r in both)

    again = build(loaded, out)
    assert {state for stage, state in states(again) if stage != "review"} == {"up to date"}


def test_a_second_run_says_that_there_is_nothing_to_do(tmp_path, recipe):
    words = ["data", "build", str(recipe), "-o", str(tmp_path / "out"), "--json"]
    first, second = (CliRunner().invoke(app, words) for _ in range(2))

    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr
    assert [json.loads(r.stdout)["nothing_to_do"] for r in (first, second)] == [False, True]
    assert "nothing to do" in second.stderr


def test_a_world_file_that_is_moved_runs_everything_again(tmp_path, recipe, photos):
    world = photos / "one.pgw"
    world.write_text("0.5\n0\n0\n-0.5\n100\n200\n", encoding="ascii")
    build(load_build_recipe(recipe), tmp_path / "out")
    world.write_text("0.5\n0\n0\n-0.5\n900\n200\n", encoding="ascii")

    again = build(load_build_recipe(recipe), tmp_path / "out")

    assert [state for _, state in states(again)] == ["done", "done", "done", "passed", "done"]
    exported = tmp_path / "out" / "dataset" / "images" / "one.pgw"
    assert exported.read_text(encoding="ascii") == world.read_text(encoding="ascii")


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("masks/images/one.png", "masks"),
        ("filter/images", "filter"),
        ("filter/images/one.pgw", "filter"),
        ("filter/rejected.jsonl", "filter"),
        ("filter/sheet.png", "filter"),
        ("questions/images/one.pgw", "questions"),
    ],
)
def test_only_the_stage_whose_files_are_gone_runs_again(tmp_path, recipe, photos, name, stage):
    (photos / "one.pgw").write_text("0.5\n0\n0\n-0.5\n100\n200\n", encoding="ascii")
    loaded, out = load_build_recipe(recipe), tmp_path / "out"
    build(loaded, out)
    gone = out / name
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()

    again = dict(states(build(loaded, out)))

    assert gone.exists()
    assert [name for name, state in again.items() if state == "done"] == [stage]
    assert {state for _, state in states(build(loaded, out))} == {"up to date", "passed"}


def test_a_filter_that_rejects_a_tank_makes_tanks_incomplete(tmp_path, recipe):
    profile = tmp_path / "profile.yaml"
    shapes = {"any": {}, "categories": {"storage tank": {}}, "rule": "by hand"}
    profile.write_text(yaml.safe_dump(shapes), encoding="utf-8")
    changes = [f"filter.profile={profile}"]
    build(load_build_recipe(recipe, changes), tmp_path / "out")
    lines = (tmp_path / "out" / "filter" / "kept.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["complete"] for line in lines] == [["storage tank"]] * 2

    shapes["categories"]["storagetank"] = {"extent": [0.0, 0.1]}  # no disc is like that
    profile.write_text(yaml.safe_dump(shapes), encoding="utf-8")
    with pytest.raises(DataError, match="no question was written"):
        build(load_build_recipe(recipe, changes), tmp_path / "out")
    lines = (tmp_path / "out" / "filter" / "kept.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["complete"] for line in lines] == [[], []]


def test_a_chain_may_start_with_a_file_of_masks(tmp_path, recipe):
    build(load_build_recipe(recipe), tmp_path / "out")
    masks, kept = (tmp_path / "out" / name for name in ("masks/masks.jsonl", "filter/kept.jsonl"))
    without = {"export": {"licence": "CC0-1.0", "val": 0, "test": 0}}
    stages = {}
    for path in (masks, kept):
        later = tmp_path / "later.yaml"
        later.write_text(yaml.safe_dump({"start": str(path), **without}), encoding="utf-8")
        reports = build(load_build_recipe(later), tmp_path / path.stem)
        stages[path.stem] = [report.stage for report in reports]

    assert stages["masks"] == ["filter", "questions", "review", "export"]
    assert stages["kept"] == ["questions", "review", "export"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("masks={}", "nobody is there to propose masks"),
        ("start=x.jsonl", "masks has nothing to do"),
        ("filter.quantile=0.7", "quantile"),
        ("review.share=0", "share"),
        ("review.rule=some", "review.rule"),
        ("masks.sam=/x", "exclude each other"),
    ],
)
def test_wrong_recipes(recipe, change, told):
    with pytest.raises(RecipeError, match=told):
        load_build_recipe(recipe, [change])


@pytest.mark.parametrize(
    "key", ["filter.profile", "filter.reference", "questions.categories", "review.decisions"]
)
def test_a_file_of_a_later_stage_is_missed_before_the_first_one_runs(tmp_path, recipe, key):
    with pytest.raises(DataError, match=r"gone\.x is not there") as caught:
        build(load_build_recipe(recipe, [f"{key}={tmp_path / 'gone.x'}"]), tmp_path / "out")

    assert caught.value.where == key
    assert not (tmp_path / "out").exists()


def test_images_without_a_licence_are_refused_before_anything_runs(tmp_path, recipe):
    with pytest.raises(RecipeError, match="licence") as caught:
        build(load_build_recipe(recipe, ["export.licence="]), tmp_path / "out")

    assert caught.value.where == "export.licence"
    assert not (tmp_path / "out").exists()


def test_what_was_built_is_no_input(tmp_path, recipe, photos):
    pattern = f"start={photos}/**/*.png"
    first = build(load_build_recipe(recipe, [pattern]), photos / "built")
    again = build(load_build_recipe(recipe, [pattern]), photos / "built")

    assert first[0].figures["images"] > 0
    assert {report.state for report in again} <= {"up to date", "passed"}


def test_reviewers_may_begin_after_the_first_build(tmp_path, recipe):
    changes = ["review.rule=all", f"review.decisions={tmp_path / 'team' / 'decisions.jsonl'}"]

    reports = build(load_build_recipe(recipe, changes), tmp_path / "out")

    assert reports[-2].state == "waiting"
    assert str(tmp_path / "team") in reports[-2].hint


@pytest.mark.parametrize("line", ['{"image": "a.png", "masks": 3}', "[]", "nonsense", "3"])
def test_a_start_that_is_no_file_of_masks(tmp_path, line):
    start = tmp_path / "x.jsonl"
    start.write_text(line + "\n", encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({"start": str(start)}), encoding="utf-8")

    with pytest.raises(DataError) as caught:
        build(load_build_recipe(path), tmp_path / "out")
    assert "line 1" in str(caught.value)


def test_a_broken_picture_is_a_failure_and_the_rest_is_built(tmp_path, recipe, photos):
    (photos / "broken.png").write_bytes(b"no picture")
    out = tmp_path / "out"

    first = build(load_build_recipe(recipe), out)
    second = build(load_build_recipe(recipe), out)

    assert (first[0].state, first[0].failures) == ("partly failed", 1)
    assert (second[0].state, second[0].failures) == ("up to date", 1)  # SAM does not run again
    assert first[-1].state == "done"


_DIE = {
    "masks": "from segearth.building.masks.journal import Journal as place\nname = 'add'\n",
    "filter": "import segearth.building.shapes.filter as place\nname = 'draw_sheet'\n",
    "questions": "import segearth.building.questions.run as place\nname = 'write_manifest'\n",
    "export": "import segearth.building.export.stage as place\nname = 'write_card'\n",
}


@pytest.mark.parametrize("stage", list(_DIE))
def test_kill_9_in_any_stage(tmp_path, recipe, stage):
    """The real process dies in the middle of a stage; the same command finishes the work."""
    out = tmp_path / "out"
    words = ["data", "build", str(recipe), "-o", str(out), "--json"]
    code = (
        "import os, signal\n"
        f"{_DIE[stage]}"
        "real = getattr(place, name)\n"
        "def die(*what, **named):\n"
        "    real(*what, **named)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "setattr(place, name, die)\n"
        "from segearth.cli.app import app\n"
        f"app({words!r})\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, env=os.environ)
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    result = CliRunner().invoke(app, words)

    assert result.exit_code == 0, result.stderr
    reports = json.loads(result.stdout)["stages"]
    before = list(_DIE)[: list(_DIE).index(stage)]
    assert [r["stage"] for r in reports if r["state"] == "up to date"] == before
    assert reports[-1]["state"] == "done"
    assert check_manifest(out / "dataset" / "train.jsonl").mistakes == []
    assert not (out / "masks" / "masks.partial.jsonl").exists()
