"""Is the shipped model as small and as quick as it is meant to be?

    python tests/benchmarks/mini_latency.py [MODEL]

Not a test: a busy machine would fail it. Prints one JSON object; exit 1 if a bound is missed.
The bounds hold for two CPU cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from segearth.errors import SegEarthError
from segearth.model.checkpoint import WEIGHTS, model_folder
from segearth.model.segmenter import Segmenter
from segearth.profiling.latency import measure

BOUNDS = {
    "weights_mb": 100.0,  # in the repository
    "warm_s": 2.0,  # picture in, answer and masks out
    "cold_s": 12.0,  # the whole command, from the shell
    "further_share": 0.35,  # a further question's part of warm_s
}


def cold_seconds(model: str) -> float:
    """Time `segearth predict` on a new 512 px picture, Python's start included."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "noise.png"
        noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
        cv2.imwrite(str(picture), noise)
        words = ["predict", str(picture), "the white airplane", "-m", model, "-o", f"{folder}/out"]
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "segearth", *words], check=True, capture_output=True)
        return time.perf_counter() - start


def main(model: str) -> int:
    """Measure, print, compare."""
    try:
        weights = (model_folder(model) / WEIGHTS).stat().st_size
        latency = measure(Segmenter.load(model, device="cpu"), decode="joint", runs=10)
    except SegEarthError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    figures = {
        "weights_mb": weights / 1e6,
        "warm_s": latency.total.median,
        "cold_s": cold_seconds(model),
        "further_share": latency.again.median / latency.total.median,
    }
    missed = [name for name, bound in BOUNDS.items() if figures[name] > bound]
    extra = {
        "steps_s": {name: spread.median for name, spread in latency.steps.items()},
        "peak_mb": None if latency.peak_bytes is None else latency.peak_bytes / 1e6,
        "threads": torch.get_num_threads(),
    }
    result = {"model": model, **figures, **extra, "bounds": BOUNDS, "missed": missed}
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:] or ["mini"]))
