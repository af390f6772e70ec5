"""Masked attention: a query looks only where its last mask is (Mask2Former, CVPR 2022).

Projections are apart from attention, so that what depends on the image alone is projected
once and shared by all queries.

Axes
    B  images    Q  queries    C  width    A  heads    V  cells of a map, h * w
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def attention_region(logits: Tensor, shape: Sequence[int]) -> Tensor:
    """Where a query may look next: the cells that its present mask covers.

    Args:
        logits: ``(B, Q, H, W)``.
        shape: Rows and columns of the memory map.

    Returns:
        bool, ``(B, Q, rows * columns)``; all true for a query whose mask covers no cell.
    """
    with torch.no_grad():
        return covered(shrink(logits.float(), shape))


def shrink(maps: Tensor, shape: Sequence[int]) -> Tensor:
    """Read maps ``(B, C, H, W)`` bilinearly at the cell centres of a smaller grid `shape`."""
    return F.interpolate(maps, size=tuple(shape), mode="bilinear", align_corners=False)


def covered(logits: Tensor) -> Tensor:
    """Cells where masks ``(B, Q, h, w)`` are on, bool ``(B, Q, h * w)``; see `attention_region`."""
    allowed = logits.flatten(2) >= 0  # sigmoid at least one half
    return allowed | ~allowed.any(dim=-1, keepdim=True)


def project(attention: nn.MultiheadAttention, cells: Tensor, place: int) -> Tensor:
    """Apply one of the three input projections of torch's attention and split the heads.

    Args:
        attention: Holds ``in_proj_weight`` and ``in_proj_bias`` (q, k, v stacked).
        cells: ``(B, V, C)``.
        place: 0 for queries, 1 for keys, 2 for values.

    Returns:
        ``(B, A, V, C / A)``.
    """
    weight = attention.in_proj_weight.chunk(3)[place]
    bias = attention.in_proj_bias.chunk(3)[place]
    linear = F.linear(cells, weight, bias)
    heads: Tensor = linear.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)
    return heads


def attend(
    attention: nn.MultiheadAttention, queries: Tensor, keys: Tensor, values: Tensor, allowed: Tensor
) -> Tensor:
    """Multi-head attention with torch's parameters and the fused kernel.

    Args:
        attention: Holds the projections.
        queries: ``(B, Q, C)``.
        keys: Projected, ``(B, A, V, C / A)``, see `project`.
        values: As `keys`.
        allowed: bool, ``(B, Q, V)``, the same for all heads.

    Returns:
        ``(B, Q, C)``.
    """
    seen = F.scaled_dot_product_attention(
        project(attention, queries, 0), keys, values, attn_mask=allowed[:, None]
    )
    result: Tensor = attention.out_proj(seen.transpose(1, 2).flatten(2))
    return result
