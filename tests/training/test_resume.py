"""A run that stops and goes on is the run that never stopped, bit by bit."""

from __future__ import annotations

import json
import shutil

import pytest
import timm
import torch
from safetensors.torch import save_file

from segearth.errors import CheckpointError, UsageError
from segearth.files import locked_folder
from segearth.model.build import self_contained
from segearth.model.checkpoint import load_model
from segearth.training.folder import changed_keys
from segearth.training.loop import Run


@pytest.mark.parametrize(
    "changes",
    [
        (),
        ("train.accumulate=2",),
        ("model.language.lora_rank=2", "model.language.frozen=true"),
        ("model.queries_per_target=3",),
    ],
    ids=["plain", "accumulated", "lora-with-dropout", "three-queries"],
)
def test_stopping_after_half_of_the_steps_changes_nothing(
    nano, quietly, stop_after, weights, assert_same, tmp_path, changes
):
    recipe = nano(*changes)
    straight = Run(recipe, tmp_path / "straight", resume=False)
    straight.train(quietly)

    stop_after(recipe, tmp_path / "halves", 3)
    torch.manual_seed(99)  # whatever happened in between
    second = Run(recipe, tmp_path / "halves", resume=True)
    assert second.step == 3
    second.train(quietly)

    assert second.step == 6
    assert_same(weights(second.model), weights(straight.model))
    assert_same(second.average.weights, straight.average.weights)


def starting_weights(path, name):
    """Weights of an encoder that nobody would get by chance, with statistics of batch norm."""
    torch.manual_seed(5)
    state = timm.create_model(name, features_only=True).state_dict()
    state |= {key: tensor + 0.25 for key, tensor in state.items() if "running" in key}
    save_file(state, path)


@pytest.mark.parametrize(
    ("name", "frozen"),
    [("test_efficientnet_ln", "true"), ("test_efficientnet", "false")],
    ids=["frozen-weights", "statistics-of-batch-norm"],
)
def test_what_does_not_learn_is_there_again_after_resuming(
    nano, stop_after, weights, assert_same, tmp_path, name, frozen
):
    file = tmp_path / "encoder.safetensors"
    starting_weights(file, name)
    recipe = nano(
        f"model.pyramid.name={name}",
        f"model.pyramid.weights={file}",
        f"model.pyramid.frozen={frozen}",
    )

    first = stop_after(recipe, tmp_path / "run", 1)
    second = Run(recipe, tmp_path / "run", resume=True)

    assert_same(weights(second.model), weights(first.model))


def test_the_last_folder_is_a_model_with_the_average(nano, quietly, tmp_path):
    run = Run(nano(), tmp_path, resume=False)
    run.train(quietly)

    model, _, recipe = load_model(tmp_path / "last")

    assert recipe == self_contained(run.recipe.model, run.model)
    saved = dict(model.named_parameters())
    learning = {n: p for n, p in run.model.named_parameters() if p.requires_grad}
    assert all(torch.equal(saved[n], run.average.weights[n]) for n in learning)
    assert not all(torch.equal(saved[n], p) for n, p in learning.items())


def test_the_log_of_a_run_that_went_back_has_every_step_once(
    nano, quietly, stop_after, read_log, tmp_path
):
    recipe = nano()
    run = Run(recipe, tmp_path, resume=False)

    def crash(step, figures):
        if step == 2:
            run.save("last")
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.train(crash)
    run.board.close()
    Run(recipe, tmp_path, resume=True).train(quietly)

    steps = [line["step"] for line in read_log(tmp_path) if "loss" in line]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_a_folder_with_a_run_in_it_is_not_overwritten(nano, quietly, tmp_path):
    Run(nano("train.steps=1"), tmp_path, resume=False).train(quietly)

    with pytest.raises(UsageError, match="holds a run already"):
        Run(nano(), tmp_path, resume=False)


def test_there_is_nothing_to_resume_in_an_empty_folder(nano, tmp_path):
    with pytest.raises(CheckpointError, match="no training state"):
        Run(nano(), tmp_path, resume=True)


@pytest.fixture(scope="module")
def finished(nano, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    Run(nano("train.steps=1"), folder, resume=False).train(lambda step, figures: None)
    return folder


def cut(folder):
    file = folder / "last" / "training.safetensors"
    file.write_bytes(file.read_bytes()[:-64])


def garble(folder):
    (folder / "last" / "training.json").write_text("{")


def forget(folder):
    (folder / "last" / "training.safetensors").unlink()


def misspell(folder):
    (folder / "last" / "training.json").write_text(json.dumps({"step": 1}))


@pytest.mark.parametrize(
    "spoil",
    [
        cut,
        forget,
        pytest.param(garble),
        pytest.param(misspell),
    ],
)
def test_a_spoilt_state_is_refused(nano, finished, tmp_path, spoil):
    shutil.copytree(finished, tmp_path / "run")
    spoil(tmp_path / "run")

    with pytest.raises(CheckpointError):
        Run(nano(), tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("model.mask_head.decoder_layers=6", id="more-layers"),
        pytest.param("model.mask_head.width=64", id="wider"),
    ],
)
def test_the_state_of_another_model_is_refused(nano, finished, tmp_path, change):
    shutil.copytree(finished, tmp_path / "run")

    with pytest.raises(CheckpointError):
        Run(nano(change), tmp_path / "run", resume=True)


def test_a_finished_run_has_nothing_left_to_do(nano, finished, tmp_path, quietly):
    shutil.copytree(finished, tmp_path / "run")
    run = Run(nano("train.steps=1"), tmp_path / "run", resume=True)
    seen = []

    run.train(lambda step, figures: seen.append(step))

    assert seen == []


def test_half_precision_on_disk_does_not_blur_what_is_frozen(
    nano, stop_after, weights, assert_same, tmp_path
):
    """`train.save_dtype` promises that resuming is exact all the same."""
    recipe = nano("model.pyramid.frozen=true", "train.save_dtype=float16")

    first = stop_after(recipe, tmp_path / "run", 1)
    second = Run(recipe, tmp_path / "run", resume=True)

    assert_same(weights(second.model), weights(first.model))


def test_a_run_that_is_still_going_keeps_its_log(nano, finished, quietly, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    log = tmp_path / "run" / "log.jsonl"
    log.write_text(log.read_text() + '{"step": 99}\n')

    with (
        locked_folder(tmp_path / "run"),
        pytest.raises(UsageError, match="another process"),
    ):
        Run(nano(), tmp_path / "run", resume=True).train(quietly)

    assert log.read_text().endswith('{"step": 99}\n')


def test_a_run_that_was_killed_before_its_first_checkpoint_starts_afresh(
    nano, quietly, read_log, tmp_path
):
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 9}\n{"step": 2, "lo')

    Run(nano("train.steps=2"), tmp_path, resume=False).train(quietly)

    assert [line["step"] for line in read_log(tmp_path) if "loss" in line] == [1, 2]


def test_what_another_recipe_changes_is_named_and_the_earlier_one_kept(
    nano, stop_after, quietly, tmp_path
):
    stop_after(nano(), tmp_path, 3)
    before = (tmp_path / "recipe.yaml").read_text()
    other = nano("seed=4", "loss.bce=2.0", "train.workers=1", "model.language.config.x=1")

    assert changed_keys(tmp_path, nano()) == []
    assert changed_keys(tmp_path, other) == ["seed", "loss.bce", "model.language.config.x"]
    Run(nano("loss.bce=2.0"), tmp_path, resume=True).train(quietly)

    assert (tmp_path / "recipe-until-step-3.yaml").read_text() == before
    assert changed_keys(tmp_path, nano("loss.bce=2.0")) == []
