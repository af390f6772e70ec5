"""Two-dimensional sine positions, as DETR and Mask2Former use them."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sine_positions(
    height: int, width: int, channels: int, *, device: torch.device | None = None
) -> Tensor:
    """Encode the cells of a grid.

    Half of the channels encode the row, half the column; coordinates run from just above 0
    to 2 pi over the grid, the temperature is 10,000 (Carion et al., ECCV 2020).

    Args:
        height: Rows.
        width: Columns.
        channels: A multiple of four.
        device: Where the result lives.

    Returns:
        float32, ``(channels, height, width)``.
    """
    half = channels // 2
    rows = torch.arange(1, height + 1, dtype=torch.float32, device=device)
    columns = torch.arange(1, width + 1, dtype=torch.float32, device=device)
    rows = rows / (height + 1e-6) * 2 * math.pi
    columns = columns / (width + 1e-6) * 2 * math.pi
    index = torch.arange(half, dtype=torch.float32, device=device)
    period = 10_000 ** (2 * torch.div(index, 2, rounding_mode="floor") / half)
    row_code = _interleave(rows[:, None] / period)  # (height, half)
    column_code = _interleave(columns[:, None] / period)  # (width, half)
    return torch.cat(
        [
            row_code.t()[:, :, None].expand(half, height, width),
            column_code.t()[:, None, :].expand(half, height, width),
        ]
    )


def _interleave(angles: Tensor) -> Tensor:
    return torch.stack([angles[:, 0::2].sin(), angles[:, 1::2].cos()], dim=2).flatten(1)
