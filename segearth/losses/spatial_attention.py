"""Spatial attention supervision: teach `[SEG]` where to look (L_S, paper Sec. 4.1).

The attention that a `[SEG]` token pays to the image tokens is a coarse map of the image.
The loss pulls its values inside the target away from the mean of the background, which
gives the shallow layers of the language model a spatial signal of their own.

The squared difference is the paper's and has no sign: a foreground just *below* the
background mean gains by sinking. It can sink to zero only, while rising may bring up to 1.

Axes
    N  targets    M  blocks    A  heads    P  image tokens    d  side of their grid
"""

from __future__ import annotations

import torch
from torch import Tensor

EPS = 1e-12
"""Inside the logarithm: one cell's attention is about 1e-3, its square 1e-6; 1e-8, as in the
authors' code, would already hide differences below 1e-4."""


def printed_form(seg_attention: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """L_S as printed: one logarithm of the map averaged over blocks and heads.

    Args:
        seg_attention: Softmax rows of `[SEG]`, ``(N, M, A, P)``.
        target: Ground truth on the tokens, any overlap counts, bool ``(N, P)``.
        valid: Tokens that hold picture, not padding, bool ``(N, P)``.

    Returns:
        Mean over targets, a scalar; see `separation` for those left out.
    """
    return _mean_log(seg_attention.float().mean(dim=(1, 2)), target, valid)


def per_layer_form(seg_attention: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """L_S as in the authors' code: heads summed, one logarithm a block, blocks summed.

    About M times as large as the printed form, so lambda_S does not carry over.
    Arguments and result as for `printed_form`.
    """
    maps = seg_attention.float().sum(dim=2)  # (N, M, P)
    return torch.stack(
        [_mean_log(maps[:, block], target, valid) for block in range(maps.shape[1])]
    ).sum()


def separation(attention_map: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Mean squared distance of foreground attention from the background's mean.

    Args:
        attention_map: ``(N, P)``.
        target: bool ``(N, P)``.
        valid: bool ``(N, P)``; padding is neither foreground nor background.

    Returns:
        The separation ``(N,)``, and which targets have one: those with some foreground. A
        target that fills the picture has no background; its mean counts as 0, as in the
        authors' code.
    """
    foreground = (target & valid).float()
    background = (~target & valid).float()
    mean = (attention_map * background).sum(dim=1) / background.sum(dim=1).clamp(min=1)
    squares = (attention_map - mean[:, None]).square() * foreground
    return squares.sum(dim=1) / foreground.sum(dim=1).clamp(min=1), foreground.any(dim=1)


def _mean_log(attention_map: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    value, scored = separation(attention_map, target, valid)
    if not scored.any():
        return attention_map.sum() * 0  # keeps the graph, so that processes agree
    return -torch.log(value[scored] + EPS).mean()
