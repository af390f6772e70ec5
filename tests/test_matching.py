"""Matching: pair costs by hand, assignment against brute force, the choice among k."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
import torch

from segearth.losses.mask import bce_loss, dice_loss
from segearth.matching import assign, best_candidate, choose, pair_costs


def test_a_pair_costs_what_the_losses_say_with_their_weights():
    candidates, targets = torch.randn(3, 20), (torch.rand(2, 20) > 0.5).float()

    costs = pair_costs(candidates, targets)

    assert costs.shape == (3, 2)
    for row in range(3):
        for column in range(2):
            one, other = candidates[row : row + 1], targets[column : column + 1]
            expected = 5 * bce_loss(one, other) + 5 * dice_loss(one, other)
            torch.testing.assert_close(costs[row, column], expected[0])


def test_a_pair_by_hand():
    costs = pair_costs(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0]]))

    # ln 2 everywhere; DICE of p = 1/2, 1/2 against 1, 0: 1 - (1 + 1) / (1 + 1 + 1)
    assert costs.item() == pytest.approx(5 * math.log(2) + 5 / 3)


def test_costs_come_in_batches():
    candidates, targets = torch.randn(4, 3, 20), torch.rand(4, 2, 20)

    together = pair_costs(candidates, targets)

    apart = torch.stack([pair_costs(c, t) for c, t in zip(candidates, targets, strict=True)])
    torch.testing.assert_close(together, apart)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (5, 3), (1, 1)])
def test_the_assignment_is_the_cheapest_of_all(rows, columns, seed):
    costs = torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed))

    chosen, targets = assign(costs)

    cheapest = min(
        sum(costs[row, column].item() for column, row in enumerate(order))
        for order in permutations(range(rows), columns)
    )
    assert costs[chosen, targets].sum().item() == pytest.approx(cheapest)
    assert sorted(targets.tolist()) == list(range(columns))
    assert len(set(chosen.tolist())) == columns


def test_more_targets_than_candidates_leave_some_over():
    chosen, targets = assign(torch.tensor([[3.0, 1.0, 2.0]]))

    assert (chosen.tolist(), targets.tolist()) == ([0], [1])


def test_each_target_gets_its_best_candidate():
    targets = torch.zeros(2, 16, 16, dtype=torch.bool)
    targets[0, :8], targets[1, 8:] = True, True
    logits = torch.full((2, 3, 8, 8), -5.0)
    logits[0, 2, :4] = 5.0
    logits[1, 0, 4:] = 5.0

    assert best_candidate(logits, targets, 200).tolist() == [2, 0]


def test_one_candidate_needs_no_match():
    logits, targets = torch.randn(3, 1, 4, 4), torch.zeros(3, 8, 8, dtype=torch.bool)
    before = torch.get_rng_state()

    chosen = best_candidate(logits, targets, 10)

    assert chosen.tolist() == [0, 0, 0]
    assert torch.equal(torch.get_rng_state(), before)


def test_no_targets_need_no_match():
    chosen = best_candidate(torch.randn(0, 3, 4, 4), torch.zeros(0, 8, 8, dtype=torch.bool), 10)

    assert chosen.shape == (0,)


def test_without_the_truth_the_score_chooses():
    scores = torch.tensor([[0.1, 0.9, 0.3], [2.0, -1.0, 0.0]])

    assert choose(scores, 2).tolist() == [1, 0]
    assert choose(None, 3).tolist() == [0, 0, 0]


def test_matching_passes_no_gradient():
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)

    chosen = best_candidate(logits, torch.ones(2, 8, 8, dtype=torch.bool), 10)

    assert not chosen.requires_grad
