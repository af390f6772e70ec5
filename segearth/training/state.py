"""What a run needs to go on exactly where it stopped.

Besides the model folder `last/` (with the moving average, ready to be used) a run keeps
`last/training.safetensors`: raw weights and both moments of AdamW by parameter name, and
`last/training.json`: the step and the best figure so far. Examples and random numbers
are decided by the step's number, so nothing else has to be stored.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from segearth.errors import CheckpointError
from segearth.files import atomic_path, write_text
from segearth.model.checkpoint import read_tensors
from segearth.training.optimizer import MovingAverage

TENSORS = "training.safetensors"
NUMBERS = "training.json"


def save_state(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: MovingAverage,
    *,
    step: int,
    best: float,
) -> None:
    """Write the state; the numbers come last and name the tensors' step."""
    tensors: dict[str, Tensor] = {"step": torch.tensor(step)}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        tensors[f"weight/{name}"] = parameter.detach()
        tensors[f"average/{name}"] = average.weights[name]
        moments = optimizer.state.get(parameter, {})
        for key in ("exp_avg", "exp_avg_sq", "step"):
            if key in moments:
                tensors[f"{key}/{name}"] = moments[key]
    with atomic_path(folder / TENSORS) as temporary:
        save_file({name: t.contiguous() for name, t in tensors.items()}, temporary)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())  # a power cut must not leave a renamed empty file
    write_text(folder / NUMBERS, json.dumps({"step": step, "best": best}))


def load_state(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, average: MovingAverage
) -> tuple[int, float]:
    """Put the state back.

    Returns:
        The number of steps done and the best figure so far.

    Raises:
        CheckpointError: There is no state, or it belongs to another model.
    """
    if not (folder / NUMBERS).is_file():
        raise CheckpointError(
            f"{folder} holds no training state", where="--resume", hint="leave --resume out"
        )
    try:
        best = float(json.loads((folder / NUMBERS).read_text(encoding="utf-8"))["best"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{NUMBERS} cannot be read: {error}", where=str(folder), hint="start again"
        ) from error
    tensors = read_tensors(folder / TENSORS)
    learning = {n: p for n, p in model.named_parameters() if p.requires_grad}
    strange = [
        name
        for name, parameter in learning.items()
        if tensors.get(f"weight/{name}", torch.empty(0)).shape != parameter.shape
    ]
    if strange:
        raise CheckpointError(
            f"the training state does not fit {strange[0]} ({len(strange)} tensors differ)",
            where=str(folder / TENSORS),
            hint="resume with the recipe that the run began with",
        )
    with torch.no_grad():
        for name, parameter in learning.items():
            parameter.copy_(tensors[f"weight/{name}"])
            average.weights[name].copy_(tensors[f"average/{name}"])
            moments = {
                key: tensors[f"{key}/{name}"].clone()
                for key in ("exp_avg", "exp_avg_sq", "step")
                if f"{key}/{name}" in tensors
            }
            if moments:
                optimizer.state[parameter] = moments
    return int(tensors["step"]), best
