"""The chain does every stage once, goes on where it stopped, and waits for reviewers."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import yaml
from typer.testing import CliRunner

from segearth.building.chain.build import build
from segearth.building.chain.recipe import load_build_recipe
from segearth.building.review.decisions import CRITERIA, Decision, fingerprint
from segearth.building.review.log import open_log
from segearth.cli.app import app
from segearth.data.manifest import read_manifest
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
    return {report.stage: report.state for report in reports if report.stage != "review"}


def decide(out, records, wrong=()):
    """Let ann accept records, but for those whose number is in `wrong`."""
    with open_log(out / "review") as log:
        log.append(
            [
                Decision(
                    at="2026-01-01T00:00:00Z",
                    reviewer="ann",
                    id=record.id,
                    record=fingerprint(record),
                    rubric=dict.fromkeys(CRITERIA, number not in wrong),
                )
                for number, record in enumerate(records)
            ]
        )


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


def test_a_build_of_an_earlier_version_is_not_made_anew(tmp_path, targets):
    recipe, out = load_build_recipe(recipe_of(tmp_path, targets)), tmp_path / "out"
    build(recipe, out)
    kept = json.loads((out / "build.json").read_text())
    for state in kept.values():
        del state["outputs"]
    (out / "build.json").write_text(json.dumps(kept))

    assert states(build(recipe, out)) == {"questions": "up to date", "export": "up to date"}


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


DAMAGES = {
    "questions/images": "questions",
    "questions/images/two.png": "questions",
    "questions/failures.jsonl": "questions",
    "dataset/train.jsonl": "export",
    "dataset/images": "export",
    "dataset/parquet": "export",
    "dataset/README.md": "export",
    "dataset/left_out.jsonl": "export",
}


@pytest.mark.parametrize("name", list(DAMAGES))
def test_what_is_deleted_comes_back_and_then_there_is_nothing_to_do(tmp_path, targets, name):
    export = {"licence": "CC0-1.0", "split": "scene", "val": 0, "test": 0, "parquet": True}
    recipe = load_build_recipe(recipe_of(tmp_path, targets, export=export))
    out = tmp_path / "out"
    build(recipe, out)
    before = {path: path.read_bytes() for path in content(out)}
    gone = out / name
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()

    again, after = states(build(recipe, out)), content(out)

    expected = {"questions": "up to date", "export": "up to date"} | {DAMAGES[name]: "done"}
    assert again == expected
    assert after.keys() == before.keys()
    mended = {path for path in before if gone in (path, *path.parents)}
    assert mended
    assert all(after[path][1] == before[path] for path in mended if path.suffix != ".parquet")
    assert set(states(build(recipe, out)).values()) == {"up to date"}


def test_a_result_that_was_cut_short_or_replaced_is_written_again(tmp_path, targets):
    recipe, out = load_build_recipe(recipe_of(tmp_path, targets)), tmp_path / "out"
    build(recipe, out)
    manifest, picture = out / "dataset" / "train.jsonl", out / "dataset" / "images" / "two.png"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-10])
    first = states(build(recipe, out))
    picture.unlink()
    picture.write_bytes(b"somebody's notes")  # not through the link to the original

    assert first["export"] == states(build(recipe, out))["export"] == "done"
    assert manifest.read_bytes() == whole
    assert picture.read_bytes() == (targets.parent / "two.png").read_bytes()


def test_what_people_add_is_no_damage(tmp_path, targets):
    recipe, out = load_build_recipe(recipe_of(tmp_path, targets)), tmp_path / "out"
    build(recipe, out)
    card = out / "dataset" / "README.md"
    card.write_text("# Ours\n", encoding="utf-8")
    for name in ("dataset/LICENSE", "questions/sample.jsonl", "review/notes.txt"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text("x\n", encoding="utf-8")
    (out / "dataset" / "images" / "two.png.aux.xml").write_text("<PAMDataset/>", encoding="utf-8")

    again = build(recipe, out)

    assert set(states(again).values()) == {"up to date"}
    assert card.read_text(encoding="utf-8") == "# Ours\n"


def test_every_question_is_waited_for_under_the_rule_all(tmp_path, targets):
    path, out = recipe_of(tmp_path, targets, review={"rule": "all"}), tmp_path / "out"
    recipe = load_build_recipe(path)

    first = build(recipe, out)
    records = read_manifest(out / "questions" / "questions.jsonl")
    decide(out, records[:2], wrong={0})
    second = build(recipe, out)
    decide(out, records[2:])
    third = build(recipe, out)

    assert states(first) == {"questions": "done", "export": "not reached"}
    assert (first[1].state, first[1].figures["open"]) == ("waiting", len(records))
    assert "segearth data review" in first[1].hint
    assert (second[1].state, second[1].figures["rejected"]) == ("waiting", 1)
    assert not (out / "dataset").exists() or third[2].state == "done"
    assert (third[1].state, third[1].figures["accepted"]) == ("passed", len(records) - 1)
    assert third[2].figures["left_out"] == 1
    assert states(build(recipe, out)) == {"questions": "up to date", "export": "up to date"}


@pytest.mark.parametrize(("wrong", "state"), [((), "passed"), ({0}, "waiting")])
def test_a_sample_lets_the_rest_pass_or_asks_for_all_of_it(tmp_path, targets, wrong, state):
    review = {"rule": "sample", "share": 0.3, "least_accepted": 0.9}
    path, out = recipe_of(tmp_path, targets, review=review), tmp_path / "out"
    recipe = load_build_recipe(path)

    first = build(recipe, out)
    total = first[1].figures["questions"]
    sample = read_manifest(out / "questions" / "sample.jsonl")
    assert first[1].state == "waiting"
    assert len(sample) == math.ceil(0.3 * total) < total
    decide(out, sample, wrong)
    second = build(recipe, out)

    assert second[1].state == state
    if state == "passed":
        splits = second[2].figures["splits"].values()
        assert sum(split["questions"] for split in splits) == total
    else:  # one of the sample is wrong: all have to be looked at, and then the rest passes
        assert "questions.jsonl" in second[1].hint
        decided = {record.id for record in sample}
        questions = read_manifest(out / "questions" / "questions.jsonl")
        decide(out, [record for record in questions if record.id not in decided])
        assert build(recipe, out)[2].figures["left_out"] == 1


def test_every_mistake_of_a_recipe_is_told_at_once(tmp_path, targets):
    path = recipe_of(tmp_path, targets, questions={"per_imge": 3, "seed": -1}, export={"val": 2})

    with pytest.raises(RecipeError) as caught:
        load_build_recipe(path)

    told = str(caught.value)
    assert "did you mean questions.per_image?" in told
    assert "seed is -1" in told or "questions.seed" in told
    assert "val is 2.0" in told


def test_settings_of_a_filter_that_is_not_run_are_refused(tmp_path, targets):
    recipe = recipe_of(tmp_path, targets, filter={"quantile": 0.05})

    with pytest.raises(RecipeError) as caught:
        build(load_build_recipe(recipe), tmp_path / "out")

    assert caught.value.where == "filter"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("settings", [{}, {"quantile": 0.05}], ids=str)
@pytest.mark.parametrize("line", ["", '{"image": "a.png", "size": [2, 2], "masks": []}\n'])
def test_a_file_without_masks_is_for_the_filter_which_says_so(tmp_path, line, settings):
    start = tmp_path / "masks.jsonl"
    start.write_text(line)
    (tmp_path / "a.png").write_bytes(b"never opened")
    recipe = recipe_of(tmp_path, start, filter=settings)

    with pytest.raises(DataError, match="holds no mask") as caught:
        build(load_build_recipe(recipe), tmp_path / "out")

    assert caught.value.where == f"stage filter: {start}"


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
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Whoever runs the tests in the background hands down an ignored SIGINT.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
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
