"""What learns, how fast, and the moving average of it."""

from __future__ import annotations

import math

import torch
from torch import nn

from segearth.config.recipe import OptimizerRecipe
from segearth.model.segearth import SegEarth


def build_optimizer(model: SegEarth, recipe: OptimizerRecipe) -> torch.optim.AdamW:
    """Make AdamW over what learns, in groups by part.

    Biases and norms are not decayed. Each group keeps its factor on the rate as ``factor``.
    """
    factors = {"language": recipe.language_rate, "vision_tower_mask": recipe.pyramid_rate}
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            factor = factors.get(name.split(".")[0], 1.0)
            groups.setdefault((factor, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "factor": factor,
                "weight_decay": recipe.weight_decay if decays else 0.0,
            }
            for (factor, decays), parameters in groups.items()
        ],
        lr=recipe.learning_rate,
        foreach=True,
    )


def rate_at(step: int, steps: int, recipe: OptimizerRecipe) -> float:
    """Learning rate of a step: linear warm-up, then a cosine to `final_ratio` (Table 8).

    Args:
        step: From 0.
        steps: Of the whole run.
        recipe: Peak, share of warm-up, share left at the end.
    """
    warmup = max(1, round(recipe.warmup_ratio * steps))
    if step < warmup:
        return recipe.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    share = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return recipe.learning_rate * (recipe.final_ratio + (1 - recipe.final_ratio) * share)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group its rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


class MovingAverage:
    """Exponential moving average of what learns; it is what is validated and shipped."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Start from the present weights; a decay of 0 follows them exactly."""
        self.decay = decay
        self.weights = {
            name: parameter.detach().clone()
            for name, parameter in model.named_parameters()
            if parameter.requires_grad
        }

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after a step; early steps count more, so that it warms up."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, parameter in model.named_parameters():
            if name in self.weights:
                self.weights[name].lerp_(parameter.detach(), 1 - decay)

    @torch.no_grad()
    def swap(self, model: nn.Module) -> None:
        """Exchange the average and the model's weights; calling it again undoes it."""
        for name, parameter in model.named_parameters():
            if name in self.weights:
                kept = parameter.detach().clone()
                parameter.copy_(self.weights[name])
                self.weights[name].copy_(kept)


def clip_parts(model: SegEarth, limit: float) -> dict[str, float]:
    """Clip the gradient of each part by itself; 0 does not clip.

    A pretrained convolutional encoder with frozen statistics has gradients a hundred times
    those of the language model; one norm over all would scale the others to nothing.

    Returns:
        The norm of each part before clipping, by the part's name.
    """
    norms = {}
    for name, part in model.named_children():
        learning = [p for p in part.parameters() if p.grad is not None]
        if learning:
            bound = limit if limit > 0 else math.inf
            norms[name] = float(torch.nn.utils.clip_grad_norm_(learning, bound))
    return norms
