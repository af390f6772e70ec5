"""Cross-entropy, DICE and the points they are measured at."""

from __future__ import annotations

import math

import pytest
import torch

from segearth.losses.mask import bce_loss, dice_loss, mask_losses, sample_at, uncertain_points

LN3 = math.log(3)  # its sigmoid is 3/4


@pytest.mark.parametrize(
    ("logits", "targets", "expected"),
    [
        pytest.param([0.0, 0.0], [1.0, 0.0], math.log(2), id="undecided"),
        pytest.param([LN3, -LN3], [1.0, 0.0], math.log(4 / 3), id="right"),
        pytest.param([LN3, LN3], [1.0, 0.0], (math.log(4 / 3) + math.log(4)) / 2, id="half-right"),
        pytest.param([LN3], [0.5], (math.log(4 / 3) + math.log(4)) / 2, id="soft-target"),
    ],
)
def test_cross_entropy_by_hand(logits, targets, expected):
    loss = bce_loss(torch.tensor([logits]), torch.tensor([targets]))

    assert loss.item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("logits", "targets", "expected"),
    [
        # p = 3/4, 1/4; overlap 2 * 3/4; sums 1 and 1
        pytest.param([LN3, -LN3], [1.0, 0.0], 1 - (1.5 + 1) / (1 + 1 + 1), id="right"),
        pytest.param([LN3, -LN3], [0.0, 1.0], 1 - (0.5 + 1) / (1 + 1 + 1), id="wrong"),
        pytest.param([LN3, LN3], [0.0, 0.0], 1 - 1 / (1.5 + 0 + 1), id="empty-target"),
        pytest.param([-50.0, -50.0], [0.0, 0.0], 0.0, id="empty-target-rightly-empty"),
        pytest.param([50.0, 50.0], [1.0, 1.0], 0.0, id="full"),
    ],
)
def test_dice_by_hand_with_its_smoothing_of_one(logits, targets, expected):
    loss = dice_loss(torch.tensor([logits]), torch.tensor([targets]))

    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_masks_are_judged_one_by_one():
    logits, targets = torch.randn(3, 20), (torch.rand(3, 20) > 0.5).float()

    for loss in (bce_loss, dice_loss):
        apart = torch.cat([loss(logits[i : i + 1], targets[i : i + 1]) for i in range(3)])
        torch.testing.assert_close(loss(logits, targets), apart)


def test_reading_at_points_by_hand():
    maps = torch.tensor([[[0.0, 10.0], [20.0, 30.0]]])
    points = torch.tensor([[[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.5, 0.5], [0.5, 0.25]]])

    read = sample_at(maps, points)

    # The centres of three cells, the middle of the map, between two columns. x comes first.
    torch.testing.assert_close(read, torch.tensor([[0.0, 10.0, 20.0, 15.0, 5.0]]))


def test_maps_of_two_sizes_are_read_at_the_same_places():
    fine = torch.arange(8.0).repeat(8, 1)[None]  # rises with x
    coarse = fine.view(1, 4, 2, 4, 2).mean(dim=(2, 4))
    points = torch.rand(1, 50, 2) * 0.5 + 0.25  # away from the border

    torch.testing.assert_close(sample_at(fine, points), sample_at(coarse, points))


def test_most_points_lie_where_the_mask_is_undecided():
    torch.manual_seed(0)
    logits = torch.full((1, 32, 32), 9.0)
    logits[:, :, :8] = 0.0  # the left quarter

    points = uncertain_points(logits, 4000, oversample=3.0, important=0.75)

    left = (points[0, :, 0] < 0.27).float()
    assert points.shape == (1, 4000, 2)
    assert left[:3000].mean() > 0.95  # 12,000 were looked at, a quarter of them in the quarter
    assert left[3000:].mean() == pytest.approx(0.27, abs=0.05)  # the rest is random


def test_points_are_certain_ones_too_when_nothing_is_important():
    torch.manual_seed(0)
    logits = torch.full((2, 8, 8), 9.0)
    logits[:, :, :2] = 0.0

    points = uncertain_points(logits, 400, important=0.0)

    assert (points[..., 0] < 0.25).float().mean() == pytest.approx(0.25, abs=0.06)
    assert ((points >= 0) & (points <= 1)).all()


def test_every_mask_has_points_of_its_own():
    logits = torch.full((2, 16, 16), 9.0)
    logits[0, :, :4] = 0.0
    logits[1, :, 12:] = 0.0

    points = uncertain_points(logits, 200, important=1.0)

    assert points[0, :, 0].median() < 0.3
    assert points[1, :, 0].median() > 0.7


def test_points_pass_no_gradient():
    logits = torch.randn(1, 8, 8, requires_grad=True)

    assert not uncertain_points(logits, 10).requires_grad


def test_a_better_mask_costs_less():
    truth = torch.zeros(1, 64, 64, dtype=torch.bool)
    truth[:, :32] = True
    logits = torch.where(truth[:, ::4, ::4], 4.0, -4.0)

    right, wrong = mask_losses(logits, truth, points=200), mask_losses(-logits, truth, points=200)

    assert right[0] < wrong[0]
    assert right[1] < wrong[1]
    assert right[0] < 0.3
    assert right[1] < 0.1


def test_a_constant_mask_gives_the_numbers_by_hand():
    torch.manual_seed(0)
    truth = torch.ones(2, 64, 64, dtype=torch.bool)

    bce, dice = mask_losses(torch.full((2, 64, 64), LN3), truth, points=1000, important=0.0)

    # Not exactly: points in the outer half pixel are mixed with the zeros around a map.
    assert bce.item() == pytest.approx(math.log(4 / 3), abs=0.02)
    assert dice.item() == pytest.approx(1 - (1500 + 1) / (750 + 1000 + 1), abs=0.01)


def test_no_masks_cost_nothing_but_keep_the_graph():
    logits = torch.randn(0, 4, 4, requires_grad=True)

    bce, dice = mask_losses(logits, torch.zeros(0, 8, 8, dtype=torch.bool))
    (bce + dice).backward()

    assert bce.item() == dice.item() == 0
    assert logits.grad.shape == (0, 4, 4)


def test_every_mask_weighs_the_same():
    torch.manual_seed(0)
    truth = torch.zeros(2, 8, 8, dtype=torch.bool)
    truth[1] = True
    logits = torch.zeros(2, 4, 4)

    both = mask_losses(logits, truth, points=64)

    # Undecided everywhere: ln 2 for both; DICE is 1 - 1/33 for the empty, about 1/3 for the full.
    assert both[0].item() == pytest.approx(math.log(2), abs=1e-5)
    assert both[1].item() == pytest.approx(((1 - 1 / 33) + (1 - 65 / 97)) / 2, abs=0.02)
