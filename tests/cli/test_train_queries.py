"""`segearth train --queries`, seen from the shell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from segearth.cli.app import app

ROOT = Path(__file__).parents[2]
run = CliRunner().invoke


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """The command, without its folder: two steps on drawn scenes."""
    from segearth.data.scenes import draw_dataset

    manifest = draw_dataset(tmp_path_factory.mktemp("Szenen"), 1, 1_000_000, 128)
    changes = (
        f"data.validation={manifest}",
        "data.questions=1",
        "model.pyramid.image_size=64",
        "train.steps=2",
        "train.batch_size=2",
        "train.validate_records=0",
        "loss.points=64",
    )
    given = ["train", str(ROOT / "recipes" / "nano.yaml"), "--queries", "3,1", "--seeds", "1"]
    return given + [word for change in changes for word in ("--set", change)]


def test_a_grid_ends_in_a_table_a_picture_and_results(words, tmp_path):
    out, picture = tmp_path / "Läufe", tmp_path / "rechts.svg"

    first = run(app, [*words, "--out", str(out), "--plot", str(picture), "--json"])

    assert first.exit_code == 0, first.stderr
    result = json.loads(first.stdout)
    assert json.loads((out / "results.json").read_text(encoding="utf-8")) == result
    assert (result["runs_done"], result["runs_planned"]) == (2, 2)
    assert [row["k"] for row in result["rows"]] == [3, 1]
    assert result["paper"]["giou"]["val"] == {"100": 0.664, "1": 0.688}
    drawn = picture.read_text(encoding="utf-8")
    assert "<svg" in drawn
    assert (out / "results.md").read_text(encoding="utf-8").startswith("# nano")

    refused = run(app, [*words, "--out", str(out)])
    assert refused.exit_code == 2
    assert "--resume" in refused.stderr

    again = run(app, [*words, "--out", str(out), "--resume"])
    assert again.exit_code == 0
    assert "best candidate" in again.stdout
    assert "The paper's (Sec. 5.4" in " ".join(again.stdout.split())  # wrapped where the table ends
    assert json.loads((out / "results.json").read_text())["rows"] == result["rows"]


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        pytest.param(["--queries", "three"], 2, "no list of numbers", id="queries"),
        pytest.param(["--queries", "3", "--plot", "a.txt"], 2, "no picture", id="plot"),
        pytest.param(["--seeds", "2"], 2, "nothing to compare", id="seeds-alone"),
        pytest.param(["--plot", "a.png"], 2, "nothing to compare", id="plot-alone"),
        pytest.param(["--queries", "3"], 2, "no records to compare", id="no-validation"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(more, code, said, tmp_path):
    out = tmp_path / "runs"

    result = run(app, ["train", str(ROOT / "recipes" / "nano.yaml"), "-o", str(out), *more])

    assert result.exit_code == code
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert not out.exists()


def test_checking_lists_the_runs_and_makes_none(words, tmp_path):
    result = run(app, [*words, "--out", str(tmp_path / "runs"), "--check"])

    assert result.exit_code == 0
    assert "2 runs of 2 steps: k003-seed0, k001-seed0" in result.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_grid_that_is_killed_goes_on(words, tmp_path):
    command = [sys.executable, "-m", "segearth", *words, "--out", str(tmp_path), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    first, second = tmp_path / "k003-seed0", tmp_path / "k001-seed0"
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    for _ in range(6000):
        if (second / "recipe.yaml").exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = (first / "query_run.json").read_bytes()

    again = subprocess.run(
        [*command, "--resume"], env=environment, capture_output=True, text=True, check=True
    )

    assert json.loads(again.stdout)["runs_done"] == 2
    assert (first / "query_run.json").read_bytes() == done
    assert (second / "query_run.json").exists()
