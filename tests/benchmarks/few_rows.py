"""Is a few rows' product with a large matrix faster with the matrix on the left?

    python tests/benchmarks/few_rows.py [ROUNDS]     (15 unless told)

All linear layers of the language model of `mini`, its word head included, for 1 to 16 rows:
`torch.nn.Linear` and `segearth.model.few_rows` in turn, what they read pushed out of the cache
before. Prints one JSON object with the seconds and the ratios, over 1 where ours is faster. Exit
1 if a single row is slower, the one that every word is. Not a test: a busy machine would fail it.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from segearth.model.few_rows import FEW, FewRowLinear
from segearth.model.segmenter import Segmenter

ROWS = (1, 2, 4, FEW, 16)


def main(rounds: int) -> int:
    """Measure, print, compare."""
    language = Segmenter.load("mini").model.language
    layers = [part for part in language.modules() if type(part) is FewRowLinear]
    other = torch.randn(16_000_000)  # larger than caches
    result: dict[str, dict[str, float]] = {}
    for rows in ROWS:
        inputs = [torch.randn(rows, layer.in_features) for layer in layers]
        seconds: dict[str, list[float]] = {"torch": [], "ours": []}
        for turn in range(rounds + 2):  # two are thrown away
            for name, forward in (("torch", nn.Linear.forward), ("ours", FewRowLinear.forward)):
                other.sum()
                taken = _time(forward, layers, inputs)
                if turn >= 2:
                    seconds[name].append(taken)
        median = {name: statistics.median(values) for name, values in seconds.items()}
        result[str(rows)] = median | {"ratio": median["torch"] / median["ours"]}
    sys.stdout.write(json.dumps({"rows": result, "threads": torch.get_num_threads()}) + "\n")
    return 0 if result["1"]["ratio"] >= 1 else 1


@torch.no_grad()
def _time(
    forward: Callable[[FewRowLinear, Tensor], Tensor],
    layers: list[FewRowLinear],
    inputs: list[Tensor],
) -> float:
    start = time.perf_counter()
    for layer, rows in zip(layers, inputs, strict=True):
        forward(layer, rows)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
