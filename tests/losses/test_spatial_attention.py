"""Spatial attention supervision: both forms by hand, then by their properties."""

from __future__ import annotations

import math

import pytest
import torch

from segearth.losses.spatial_attention import EPS, per_layer_form, printed_form, separation

ONE_CELL = torch.tensor([[True, False, False, False]])
ALL = torch.ones(1, 4, dtype=torch.bool)
NOTHING = ~ALL


def rows(*maps):
    """One target, one block, one head."""
    return torch.tensor(maps)[None, None]


@pytest.mark.parametrize(
    ("attention", "squared"),
    [
        pytest.param([0.7, 0.1, 0.1, 0.1], 0.6**2, id="foreground-above"),
        pytest.param([0.1, 0.3, 0.3, 0.3], 0.2**2, id="foreground-below-counts-the-same"),
        pytest.param([0.4, 0.1, 0.2, 0.3], 0.2**2, id="background-is-averaged"),
        pytest.param([1e-3, 0.0, 0.0, 0.0], 1e-6, id="as-small-as-in-real-models"),
    ],
)
def test_one_target_matches_the_paper_by_hand(attention, squared):
    loss = printed_form(rows(attention), ONE_CELL, ALL)

    assert loss.item() == pytest.approx(-math.log(squared + EPS), rel=1e-4)


def test_foreground_cells_are_averaged_after_squaring():
    target = torch.tensor([[True, True, False, False]])

    loss = printed_form(rows([0.5, 0.3, 0.1, 0.1]), target, ALL)

    assert loss.item() == pytest.approx(-math.log((0.4**2 + 0.2**2) / 2), rel=1e-5)


def test_printed_averages_blocks_and_heads_before_one_logarithm():
    # Two blocks of two heads; the mean map is 0.4, 0.2, 0.2, 0.2.
    attention = torch.tensor(
        [
            [[0.7, 0.1, 0.1, 0.1], [0.1, 0.3, 0.3, 0.3]],
            [[0.4, 0.2, 0.2, 0.2], [0.4, 0.2, 0.2, 0.2]],
        ]
    )[None]

    assert printed_form(attention, ONE_CELL, ALL).item() == pytest.approx(-math.log(0.04), rel=1e-5)


def test_per_layer_sums_heads_and_takes_one_logarithm_a_block():
    attention = torch.tensor(
        [
            [[0.7, 0.1, 0.1, 0.1], [0.4, 0.2, 0.2, 0.2]],
            [[0.4, 0.2, 0.2, 0.2], [0.4, 0.2, 0.2, 0.2]],
        ]
    )[None]

    # Summed over heads: 1.1 against 0.3 in the first block, 0.8 against 0.4 in the second.
    expected = -math.log(0.8**2) - math.log(0.4**2)
    assert per_layer_form(attention, ONE_CELL, ALL).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("form", [printed_form, per_layer_form])
def test_targets_are_averaged(form):
    one, two = rows([0.7, 0.1, 0.1, 0.1]), rows([0.4, 0.2, 0.2, 0.2])

    both = form(torch.cat([one, two]), ONE_CELL.repeat(2, 1), ALL.repeat(2, 1))

    apart = (form(one, ONE_CELL, ALL) + form(two, ONE_CELL, ALL)) / 2
    torch.testing.assert_close(both, apart)


@pytest.mark.parametrize("form", [printed_form, per_layer_form])
def test_a_target_that_misses_the_grid_is_left_out(form):
    attention = torch.rand(1, 2, 2, 4, requires_grad=True)

    loss = form(attention, NOTHING, ALL)
    loss.backward()

    assert loss.item() == 0
    assert (attention.grad == 0).all()


@pytest.mark.parametrize("form", [printed_form, per_layer_form])
def test_a_left_out_target_does_not_dilute_the_others(form):
    attention = rows([0.7, 0.1, 0.1, 0.1])

    both = form(torch.cat([attention, attention]), torch.cat([ONE_CELL, NOTHING]), ALL.repeat(2, 1))

    torch.testing.assert_close(both, form(attention, ONE_CELL, ALL))


def test_a_target_that_fills_the_grid_is_held_against_nothing():
    loss = printed_form(rows([0.1, 0.2, 0.3, 0.4]), ALL, ALL)

    assert loss.item() == pytest.approx(-math.log((0.01 + 0.04 + 0.09 + 0.16) / 4), rel=1e-5)


def test_padding_is_neither_foreground_nor_background():
    attention = rows([0.4, 0.2, 0.2, 9.0])
    valid = torch.tensor([[True, True, True, False]])

    loss = printed_form(attention, ONE_CELL, valid)
    touched = printed_form(attention, torch.tensor([[True, False, False, True]]), valid)

    assert loss.item() == pytest.approx(-math.log(0.04), rel=1e-5)
    torch.testing.assert_close(touched, loss)


def test_a_target_within_the_padding_only_is_left_out():
    target, valid = (
        torch.tensor([[False, False, False, True]]),
        torch.tensor([[True] * 3 + [False]]),
    )

    value, scored = separation(torch.rand(1, 4), target, valid)

    assert not scored.any()
    assert torch.isfinite(value).all()


def test_equal_attention_has_a_finite_loss_and_gradient():
    attention = torch.full((1, 1, 1, 4), 0.25, requires_grad=True)

    loss = printed_form(attention, ONE_CELL, ALL)
    loss.backward()

    assert loss.item() == pytest.approx(-math.log(EPS), rel=1e-4)
    assert torch.isfinite(attention.grad).all()


def test_eps_is_far_below_what_attention_gives():
    assert EPS <= 1e-12


def test_half_precision_rows_are_computed_in_float32():
    attention = rows([1.0e-3, 0.9e-3, 0.9e-3, 0.9e-3])

    half = printed_form(attention.bfloat16(), ONE_CELL, ALL)

    assert half.dtype == torch.float32
    exact = printed_form(attention.bfloat16().float(), ONE_CELL, ALL)
    torch.testing.assert_close(half, exact)


def test_looking_at_the_target_costs_less_than_looking_everywhere():
    focused, spread = rows([0.7, 0.1, 0.1, 0.1]), rows([0.28, 0.24, 0.24, 0.24])

    assert printed_form(focused, ONE_CELL, ALL) < printed_form(spread, ONE_CELL, ALL)


def test_a_step_against_the_gradient_raises_attention_on_the_target():
    scores = torch.zeros(1, 1, 1, 4, requires_grad=True)
    with torch.no_grad():
        scores[..., 0] = 0.1

    printed_form(scores.softmax(-1), ONE_CELL, ALL).backward()

    assert scores.grad[..., 0] < 0
    assert (scores.grad[..., 1:] > 0).all()
