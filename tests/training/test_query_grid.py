"""A grid of tiny runs on drawn scenes: what is done is not done again, and nothing is mixed up."""

from __future__ import annotations

import json

import pytest

from segearth.data.manifest import read_manifest
from segearth.data.scenes import draw_dataset
from segearth.errors import DataError, RecipeError, UsageError
from segearth.evaluation.candidates import FOLDER, LINES
from segearth.evaluation.query_study import compare
from segearth.training.query_grid import (
    DONE,
    choose_records,
    plan_grid,
    read_done,
    require_room,
    require_same,
    run_cell,
)
from segearth.training.state import NUMBERS, TENSORS


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    return draw_dataset(tmp_path_factory.mktemp("scenes"), 2, 1_000_000, 128)


@pytest.fixture
def recipe(nano, scenes):
    return nano(
        f"data.validation={scenes}", "train.validate_records=0", "train.steps=2", "data.questions=1"
    )


@pytest.fixture
def go(scenes):
    """Run a cell; returns its outcome and the steps that were made for it."""
    records = [record for record in read_manifest(scenes) if record.masks][:4]

    def run(cell, out, *, stop_at=None, stop_evaluating=False, digest="ab"):
        steps = []

        def on_step(step, figures):
            steps.append(step)
            if step == stop_at:
                raise KeyboardInterrupt

        def track(groups):
            if stop_evaluating:
                raise KeyboardInterrupt
            return groups

        done = run_cell(cell, out, records, digest, about={}, on_step=on_step, track=track)
        return done, steps

    return run


def test_every_k_comes_once_before_any_seed_comes_again(recipe):
    cells = plan_grid(recipe, [3, 1], 2)

    assert [cell.name for cell in cells] == ["k003-seed0", "k001-seed0", "k003-seed1", "k001-seed1"]
    assert [cell.recipe.seed for cell in cells] == [0, 0, 1, 1]
    assert [cell.recipe.model.queries_per_target for cell in cells] == [3, 1, 3, 1]
    assert len({repr(cell.recipe.data) for cell in cells}) == 1


def test_a_run_that_is_stopped_anywhere_goes_on_and_is_not_made_twice(recipe, go, tmp_path):
    one, three = plan_grid(recipe, [1, 3], 1)
    with pytest.raises(KeyboardInterrupt):
        go(three, tmp_path, stop_at=1)  # nothing was saved yet, as after kill -9
    assert read_done(tmp_path / three.name) is None
    with pytest.raises(KeyboardInterrupt):
        go(three, tmp_path, stop_evaluating=True)

    done, steps = go(three, tmp_path)

    folder = tmp_path / three.name
    assert steps == []  # trained before the second stop
    assert len((folder / "log.jsonl").read_text().splitlines()) == 2
    assert (done.k, done.seed, done.steps, done.images) == (3, 0, 2, 2)
    assert done.train_s > 0
    assert go(three, tmp_path) == (done, [])
    lines = (folder / "evaluation" / FOLDER / LINES).read_text().splitlines()
    judged = [(row["id"], row["target"]) for row in map(json.loads, lines)]
    assert len(judged) == len(set(judged)) > 0  # none twice, though evaluation was stopped once
    assert not (folder / "last" / NUMBERS).exists()
    assert not (folder / "last" / TENSORS).exists()

    single, steps = go(one, tmp_path)
    assert steps == [1, 2]
    assert all(record.oracle == record.iou for record in single.records)
    rows = compare([done, single])
    assert [row["k"] for row in rows] == [3, 1]
    assert all(0 <= row["giou"] <= row["oracle_giou"] <= 1 for row in rows)
    report = json.loads((tmp_path / one.name / "evaluation" / "report.json").read_text())
    assert rows[1]["giou"] == pytest.approx(report["giou"])
    with pytest.raises(DataError, match="other records"):
        go(one, tmp_path, digest="cd")


def test_records_with_more_targets_than_are_learnt_are_left_out(nano, scenes):
    records = read_manifest(scenes)
    several = [record for record in records if len(record.masks) > 1]

    kept = choose_records(nano("data.most_targets=1"), records, [1])

    assert several
    assert len(kept) == len(records) - len(several)
    assert choose_records(nano(), records, [1]) == records
    with pytest.raises(DataError, match="none can be answered"):
        choose_records(nano("data.most_targets=1"), several, [1])


def test_what_was_begun_otherwise_is_not_mixed_in(recipe, nano, tmp_path):
    (cell,) = plan_grid(recipe, [3], 1)
    other = plan_grid(nano("data.validation=elsewhere.jsonl"), [3], 1)
    from segearth.config.load import dump_yaml

    (tmp_path / cell.name).mkdir()
    (tmp_path / cell.name / "recipe.yaml").write_text(dump_yaml(cell.recipe), encoding="utf-8")

    require_same([cell], tmp_path, resume=True)
    with pytest.raises(UsageError, match="holds runs already"):
        require_same([cell], tmp_path, resume=False)
    with pytest.raises(UsageError, match="another recipe"):
        require_same(other, tmp_path, resume=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ((), "no records to compare"),
        (("data.validation=a.jsonl", "train.init_from=mini"), "would start with tokens"),
    ],
)
def test_a_recipe_that_compares_nothing_is_refused(nano, changes, said):
    with pytest.raises(RecipeError, match=said):
        plan_grid(nano(*changes), [1, 3], 1)


@pytest.mark.parametrize("text", ["", "{", '{"k": 3}', '{"records": [1]}', "[]"])
def test_a_damaged_outcome_is_named(tmp_path, text):
    (tmp_path / DONE).write_text(text)

    with pytest.raises(DataError, match=DONE):
        read_done(tmp_path)


def test_a_k_that_the_language_model_cannot_read_is_refused_before_the_work(nano):
    require_room(nano(), [1, 10])

    with pytest.raises(UsageError, match="with 5000 queries a target"):
        require_room(nano(), [1, 5000])
