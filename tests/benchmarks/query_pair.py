"""What do 100 queries a target cost in seconds, beside 1? The paper says 0.82 to 0.54 (Sec. 5.4).

    python tests/benchmarks/query_pair.py full      # the paper's sizes: 12 GB, minutes a run
    python tests/benchmarks/query_pair.py reduced   # the same parts, thinner: seconds

Not a test: a busy machine would fail it. Random weights take as long as trained ones; the
language model is kept in bf16, as in recipes/lasers.yaml, and everything computes in it. The
queries are decoded jointly, and both k are timed in turn, five times. Prints one JSON object;
exit 1 if 100 queries cost over 12 % more, by the median of the five ratios.
Texts go through the tokenizer of recipes/nano.yaml, which cuts them into more tokens than
Phi-2's does.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from segearth.config.load import load_recipe
from segearth.config.model import ModelRecipe
from segearth.config.presets import mipha_3b
from segearth.model.build import build_model
from segearth.model.inputs import build_prompter, build_tokenizer
from segearth.model.segmenter import Segmenter
from segearth.profiling.latency import ANSWER, INSTRUCTION

ROOT = Path(__file__).parents[2]
ROUNDS = 5
BOUND = 1.12
REDUCED_LANGUAGE = {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 4}
REDUCED_TOWER = {"hidden_size": 144, "intermediate_size": 538, "num_hidden_layers": 4}


def recipe_of(size: str, k: int) -> ModelRecipe:
    """The paper's model, or one with its layout and a tenth of its widths and depths."""
    recipe = mipha_3b()
    nano = load_recipe(ROOT / "recipes" / "nano.yaml", []).model
    language, tower, pyramid = recipe.language, recipe.image_tokens, recipe.pyramid
    if size == "reduced":
        # Widths of a tenth, and the same number of image tokens, so that the shares of the
        # parts stay of the same kind.
        config = {**language.config, **REDUCED_LANGUAGE, "num_attention_heads": 8}
        language = replace(language, config=config)
        tower = replace(tower, config={**tower.config, **REDUCED_TOWER, "num_attention_heads": 4})
        pyramid = replace(pyramid, name="swin_tiny_patch4_window7_224", image_size=448)
    return replace(
        recipe,
        language=replace(
            language,
            name=str(ROOT / "segearth" / "model" / "nano"),
            dtype="bfloat16",
            lora_rank=0,
        ),
        image_tokens=tower,
        pyramid=pyramid,
        mask_head=replace(recipe.mask_head, decode="joint"),
        template=nano.template,
        queries_per_target=k,
    )


def build(size: str, k: int) -> Segmenter:
    """Make a model at random weights."""
    recipe = recipe_of(size, k)
    prompter = build_prompter(recipe, build_tokenizer(recipe))
    torch.manual_seed(0)
    model = build_model(recipe, prompter, pretrained=False).eval()
    return Segmenter(model, prompter, recipe, name=size, dtype="bf16")


def time_in_turn(size: str) -> dict[int, list[float]]:
    """Time k = 1 and k = 100 in turn, so that drift meets both alike; they share their weights."""
    segmenters = {k: build(size, k) for k in (1, 100)}
    shared = dict(segmenters[1].model.named_parameters())
    for name, own in segmenters[100].model.named_parameters():
        if name in shared and shared[name].shape == own.shape:
            own.data = shared[name].data
    seconds: dict[int, list[float]] = {k: [] for k in segmenters}
    for _ in range(ROUNDS + 1):
        for k, segmenter in segmenters.items():
            seconds[k].append(answer_once(segmenter))
    return {k: own[1:] for k, own in seconds.items()}  # the first warms up


def answer_once(segmenter: Segmenter) -> float:
    """Take a picture of the model's own size, an answer and its mask; return the seconds."""
    side = segmenter.window_px
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    start = time.perf_counter()
    encoded = segmenter.encode(picture)
    segmenter.masks(encoded, segmenter.teach(encoded, INSTRUCTION, ANSWER))
    return time.perf_counter() - start


def main(size: str) -> int:
    """Measure, print, compare."""
    if size not in ("full", "reduced"):
        sys.stderr.write("usage: query_pair.py full|reduced\n")
        return 2
    seconds = time_in_turn(size)
    ratios = [many / one for one, many in zip(seconds[1], seconds[100], strict=True)]
    result = {
        "size": size,
        "seconds": seconds,
        "ratios": ratios,
        "ratio": statistics.median(ratios),
        "bound": BOUND,
        "threads": torch.get_num_threads(),
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if statistics.median(ratios) <= BOUND or size == "reduced" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:] or ["reduced"]))
