"""Phi's fused attention projection, as transformers 4.36 kept it, and the separate ones.

The fused rows are grouped by head, each head's q, k and v one after the other: 6144 rows
are ``(32 heads, 3, 64)``, not three blocks of 2048.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

FUSED = ".self_attn.query_key_value."
SEPARATE = re.compile(r"\.self_attn\.([qkv])_proj\.")
LETTERS = ("q_proj", "k_proj", "v_proj")


def split_heads(fused: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Split a fused weight or bias.

    Args:
        fused: ``(3 * D, D)`` or ``(3 * D,)``, rows by head, then q, k, v.
        heads: Attention heads.

    Returns:
        Three of ``(D, D)`` or ``(D,)``.

    Raises:
        ValueError: The rows do not divide by three times `heads`.
    """
    rows = fused.shape[0] if fused.ndim else 1
    if rows % (3 * heads):
        raise ValueError(f"{rows} rows do not divide into {heads} heads of q, k and v")
    by_head = fused.unflatten(0, (heads, 3, rows // (3 * heads)))
    q, k, v = (by_head[:, index].flatten(0, 1) for index in range(3))
    return q, k, v


def join_heads(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Fuse again: the way back of `split_heads`."""
    parts = [part.unflatten(0, (heads, -1)) for part in (q, k, v)]
    return torch.stack(parts, dim=1).flatten(0, 2)


def with_separate_heads(tensors: Mapping[str, Tensor], heads: int) -> dict[str, Tensor]:
    """Replace every fused projection by its three; all else stays as it is."""
    result: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if FUSED in name:
            for letter, part in zip(LETTERS, split_heads(tensor, heads), strict=True):
                result[name.replace(FUSED, f".self_attn.{letter}.")] = part
        else:
            result[name] = tensor
    return result


def with_fused_heads(tensors: Mapping[str, Tensor], heads: int) -> dict[str, Tensor]:
    """Put every three projections together again: the way back of `with_separate_heads`."""
    result: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        letter = SEPARATE.search(name)
        if letter is None:
            result[name] = tensor
        elif letter[1] == "q":
            q, k, v = (tensors[SEPARATE.sub(f".self_attn.{other}.", name)] for other in LETTERS)
            result[SEPARATE.sub(FUSED, name)] = join_heads(q, k, v, heads)
    return result
