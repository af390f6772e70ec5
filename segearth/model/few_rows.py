"""Linear layers for the words that are said one at a time.

A CPU multiplies one row by a large matrix no faster than it reads the matrix. For float32 the
usual product of a few rows reads it slowly and on one thread; with the matrix on the left it is
read by all threads (`tests/benchmarks/few_rows.py` prints both, side by side). The product is the
same but for the order of its sums. (A single row is multiplied twice, which a counter of
operations sees on a real CPU tensor; on the meta device, where `segearth.profiling` counts, not.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

FEW = 8
"""Rows up to which the matrix goes on the left."""


class FewRowLinear(nn.Linear):
    """`nn.Linear`, faster for a few rows of float32 on a CPU; its weights and keys."""

    def forward(self, input: Tensor) -> Tensor:
        """Map ``(…, D)`` to ``(…, E)``."""
        rows = input.shape[:-1].numel()
        if not 0 < rows <= FEW or not _plain(input):
            return super().forward(input)
        flat = input.reshape(rows, -1)
        if rows == 1:  # a product with a single column is the slow kind again
            flat = flat.repeat(2, 1)
        made = (self.weight @ flat.T)[:, :rows].T
        if self.bias is not None:
            made = made + self.bias
        return made.reshape(*input.shape[:-1], self.out_features).contiguous()


def speed_few_rows(model: nn.Module) -> None:
    """Turn every plain linear layer of `model` into a `FewRowLinear`, in place."""
    for part in model.modules():
        if type(part) is nn.Linear:
            part.__class__ = FewRowLinear


def _plain(rows: Tensor) -> bool:
    return (
        rows.device.type == "cpu"
        and rows.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
    )
