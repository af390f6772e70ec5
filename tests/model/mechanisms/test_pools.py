"""Matching within pools, worked by hand."""

from __future__ import annotations

import torch

from segearth.matching import distinct, pooled_candidates


def halves():
    """Left and right half of a picture of 8 by 8, as masks."""
    left = torch.zeros(8, 8, dtype=torch.bool)
    left[:, :4] = True
    return left, ~left


def test_targets_of_a_pool_take_candidates_of_their_own():
    left, right = halves()
    logits = torch.stack([right, left, left]).float()[None] * 20 - 10  # (1, 3, 8, 8)
    pool = torch.tensor([0, 0])

    chosen = pooled_candidates(logits, pool, torch.stack([left, left]), 256)
    assert sorted(chosen.tolist()) == [1, 2]

    chosen = pooled_candidates(logits, pool, torch.stack([left, right]), 256)
    assert chosen[1] == 0
    assert chosen[0] in (1, 2)


def test_pools_do_not_compete():
    left, right = halves()
    logits = torch.stack([left, right]).float()[None].repeat(2, 1, 1, 1) * 20 - 10
    pool = torch.tensor([1, 0, 1])

    chosen = pooled_candidates(logits, pool, torch.stack([left, left, right]), 256)

    assert chosen.tolist() == [0, 0, 1]


def test_the_least_total_cost_is_not_everybodys_favourite():
    costs = torch.tensor([[1.0, 2.0], [2.0, 9.0]])  # candidate by target
    assert distinct(costs).tolist() == [1, 0]  # 2 + 2 beats 1 + 9


def test_more_targets_than_candidates_share():
    costs = torch.tensor([[5.0, 1.0, 3.0]])
    assert distinct(costs).tolist() == [0, 0, 0]
