"""Per-pixel cross-entropy and DICE on sampled points (L_b and L_d of the paper, Sec. 5.1).

Mask2Former compares masks at points instead of at all pixels: three times as many random
points as needed are looked at, and three quarters of those that count are the ones where
the predicted mask is least certain (Cheng et al., CVPR 2022, Sec. 3.4; the PointRend rule).

Axes
    N  masks    P  points    H, W  rows and columns
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def sample_at(maps: Tensor, points: Tensor) -> Tensor:
    """Read maps at points, bilinearly.

    Args:
        maps: ``(N, H, W)``, floating.
        points: x and y from 0 to 1 over the map, ``(N, P, 2)``.

    Returns:
        ``(N, P)``.
    """
    grid = 2 * points[:, :, None] - 1
    return F.grid_sample(maps[:, None], grid.to(maps.dtype), align_corners=False)[:, 0, :, 0]


def uncertain_points(
    logits: Tensor, count: int, oversample: float = 3.0, important: float = 0.75
) -> Tensor:
    """Choose points, most of them where the mask is undecided.

    Args:
        logits: Mask logits, ``(N, H, W)``; no gradient flows.
        count: P.
        oversample: Random points looked at, as a multiple of `count`.
        important: Share of `count` that are the least certain of those; the rest is random.

    Returns:
        x and y from 0 to 1, ``(N, P, 2)``.
    """
    with torch.no_grad():
        masks = len(logits)
        pool = torch.rand(masks, int(count * oversample), 2, device=logits.device)
        certainty = sample_at(logits.float(), pool).abs()
        chosen = int(count * important)
        index = certainty.topk(chosen, dim=1, largest=False).indices
        uncertain = pool.gather(1, index[:, :, None].expand(-1, -1, 2))
        fresh = torch.rand(masks, count - chosen, 2, device=logits.device)
        return torch.cat([uncertain, fresh], dim=1)


def bce_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy of each mask, mean over its points.

    Args:
        logits: ``(N, P)``.
        targets: From 0 to 1, ``(N, P)``.

    Returns:
        ``(N,)``.
    """
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(dim=1)


def dice_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """DICE loss of each mask: ``1 - (2 sum(p t) + 1) / (sum(p) + sum(t) + 1)``.

    The ones are Mask2Former's smoothing; an empty mask rightly predicted costs next to 0.

    Args:
        logits: ``(N, P)``.
        targets: From 0 to 1, ``(N, P)``.

    Returns:
        ``(N,)``.
    """
    probability = logits.sigmoid()
    overlap = 2 * (probability * targets).sum(dim=1)
    total = probability.sum(dim=1) + targets.sum(dim=1)
    return 1 - (overlap + 1) / (total + 1)


def mask_losses(
    logits: Tensor,
    targets: Tensor,
    *,
    points: int = 12544,
    oversample: float = 3.0,
    important: float = 0.75,
) -> tuple[Tensor, Tensor]:
    """Compare predicted with true masks.

    Args:
        logits: ``(N, h, w)``, at any resolution.
        targets: bool, ``(N, H, W)``, over the same picture.
        points: P.
        oversample: See `uncertain_points`.
        important: See `uncertain_points`.

    Returns:
        Cross-entropy and DICE, each summed over masks and divided by their number (at least
        1); zeros that carry a gradient when there is no mask.
    """
    if not len(logits):
        nothing = logits.sum() * 0
        return nothing, nothing
    where = uncertain_points(logits, points, oversample, important)
    predicted = sample_at(logits.float(), where)
    true = sample_at(targets.float(), where)
    return bce_loss(predicted, true).mean(), dice_loss(predicted, true).mean()
