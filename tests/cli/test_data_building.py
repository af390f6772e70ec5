"""`segearth data questions`, `export` and `build`, seen from the shell."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from segearth.cli.app import app
from segearth.data.rle import encode_mask

run = CliRunner().invoke


@pytest.fixture
def targets(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    pixels = np.zeros((40, 60, 3), np.uint8)
    (folder / "a.png").write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    mask = np.zeros((40, 60), bool)
    mask[5:20, 5:30] = True
    target = {"phrase": "lake", "granularity": "semantic", "mask": encode_mask(mask)}
    path = folder / "targets.jsonl"
    path.write_text(json.dumps({"image": "a.png", "targets": [target]}) + "\n", encoding="utf-8")
    return path


def test_from_masks_to_a_dataset_by_two_commands(tmp_path, targets):
    asked = run(app, ["data", "questions", str(targets), "-o", str(tmp_path / "q"), "--json"])
    figures = json.loads(asked.stdout)
    words = ["data", "export", figures["manifest"], "-o", str(tmp_path / "d")]
    refused = run(app, words)
    made = run(app, [*words, "--licence", "CC0-1.0", "--val", "0", "--test", "0", "--json"])

    assert asked.exit_code == 0, asked.stderr
    assert (figures["images"], figures["failures"], figures["usd"]) == (1, 0, 0.0)
    assert refused.exit_code == 3
    assert "--licence gives one" in refused.stderr
    assert made.exit_code == 0, made.stderr
    assert json.loads(made.stdout)["splits"]["train"]["questions"] == figures["questions"] > 1
    checked = run(app, ["data", "check", str(tmp_path / "d" / "train.jsonl")])
    assert checked.exit_code == 0, checked.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--per-image", "0"], "--per-image"),
        (["--timeout", "0"], "--timeout"),
        (["--temperature", "nan"], "--temperature"),
        (["--budget-usd", "-1"], "--budget-usd"),
        (["--provider", "openai"], "--model"),
        (["--provider", "openai", "--model", "m"], "OPENAI_API_KEY"),
        (["--provider", "gemini"], "GEMINI_API_KEY"),
        (["--provider", "openai", "--model", "m", "--base-url", "nowhere"], "--base-url"),
    ],
)
def test_wrong_options_are_usage_errors(tmp_path, targets, words, told, monkeypatch):
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    result = run(app, ["data", "questions", str(targets), "-o", str(tmp_path / "q"), *words])

    assert result.exit_code == 2
    assert told in result.stderr
    assert not (tmp_path / "q" / "questions.jsonl").exists()


def test_a_partly_failed_batch_leaves_with_3_and_writes_the_rest(tmp_path, targets):
    line = targets.read_text(encoding="utf-8")
    targets.write_text(line + line.replace("a.png", "gone.png"), encoding="utf-8")

    result = run(app, ["data", "questions", str(targets), "-o", str(tmp_path / "q")])

    assert result.exit_code == 3
    assert "1 could not be written" in result.stderr
    assert (tmp_path / "q" / "questions.jsonl").read_text(encoding="utf-8").count("\n") > 1


def test_build_checks_a_recipe_without_running_it(tmp_path, targets):
    path = tmp_path / "r.yaml"
    path.write_text(f"start: {targets}\n", encoding="utf-8")

    result = run(app, ["data", "build", str(path), "-o", str(tmp_path / "b"), "--check", "--json"])

    assert result.exit_code == 0
    assert json.loads(result.stdout)["recipe"]["questions"]["provider"] == "templates"
    assert not (tmp_path / "b").exists()
