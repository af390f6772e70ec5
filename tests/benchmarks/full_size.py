"""How much memory and time does the paper's model take here: one answer, one training step?

    python tests/benchmarks/full_size.py answer    # bf16, random weights; 16 GiB is the bound
    python tests/benchmarks/full_size.py step      # LoRA, gradient checkpointing; 24 GiB

Not a test: it needs the memory and minutes of a CPU. Everything of recipes/lasers.yaml but
the starting weights and the data: weights are random, scenes are drawn, one picture a step.
Texts go through the tokenizer of recipes/nano.yaml. Prints one JSON object; exit 1 above the
bound. The peak is the process's, Python and its libraries included.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from segearth.config.load import load_recipe
from segearth.config.presets import PHI_2, SIGLIP_SO400M_384
from segearth.config.recipe import Recipe
from segearth.model.build import build_model
from segearth.model.inputs import build_prompter, build_tokenizer
from segearth.model.segmenter import Segmenter
from segearth.profiling.latency import peaks_of_parts
from segearth.training.loop import Run

ROOT = Path(__file__).parents[2]
BOUND_GIB = {"answer": 16, "step": 24}
INSTRUCTION = "Find the white airplane to the left of the terminal building."


def recipe() -> Recipe:
    """The recipe of the paper, with random weights and drawn scenes."""
    nano = ROOT / "segearth" / "model" / "nano"
    changes = {
        "model.language.name": str(nano),
        "model.language.config": dict(PHI_2),
        "model.language.weights": "",
        "model.language.dtype": "bfloat16",
        "model.template.end": load_recipe(ROOT / "recipes" / "nano.yaml", []).model.template.end,
        "model.image_tokens.config": dict(SIGLIP_SO400M_384),
        "model.image_tokens.tower": "",
        "model.image_tokens.weights": "",
        "model.image_tokens.connector": "",
        "model.pyramid.weights": "",
        "model.mask_head.weights": "",
        "data.train": "",
        "data.validation": "",
        "data.drawn": 1.0,
        "train.batch_size": 1,
        "train.steps": 2,
    }
    lines = [f"{key}={json.dumps(value)}" for key, value in changes.items()]
    return load_recipe(ROOT / "recipes" / "lasers.yaml", lines)


def answer(made: Recipe) -> dict[str, Any]:
    """Answer an instruction: a given answer, fed as generation would, and its mask."""
    prompter = build_prompter(made.model, build_tokenizer(made.model))
    torch.manual_seed(0)
    model = build_model(made.model, prompter, pretrained=False).eval()
    segmenter = Segmenter(model, prompter, made.model, name="full", dtype="bf16")
    picture = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), np.uint8)
    start = time.perf_counter()
    encoded = segmenter.encode(picture)
    reply = segmenter.teach(encoded, INSTRUCTION, "The <p>airplane </p>[SEG] is there.")
    masks = segmenter.masks(encoded, reply)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    segmenter.masks(encoded, segmenter.teach(encoded, INSTRUCTION, reply.answer))
    again = time.perf_counter() - start
    whole = _peak_gib()  # before the peaks of the parts start anew
    parts = {name: peak / 2**30 for name, peak in peaks_of_parts(segmenter, picture).items()}
    return {
        "seconds": seconds,
        "further_question_s": again,
        "mask": list(masks.logits.shape),
        "peak_gib": whole,
        "parts_peak_gib": parts,
    }


def step(made: Recipe) -> dict[str, Any]:
    """Take two optimizer steps, the second on a warm machine."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run(made, Path(folder), resume=False)
        run.model.train()
        learning = sum(p.numel() for p in run.model.parameters() if p.requires_grad)
        taken = []
        for batches in run.batches():
            start = time.perf_counter()
            figures = run._take(batches)
            taken.append(time.perf_counter() - start)
            run.step += 1
    return {
        "seconds": taken,
        "learning": learning,
        "loss": figures["loss"],
        "peak_gib": _peak_gib(),
    }


def _peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**30


def main(kind: str) -> int:
    """Measure, print, compare."""
    if kind not in BOUND_GIB:
        sys.stderr.write("usage: full_size.py answer|step\n")
        return 2
    made = recipe()
    figures = answer(made) if kind == "answer" else step(made)
    bound = BOUND_GIB[kind]
    result = {"kind": kind, **figures, "bound_gib": bound}
    result["threads"] = torch.get_num_threads()
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if figures["peak_gib"] <= bound else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:] or ["answer"]))
