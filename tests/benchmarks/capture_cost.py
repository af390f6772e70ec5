"""What does capturing the attention rows of `[SEG]` (L_S, Sec. 4.1) add to a training step?

    python tests/benchmarks/capture_cost.py [ROUNDS]     (5 unless told)

The recipe of `mini` on drawn scenes, from the shipped weights: forward, loss and backward of
one batch with the spatial term and without it, in turn. Prints one JSON object with the
ratio of the quickest rounds; exit 1 above 1.05. Not a test: a busy machine would fail it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from segearth.config.load import load_recipe
from segearth.config.places import place_of
from segearth.model.checkpoint import read_recipe
from segearth.training.loop import Run

ROOT = Path(__file__).parents[2]
BOUND = 1.05


def main(rounds: int) -> int:
    """Measure, print, compare."""
    mini = str(place_of("mini"))
    changes = {
        "data.train": "",
        "data.validation": "",
        "data.targets": "",
        "data.drawn": 1.0,
        "data.mosaic": 0.0,
        "data.paste": 0.0,
        "train.init_from": mini,
        "train.workers": 0,
    }
    lines = [f"{key}={json.dumps(value)}" for key, value in changes.items()]
    recipe = load_recipe(ROOT / "recipes" / "mini.yaml", lines)
    model = read_recipe(place_of("mini"))  # whole in itself, without the ingredients
    model = replace(model, language=replace(model.language, name=mini))  # for its tokenizer
    recipe = replace(recipe, model=model)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(recipe, Path(folder), resume=False)
    run.model.train()
    batch = next(iter(run.batches()))[0]
    with_rows = run.recipe
    without = replace(with_rows, loss=replace(with_rows.loss, spatial=0.0))
    seconds: dict[str, list[float]] = {"with": [], "without": []}
    for turn in range(rounds + 1):  # the first is thrown away
        for name, recipe in (("with", with_rows), ("without", without)):
            run.recipe = recipe
            torch.manual_seed(turn)
            start = time.perf_counter()
            run.accelerator.backward(run._losses(batch).total)
            if turn:
                seconds[name].append(time.perf_counter() - start)
            run.optimizer.zero_grad()
    ratio = min(seconds["with"]) / min(seconds["without"])
    result = {"seconds": seconds, "ratio": ratio, "bound": BOUND}
    sys.stdout.write(json.dumps(result | {"threads": torch.get_num_threads()}) + "\n")
    return 0 if ratio <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
