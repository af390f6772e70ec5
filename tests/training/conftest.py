"""Runs of a few steps of the nano recipe."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import torch

from segearth.config.load import load_recipe
from segearth.training.loop import Run

ROOT = Path(__file__).parents[2]
SMALL = (
    f"model.language.name={ROOT / 'segearth' / 'model' / 'nano'}",
    "model.pyramid.image_size=64",
    "train.steps=6",
    "train.batch_size=2",
    "train.log_every=1",
    "train.save_minutes=1000",
    "loss.points=64",
    "data.questions=2",
)


@pytest.fixture(scope="session")
def nano():
    """Load the nano recipe with changes."""
    return lambda *changes: load_recipe(ROOT / "recipes" / "nano.yaml", [*SMALL, *changes])


@pytest.fixture(autouse=True)
def a_fresh_accelerator():
    """Accelerate keeps one state a process; runs of different precision must not share it."""
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(autouse=True)
def signals_as_before():
    """A run listens for Ctrl-C; the tests after it want their own again."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def quietly():
    """Nobody watches the progress."""
    return lambda step, figures: None


@pytest.fixture(scope="session")
def stop_after():
    """Run a recipe up to a step and save it there, as a run does that is killed later."""

    def run_until(recipe, folder, step):
        run = Run(recipe, folder, resume=False)

        def stop(done, figures):
            if done == step:
                run.save("last")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run.train(stop)
        run.board.close()
        return run

    return run_until


@pytest.fixture(scope="session")
def weights():
    """Copy everything that a model holds, buffers included."""
    return lambda model: {name: t.detach().clone() for name, t in model.state_dict().items()}


@pytest.fixture(scope="session")
def read_log():
    return lambda folder: [
        json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()
    ]


@pytest.fixture(scope="session")
def assert_same():
    """Compare two sets of tensors bit by bit."""

    def compare(one, other):
        assert one.keys() == other.keys()
        different = [name for name in one if not torch.equal(one[name], other[name])]
        assert different == []

    return compare
