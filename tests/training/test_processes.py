"""Two real processes train together, and do what one does alone with the same batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from segearth.config.load import dump_yaml
from segearth.training.loop import Run

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
TEXT_ONLY = ("loss.bce=0.0", "loss.dice=0.0", "loss.spatial=0.0")
QUIET = ("train.validate_records=0",)  # nothing is drawn: the folder is not made on the way


def together(recipe, folder):
    """Train in two processes; returns what each of them says at the end."""
    folder.parent.mkdir(exist_ok=True)
    (folder.parent / "two.yaml").write_text(dump_yaml(recipe))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", str(Path(__file__).with_name("process.py"))),
            *(str(folder), str(folder.parent / "two.yaml")),
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(Path(f"{folder}-{rank}.json").read_text()) for rank in range(2)]


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """A manifest without targets, every answer of one length: only words are to be learnt."""
    import cv2
    import numpy as np

    folder = tmp_path_factory.mktemp("lines")
    rng, rows = np.random.default_rng(0), []
    for number in range(12):
        cv2.imwrite(str(folder / f"{number}.png"), rng.integers(0, 256, (32, 32, 3), np.uint8))
        rows.append(
            {
                "id": str(number),
                "image": f"{number}.png",
                "instruction": "the runway",
                "answer": "There is no runway.",
                "masks": [],
                "facets": {},
            }
        )
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "train.jsonl"


def test_two_processes_do_what_one_does(nano, lines, read_log, tmp_path):
    changes = (f"data.train={lines}", "data.drawn=0.0", "data.questions=1", "train.batch_size=4")
    recipe = nano(
        *changes,
        *TEXT_ONLY,
        *QUIET,
        "train.steps=3",
        "train.log_every=1",
        "optimizer.learning_rate=1.0e-4",
    )

    one, other = together(recipe, tmp_path / "two")

    alone = []
    Run(recipe, tmp_path / "one", resume=False).train(lambda step, seen: alone.append(seen))
    assert one["world"] == other["world"] == 2
    assert one["weights"] == other["weights"]
    for step in range(3):
        mean = (one["figures"][step]["text"] + other["figures"][step]["text"]) / 2
        assert mean == pytest.approx(alone[step]["text"], rel=1e-3)
        assert read_log(tmp_path / "two")[step]["text"] == pytest.approx(mean, rel=1e-4)
        norm = one["figures"][step]["gradient_language"]
        assert norm == pytest.approx(alone[step]["gradient_language"], rel=1e-3)


def test_a_process_without_targets_does_not_stop_the_other(nano, tmp_path):
    """Each process has its own pictures; with k > 1 only targets reach the score head."""
    recipe = nano(
        "model.queries_per_target=3", "train.batch_size=2", "data.questions=1", "train.steps=4"
    )

    one, other = together(recipe, tmp_path / "two")

    assert len(one["figures"]) == 4
    assert one["weights"] == other["weights"]
    assert (tmp_path / "two" / "last" / "model.safetensors").is_file()
