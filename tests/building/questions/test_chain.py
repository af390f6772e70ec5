"""The chain does every stage once, goes on where it stopped, and waits for reviewers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import yaml
from typer.testing import CliRunner

from segearth.building.chain import build
from segearth.building.chain_recipe import load_build_recipe
from segearth.cli.app import app
from segearth.errors import DataError, RecipeError

invoke = CliRunner().invoke


def recipe_of(tmp_path, targets, **changes):
    tree = {
        "start": str(targets),
        "questions": {"per_image": 5},
        "export": {"licence": "CC0-1.0", "split": "scene", "val": 0.4, "test": 0.0},
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(tree | changes), encoding="utf-8")
    return path


def states(reports):
    return {report.stage: report.state for report in reports}


def content(folder):
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("recipe.yaml", ".lock")
    }


def test_twice_in_a_row_does_nothing(tmp_path, targets):
    recipe, out = load_build_recipe(recipe_of(tmp_path, targets)), tmp_path / "out"

    first = build(recipe, out)
    before = content(out)
    second = build(recipe, out)

    assert states(first) == {"questions": "done", "export": "done"}
    assert states(second) == {"questions": "up to date", "export": "up to date"}
    assert [report.figures for report in first] == [report.figures for report in second]
    assert content(out) == before


def test_only_what_a_change_reaches_runs_again(tmp_path, targets):
    path, out = recipe_of(tmp_path, targets), tmp_path / "out"
    build(load_build_recipe(path), out)

    other_title = load_build_recipe(path, ["export.title=Ours"])
    assert states(build(other_title, out)) == {"questions": "up to date", "export": "done"}
    other_seed = load_build_recipe(path, ["export.title=Ours", "questions.seed=8"])
    assert states(build(other_seed, out)) == {"questions": "done", "export": "done"}
    (out / "dataset" / "export.json").unlink()
    assert states(build(other_seed, out)) == {"questions": "up to date", "export": "done"}
    os.utime(targets.parent / "two.png", ns=(1, 1))
    assert states(build(other_seed, out))["questions"] == "done"


def test_reviewers_are_waited_for_and_heard(tmp_path, targets):
    path, out = recipe_of(tmp_path, targets, review={"required": True}), tmp_path / "out"
    recipe = load_build_recipe(path)

    assert states(build(recipe, out)) == {"questions": "done", "review": "waiting"}
    lines = (out / "questions" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    names = [json.loads(line)["id"] for line in lines]
    (out / "review").mkdir()
    with (out / "review" / "decisions.jsonl").open("w", encoding="utf-8") as file:
        for name, verdict in zip(names, ["reject", *["accept"] * 99], strict=False):
            file.write(json.dumps({"id": name, "verdict": verdict, "reviewer": "ann"}) + "\n")
    reports = build(recipe, out)

    assert states(reports) == {"questions": "up to date", "export": "done"}
    assert reports[1].figures["left_out"] == 1
    assert states(build(recipe, out)) == {"questions": "up to date", "export": "up to date"}


def test_every_mistake_of_a_recipe_is_told_at_once(tmp_path, targets):
    path = recipe_of(tmp_path, targets, questions={"per_imge": 3, "seed": -1}, export={"val": 2})

    with pytest.raises(RecipeError) as caught:
        load_build_recipe(path)

    told = str(caught.value)
    assert "did you mean questions.per_image?" in told
    assert "seed is -1" in told or "questions.seed" in told
    assert "val is 2.0" in told


def test_a_start_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"gone\.jsonl is not there"):
        build(load_build_recipe(recipe_of(tmp_path, tmp_path / "gone.jsonl")), tmp_path / "out")


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_cut_off_pays_nothing_twice(tmp_path, targets, serving, kind):
    """A real process, stopped in the middle of its calls; then the same command again."""
    pair = json.dumps({"description": "word " * 15, "answer": "The {}."})
    wanted = ("ships", "ship", "storage tank", "lake", "dam")
    slow = [1.0]

    def script(number, prompt):
        if number >= 2:
            time.sleep(slow[0])
        name = next(name for name in wanted if f'the words "{name}"' in prompt)
        return pair.replace("{}", name)

    with serving(script) as server:
        questions = {"provider": "openai", "model": "m", "base_url": server.url, "per_image": 2}
        questions |= {"concurrency": 1, "reasoning": "implicit", "length": "long"}
        path = recipe_of(tmp_path, targets, questions=questions)
        command = [sys.executable, "-m", "segearth", "data", "build", str(path), "--json"]
        command += ["-o", str(tmp_path / "out")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while len(server.prompts) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(kind)
        _, said = process.communicate(timeout=30)
        stopped = len(server.prompts)
        slow[0] = 0.0
        result = invoke(app, command[3:])

    assert process.returncode == (130 if kind == signal.SIGINT else -signal.SIGKILL), said
    assert not (tmp_path / "out" / "questions" / "questions.jsonl.part").exists()
    assert result.exit_code == 0, result.stderr
    stages = json.loads(result.stdout)["stages"]
    assert stages[0]["figures"]["questions"] == 4
    # What was replied before the end is kept: at most the call under way is made once more.
    assert stages[0]["figures"]["cached"] >= 2
    assert len(server.prompts) <= 4 + 1
    assert stopped == 3
