"""Our matching and mask losses against transformers' Mask2Former, at the same random points.

Both draw their points from torch's generator in the same order, so one seed gives both the
same points, and everything after them can be compared to the last digits.
"""

from __future__ import annotations

import pytest
import torch
from transformers import Mask2FormerConfig
from transformers.models.mask2former.modeling_mask2former import (
    Mask2FormerHungarianMatcher,
    Mask2FormerLoss,
)

from segearth.losses.mask import mask_losses
from segearth.matching import best_candidate, pooled_candidates

POINTS = 12544  # the paper family's


def made(seed, candidates, targets, side=64):
    torch.manual_seed(seed)
    blobs = torch.nn.functional.avg_pool2d(torch.randn(targets, 1, side, side), 9, 1, 4)[:, 0]
    return 4 * torch.randn(candidates, side // 4, side // 4), blobs > 0


@pytest.fixture(scope="module")
def theirs():
    config = Mask2FormerConfig(num_labels=1, train_num_points=POINTS)
    return Mask2FormerLoss(config, weight_dict={})


@pytest.mark.parametrize("seed", range(3))
def test_losses_are_equal_and_so_are_their_gradients(theirs, seed):
    logits, targets = made(seed, 5, 5)
    ours_in, theirs_in = (logits.clone().requires_grad_() for _ in range(2))
    same = torch.arange(5)

    torch.manual_seed(100 + seed)
    bce, dice = mask_losses(ours_in, targets, points=POINTS)
    torch.manual_seed(100 + seed)
    expected = theirs.loss_masks(theirs_in[None], [targets.float()], [(same, same)], 5)

    assert bce.item() == pytest.approx(expected["loss_mask"].item(), abs=1e-6)
    assert dice.item() == pytest.approx(expected["loss_dice"].item(), abs=1e-6)
    (5 * bce + 5 * dice).backward()
    (5 * expected["loss_mask"] + 5 * expected["loss_dice"]).backward()
    assert torch.allclose(ours_in.grad, theirs_in.grad, atol=1e-7)


def matched(logits, targets, seed):
    """The pairs of transformers' matcher, the class cost made equal for all."""
    matcher = Mask2FormerHungarianMatcher(
        cost_class=0.0, cost_mask=5.0, cost_dice=5.0, num_points=POINTS
    )
    torch.manual_seed(seed)
    classes = torch.zeros(1, len(logits), 2)
    labels = torch.zeros(1, len(targets), dtype=torch.int64)
    return matcher(logits[None], classes, targets[None].float(), labels)[0]


@pytest.mark.parametrize("seed", range(5))
def test_a_pool_is_matched_as_their_matcher_does(seed):
    logits, targets = made(seed, 30, 7)
    candidates, order = matched(logits, targets, 200 + seed)

    torch.manual_seed(200 + seed)
    chosen = pooled_candidates(logits[None], torch.zeros(7, dtype=torch.int64), targets, POINTS)

    assert chosen[order].tolist() == candidates.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_the_best_of_k_is_the_one_that_their_matcher_takes(seed):
    logits, targets = made(seed, 30, 1)
    candidates, _ = matched(logits, targets, 300 + seed)

    torch.manual_seed(300 + seed)
    assert best_candidate(logits[None], targets, POINTS).tolist() == candidates.tolist()
