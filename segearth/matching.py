"""Which of k candidate masks stands for a target: with the truth, and without (Sec. 5.4).

With k = 1 there is nothing to choose, in training or at inference. With k > 1 every target
has its own k candidates, so the assignment needs no Hungarian solver in training: the
cheapest candidate is the matching. Several targets that compete for one pool of candidates
("propose then select") do need it: `assign`.

Axes
    N  targets    k  candidates of a target    P  points    H, W  rows and columns
"""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional as F

BCE_COST = 5.0
DICE_COST = 5.0
"""Mask2Former's matching costs; its class cost has no counterpart without a class head."""


def pair_costs(candidates: Tensor, targets: Tensor) -> Tensor:
    """Cost of every candidate for every target, at shared points.

    Args:
        candidates: Logits, ``(…, Q, P)``.
        targets: From 0 to 1, ``(…, N, P)``.

    Returns:
        ``5 BCE + 5 DICE``, ``(…, Q, N)``; DICE smoothed by one, as in the loss.
    """
    as_on = F.softplus(-candidates)  # cross-entropy if the truth were 1
    as_off = F.softplus(candidates)
    true = targets.transpose(-1, -2)
    bce = (as_on @ true + as_off @ (1 - true)) / candidates.shape[-1]
    probability = candidates.sigmoid()
    overlap = 2 * (probability @ true)
    total = probability.sum(-1)[..., :, None] + targets.sum(-1)[..., None, :]
    return BCE_COST * bce + DICE_COST * (1 - (overlap + 1) / (total + 1))


def best_candidate(logits: Tensor, targets: Tensor, points: int) -> Tensor:
    """Choose each target's cheapest candidate.

    Args:
        logits: ``(N, k, h, w)``; no gradient flows.
        targets: bool ``(N, H, W)``.
        points: P, uniformly random, shared by the candidates of a target.

    Returns:
        Index of the candidate, int64 ``(N,)``; zeros for k = 1.
    """
    count, k = logits.shape[:2]
    if k == 1:
        return torch.zeros(count, dtype=torch.int64, device=logits.device)
    with torch.no_grad():
        where = 2 * torch.rand(count, points, 1, 2, device=logits.device) - 1
        seen = F.grid_sample(logits.float(), where, align_corners=False)[..., 0]
        true = F.grid_sample(targets[:, None].float(), where, align_corners=False)[..., 0]
        return pair_costs(seen, true)[..., 0].argmin(dim=1)


def pooled_candidates(logits: Tensor, pool: Tensor, targets: Tensor, points: int) -> Tensor:
    """Match the targets of each pool with its candidates, one to one at the least total cost.

    Args:
        logits: ``(G, k, h, w)``, k candidates a pool; no gradient flows.
        pool: Which pool a target belongs to, int64 ``(N,)``.
        targets: bool ``(N, H, W)``.
        points: P, uniformly random, shared by a pool's candidates and targets.

    Returns:
        Index of the candidate within its pool, int64 ``(N,)``. Of more targets than
        candidates, those left over take their cheapest one.
    """
    chosen = torch.zeros(len(targets), dtype=torch.int64, device=logits.device)
    with torch.no_grad():
        for number in pool.unique().tolist():
            own = (pool == number).nonzero()[:, 0]
            where = 2 * torch.rand(1, points, 1, 2, device=logits.device) - 1
            seen = F.grid_sample(logits[number][None].float(), where, align_corners=False)
            true = F.grid_sample(targets[own][None].float(), where, align_corners=False)
            chosen[own] = distinct(pair_costs(seen[0, :, :, 0], true[0, :, :, 0]))
    return chosen


def distinct(costs: Tensor) -> Tensor:
    """Give every target a candidate of its own, as far as there are enough.

    Args:
        costs: ``(Q, N)``.

    Returns:
        Candidate of each target, int64 ``(N,)``.
    """
    chosen = costs.argmin(dim=0)
    candidates, targets = assign(costs)
    chosen[targets.to(chosen.device)] = candidates.to(chosen.device)
    return chosen


def assign(costs: Tensor) -> tuple[Tensor, Tensor]:
    """Assign candidates to targets one to one at the least total cost.

    Args:
        costs: ``(Q, N)``.

    Returns:
        Candidate and target of each pair, int64, ``min(Q, N)`` long.
    """
    rows, columns = linear_sum_assignment(costs.detach().cpu().numpy())
    return torch.as_tensor(rows), torch.as_tensor(columns)


def choose(scores: Tensor | None, count: int) -> Tensor:
    """Choose without the truth: the candidate with the highest learned score.

    Args:
        scores: ``(N, k)``; None for k = 1.
        count: N.

    Returns:
        int64 ``(N,)``.
    """
    if scores is None:
        return torch.zeros(count, dtype=torch.int64)
    return scores.argmax(dim=1)
