"""Training: it learns, its numbers are in the log, and odd batch sizes are refused."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from segearth.data.manifest import Record, write_manifest
from segearth.data.rle import encode_mask
from segearth.errors import DataError, RecipeError, SegEarthError
from segearth.model.checkpoint import load_model
from segearth.model.segmenter import Segmenter
from segearth.training.batches import Order
from segearth.training.loop import Run


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """Eight pictures of a bright square on dark ground, each asked for in the same words."""
    import cv2

    folder = tmp_path_factory.mktemp("squares")
    records, rng = [], np.random.default_rng(0)
    for number in range(8):
        image, mask = rng.integers(0, 60, (64, 64, 3), np.uint8), np.zeros((64, 64), bool)
        top, left = 20 * (number // 3) + 2, 20 * (number % 3) + 2
        mask[top : top + 18, left : left + 18] = True
        image[mask] = 230
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), image)
        records.append(
            Record(
                id=str(number),
                image=path,
                instruction="Find the building.",
                answer="The <p>building </p>[SEG] is here.",
                masks=(encode_mask(mask),),
                facets={"granularity": "instance"},
            )
        )
    write_manifest(folder / "train.jsonl", records)
    return folder / "train.jsonl"


def learn(nano, squares, folder, *changes):
    recipe = nano(
        f"data.train={squares}",
        f"data.validation={squares}",
        "data.drawn=0.0",
        "data.questions=1",
        "train.steps=60",
        "train.batch_size=4",
        "train.validate_every=60",
        "train.ema=0.0",
        "loss.points=128",
        *changes,
    )
    run = Run(recipe, folder, resume=False)
    run.train(lambda step, figures: None)
    return run


@pytest.fixture(scope="module")
def learnt(nano, squares, tmp_path_factory):
    folder = tmp_path_factory.mktemp("learnt")
    return learn(nano, squares, folder), folder


def test_a_tiny_model_learns_eight_pictures_in_sixty_steps(learnt, read_log):
    run, folder = learnt
    log = [line for line in read_log(folder) if "loss" in line]

    assert log[-1]["text"] < 0.1 * log[0]["text"]
    assert log[-1]["dice"] < 0.4 * log[0]["dice"]
    assert run.validation.latest["giou"] > 0.5  # with answers that it says itself
    assert run.validation.latest["count"] == 1.0


def test_the_best_folder_is_ready_to_answer(learnt):
    _, folder = learnt
    segmenter = Segmenter.load(folder / "best", device="cpu")
    image = np.full((64, 64, 3), 30, np.uint8)
    image[22:40, 22:40] = 230

    encoded = segmenter.encode(image)
    reply = segmenter.reply(encoded, "Find the building.")
    mask = segmenter.masks(encoded, reply).logits[0] > 0

    assert reply.answer == "The <p>building </p>[SEG] is here."
    assert mask[22:40, 22:40].mean() > 0.5
    assert mask.mean() < 0.5


def test_a_logged_step_has_its_parts_by_name(learnt, read_log):
    first = read_log(learnt[1])[0]

    assert first["step"] == 1
    assert {"loss", "text", "bce", "dice", "spatial", "lr", "seconds"} <= first.keys()
    assert all(math.isfinite(value) for value in first.values())


def test_the_run_folder_holds_what_the_contract_lists(learnt):
    names = {path.name for path in learnt[1].iterdir()}

    assert {"recipe.yaml", "log.jsonl", "tensorboard", "last", "best"} <= names
    assert list((learnt[1] / "tensorboard").glob("events.*"))


def test_the_merged_recipe_repeats_the_run(learnt, squares):
    from segearth.config.load import load_recipe

    run, folder = learnt

    assert load_recipe(folder / "recipe.yaml") == run.recipe


def test_drawn_scenes_alone_are_validated_too(nano, quietly, tmp_path):
    """`data.validation` empty: "validates on drawn scenes", says the schema."""
    run = Run(nano("train.steps=1"), tmp_path, resume=False)

    run.train(quietly)

    assert "giou" in run.validation.latest
    assert (tmp_path / "best" / "model.safetensors").is_file()


def test_the_spatial_term_sets_the_target_apart_in_unseen_pictures(nano, squares, tmp_path):
    """Apart, not above: the paper's square has no sign (see `separation`)."""
    from segearth.data.samples import encode_sample, stack
    from segearth.losses.spatial_attention import separation
    from segearth.model.inputs import geometry

    apart = {}
    for weight in (0.0, 1.0):
        run = learn(
            nano, squares, tmp_path / str(weight), f"loss.spatial={weight}", "train.steps=30"
        )
        shape = geometry(run.recipe.model)
        examples = [run.stream.example(10_000 + number) for number in range(8)]
        batch = stack([encode_sample(e, run.prompter, shape) for e in examples])
        with torch.no_grad():
            rows = run.model.eval()(batch, keep_attention=True).seg_attention.mean(dim=(1, 2))
        valid = batch.cell_valid.flatten(1)[batch.target_image]
        squares_apart, _ = separation(rows, batch.target_grid.flatten(1), valid)
        apart[weight] = squares_apart.mean().item()

    assert apart[1.0] > 2 * apart[0.0]


def test_without_the_term_no_attention_is_kept(nano, tmp_path):
    run = Run(nano("loss.spatial=0.0", "train.steps=1"), tmp_path, resume=False)
    figures = []

    run.train(lambda step, seen: figures.append(seen))

    assert figures[0]["spatial"] == 0


def test_bf16_trains(nano, quietly, tmp_path):
    run = Run(nano("train.precision=bf16", "train.steps=2"), tmp_path, resume=False)

    run.train(quietly)

    assert all(p.dtype == torch.float32 for p in run.model.parameters())


@pytest.mark.filterwarnings("ignore:.gradient_checkpointing_enable.:FutureWarning")
def test_gradient_checkpointing_changes_nothing(nano, quietly, weights, tmp_path):
    plain = Run(nano("train.steps=2"), tmp_path / "plain", resume=False)
    sparing = Run(
        nano("train.steps=2", "train.gradient_checkpointing=true"), tmp_path / "s", resume=False
    )
    plain.train(quietly)
    sparing.train(quietly)

    one, other = weights(plain.model), weights(sparing.model)
    assert all(torch.allclose(one[name], other[name], atol=1e-5) for name in one)


@pytest.mark.slow
def test_workers_change_nothing(nano, quietly, weights, assert_same, tmp_path):
    alone = Run(nano("train.steps=2"), tmp_path / "alone", resume=False)
    helped = Run(nano("train.steps=2", "train.workers=1"), tmp_path / "helped", resume=False)
    alone.train(quietly)
    helped.train(quietly)

    assert_same(weights(alone.model), weights(helped.model))


def test_ctrl_c_is_the_callers_again_after_a_run(nano, quietly, tmp_path):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    Run(nano("train.steps=1"), tmp_path, resume=False).train(quietly)

    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_request_to_stop_saves_the_step_first(nano, tmp_path):
    run = Run(nano(), tmp_path, resume=False)

    def interrupt(step, figures):
        if step == 2:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        run.train(interrupt)
    run.board.close()

    assert run.step == 2
    assert Run(nano(), tmp_path, resume=True).step == 2


def order(first=0, steps=2, batch=4, offset=0, passes=1, size=4):
    return list(Order(first, steps, batch, offset, passes, size))


def test_examples_are_numbered_through_the_run():
    assert order() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert order(first=1) == [[4, 5, 6, 7]]


def test_passes_and_processes_share_a_step_without_overlap():
    halves = [order(steps=1, offset=rank * 4, batch=8, passes=2, size=2) for rank in range(2)]

    assert halves == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]


@pytest.mark.parametrize(("batch", "passes"), [(2, 4), (3, 2)], ids=["too-few", "odd"])
def test_a_batch_that_does_not_divide_is_refused(nano, batch, passes):
    """Otherwise pictures are asked twice or never."""
    with pytest.raises(RecipeError):
        nano(f"train.batch_size={batch}", f"train.accumulate={passes}")


def test_accumulating_passes_is_one_larger_batch(nano, squares, tmp_path):
    """Text and attention alone: the points of the masks are drawn anew in every pass."""
    changes = (
        f"data.train={squares}",
        "data.drawn=0.0",
        "data.questions=1",
        "loss.bce=0.0",
        "loss.dice=0.0",
        "train.batch_size=4",
        "train.steps=1",
    )
    seen = []

    for name, passes in (("whole", 1), ("parts", 2)):
        recipe = nano(*changes, f"train.accumulate={passes}")
        Run(recipe, tmp_path / name, resume=False).train(lambda step, figures: seen.append(figures))

    whole, parts = seen
    for part in ("loss", "text", "spatial", "gradient_language", "gradient_vision_tower_mask"):
        assert parts[part] == pytest.approx(whole[part], rel=1e-4), part


def test_starting_from_a_model_folder(learnt, nano, tmp_path):
    _run, folder = learnt

    start = Run(nano(f"train.init_from={folder / 'last'}"), tmp_path, resume=False)

    expected, _, _ = load_model(folder / "last")
    assert torch.equal(start.model.SEG_token_projector.weight, expected.SEG_token_projector.weight)
    assert start.step == 0


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_picture_is_the_users_error(nano, squares, tmp_path, workers):
    import shutil

    shutil.copytree(squares.parent, tmp_path / "data")
    for path in (tmp_path / "data").glob("*.png"):
        path.write_bytes(b"no picture")
    changes = ("data.drawn=0.0", "train.validate_records=0", f"train.workers={workers}")
    recipe = nano(f"data.train={tmp_path / 'data' / 'train.jsonl'}", *changes)

    with pytest.raises(DataError) as caught:
        Run(recipe, tmp_path / "run", resume=False).train(lambda step, figures: None)

    assert "Traceback" not in str(caught.value)
    assert ".png" in caught.value.problem + str(caught.value.where)


def test_a_validation_picture_that_is_missing_is_told_before_the_first_step(
    nano, squares, quietly, tmp_path
):
    import shutil

    shutil.copytree(squares.parent, tmp_path / "data")
    (tmp_path / "data" / "5.png").unlink()
    recipe = nano(f"data.validation={tmp_path / 'data' / 'train.jsonl'}")

    with pytest.raises(DataError, match=r"5\.png"):
        Run(recipe, tmp_path / "run", resume=False).train(quietly)

    assert not (tmp_path / "run" / "log.jsonl").exists()


def test_ctrl_c_does_not_reach_the_processes_that_prepare_pictures(nano, tmp_path):
    """A terminal sends it to the whole group; a step under way still needs its pictures."""
    batches = Run(nano("train.workers=1", "train.steps=40"), tmp_path, resume=False).batches()
    next(batches)

    for process in multiprocessing.active_children():
        os.kill(process.pid, signal.SIGINT)

    assert len([next(batches) for _ in range(12)]) == 12
    batches.close()


def test_the_seconds_of_a_step_are_those_of_steps_alone(nano, read_log, monkeypatch, tmp_path):
    recipe = nano("train.steps=4", "train.log_every=2", "train.validate_every=3")
    run = Run(recipe, tmp_path, resume=False)
    figures = {"loss": 1.0, "lr": 0.1}
    monkeypatch.setattr(run, "_take", lambda batches: time.sleep(0.2) or dict(figures))
    monkeypatch.setattr(run, "_validate", lambda: time.sleep(2.0))
    monkeypatch.setattr(run, "_until", lambda stop: iter([[]] * 4))

    run.train(lambda step, figures: None)

    last = read_log(tmp_path)[-1]
    assert last["step"] == 4
    assert 0.2 <= last["seconds"] < 1.0  # one validation of 2 s lies between steps 3 and 4


def test_one_answer_that_is_too_long_does_not_end_a_run(nano, squares, tmp_path):
    """Among 50,000 generated answers there is always one; hours of work must not hang on it."""
    recipe = nano("model.max_answer_tokens=16", "train.steps=3", "data.questions=6")

    try:
        Run(recipe, tmp_path, resume=False).train(lambda step, figures: None)
    except SegEarthError as error:
        pytest.fail(f"the run ended: {error.problem}")


def test_one_instruction_that_is_too_long_does_not_end_a_run(nano, squares, tmp_path):
    recipe = nano("model.max_instruction_tokens=8", "train.steps=3", "data.questions=6")

    try:
        Run(recipe, tmp_path, resume=False).train(lambda step, figures: None)
    except SegEarthError as error:
        pytest.fail(f"the run ended: {error.problem}")


@pytest.mark.parametrize("change", ["data.drawn=0.0"])
def test_nothing_to_learn_from_is_refused(nano, tmp_path, change):
    with pytest.raises(RecipeError, match="nothing to learn from"):
        Run(nano(change), tmp_path, resume=False)


def test_a_record_with_too_few_masks_never_gets_that_far(squares, tmp_path):
    from segearth.data.manifest import read_manifest

    records = [replace(r, answer="no target") for r in read_manifest(squares)]
    write_manifest(squares.parent / "broken.jsonl", records)

    with pytest.raises(DataError, match=r"\[SEG\]"):
        read_manifest(squares.parent / "broken.jsonl")
