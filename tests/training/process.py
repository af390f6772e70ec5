"""One process of a run of several; `test_processes.py` starts it.

Prints one JSON line: figures by step, and a checksum of the weights, which all processes share.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import torch

from segearth.config.load import load_recipe
from segearth.training.loop import Run

if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, recipe, *changes = sys.argv[1:]
    run = Run(load_recipe(Path(recipe), changes), Path(folder), resume=False)
    figures = []
    run.train(lambda step, seen: figures.append(seen))
    digest = hashlib.sha256()
    for parameter in run.model.parameters():
        digest.update(parameter.detach().numpy().tobytes())
    result = {
        "rank": run.accelerator.process_index,
        "world": run.accelerator.num_processes,
        "figures": figures,
        "weights": digest.hexdigest(),
    }
    Path(f"{folder}-{result['rank']}.json").write_text(json.dumps(result))
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
