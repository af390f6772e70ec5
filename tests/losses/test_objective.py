"""The sum of the terms: weights, deep supervision, candidates."""

from __future__ import annotations

import math

import pytest
import torch

from segearth.config.recipe import LossRecipe
from segearth.losses.objective import objective

ATTENTION = torch.tensor([[[[0.7, 0.1, 0.1, 0.1]]]])
TARGET = torch.tensor([[True, False, False, False]])
VALID = torch.ones(1, 4, dtype=torch.bool)


def terms(recipe, *, predictions=1, k=1, count=1, scores=None, attention=ATTENTION):
    """Undecided masks of full targets: ln 2 cross-entropy, wherever the points fall."""
    return objective(
        recipe,
        word_logits=torch.zeros(3, 8),
        next_ids=torch.tensor([1, 5, 7]),
        mask_logits=[torch.zeros(count, k, 4, 4) for _ in range(predictions)],
        target_masks=torch.ones(count, 16, 16, dtype=torch.bool),
        scores=scores,
        seg_attention=attention,
        target_tokens=TARGET,
        valid_tokens=VALID,
    )


def test_the_parts_are_unweighted():
    losses = terms(LossRecipe(points=100))

    assert losses.text.item() == pytest.approx(math.log(8))
    assert losses.bce.item() == pytest.approx(math.log(2), rel=1e-4)
    assert losses.dice.item() == pytest.approx(1 - 101 / 151, abs=0.02)
    assert losses.spatial.item() == pytest.approx(-math.log(0.36), rel=1e-4)
    assert losses.score.item() == 0


@pytest.mark.parametrize(
    ("text", "bce", "dice", "spatial"),
    [(1.0, 5.0, 5.0, 0.01), (1.0, 1.0, 1.0, 0.01), (1.0, 2.0, 0.5, 0.0), (5.0, 0.0, 0.0, 1.0)],
    ids=["inherited", "printed", "lisa", "no-masks"],
)
def test_the_total_is_the_weighted_sum(text, bce, dice, spatial):
    recipe = LossRecipe(text=text, bce=bce, dice=dice, spatial=spatial, points=100)

    losses = terms(recipe)

    expected = (
        text * losses.text + bce * losses.bce + dice * losses.dice + spatial * losses.spatial
    ).item()
    assert losses.total.item() == pytest.approx(expected, rel=1e-5)


def test_the_papers_weights_are_the_defaults():
    recipe = LossRecipe()

    assert (recipe.bce, recipe.dice, recipe.spatial) == (5.0, 5.0, 0.01)
    assert (recipe.points, recipe.oversample, recipe.important) == (12544, 3.0, 0.75)


def test_every_prediction_of_the_decoder_is_supervised():
    recipe = LossRecipe(dice=0.0, spatial=0.0, points=100)

    one, ten = terms(recipe), terms(recipe, predictions=10)

    masks_one, masks_ten = one.total - one.text, ten.total - ten.text
    assert masks_ten.item() == pytest.approx(10 * masks_one.item(), rel=1e-4)


def test_the_forms_of_the_spatial_term():
    attention = torch.tensor([[[[0.7, 0.1, 0.1, 0.1]] * 2] * 3])  # three blocks, two heads

    printed = terms(LossRecipe(points=10), attention=attention).spatial
    per_layer = terms(LossRecipe(points=10, spatial_form="per-layer"), attention=attention).spatial

    assert printed.item() == pytest.approx(-math.log(0.36), rel=1e-4)
    assert per_layer.item() == pytest.approx(-3 * math.log(1.2**2), rel=1e-4)


def test_no_attention_leaves_the_term_out():
    losses = terms(LossRecipe(points=10), attention=None)

    assert losses.spatial.item() == 0


def test_a_batch_without_targets_learns_words():
    logits = torch.zeros(0, 1, 4, 4, requires_grad=True)
    words = torch.zeros(3, 8, requires_grad=True)

    losses = objective(
        LossRecipe(points=10),
        word_logits=words,
        next_ids=torch.tensor([1, 5, 7]),
        mask_logits=[logits],
        target_masks=torch.zeros(0, 16, 16, dtype=torch.bool),
    )
    losses.total.backward()

    assert losses.total.item() == pytest.approx(math.log(8))
    assert words.grad.any()
    assert logits.grad is not None


def candidates(good):
    """Three candidates of which one is right."""
    logits = torch.full((1, 3, 4, 4), -6.0)
    logits[0, good] = 6.0
    return logits.requires_grad_()


def three(logits, scores):
    return objective(
        LossRecipe(points=50, spatial=0.0),
        word_logits=torch.zeros(1, 2),
        next_ids=torch.tensor([0]),
        mask_logits=[logits],
        target_masks=torch.ones(1, 16, 16, dtype=torch.bool),
        scores=scores,
    )


@pytest.mark.parametrize("good", [0, 1, 2])
def test_the_best_candidate_bears_the_mask_terms_and_the_score_points_at_it(good):
    logits, scores = candidates(good), torch.zeros(1, 3, requires_grad=True)

    losses = three(logits, scores)
    losses.total.backward()

    touched = logits.grad.abs().sum(dim=(0, 2, 3)) > 0
    assert touched.tolist() == [index == good for index in range(3)]
    assert losses.score.item() == pytest.approx(math.log(3))
    assert scores.grad.argmin().item() == good  # the only one that is pushed up


def test_each_prediction_is_matched_anew():
    first, last = candidates(0), candidates(2)

    losses = objective(
        LossRecipe(points=50, spatial=0.0),
        word_logits=torch.zeros(1, 2),
        next_ids=torch.tensor([0]),
        mask_logits=[first, last],
        target_masks=torch.ones(1, 16, 16, dtype=torch.bool),
        scores=torch.tensor([[0.0, 0.0, 9.0]]),
    )
    losses.total.backward()

    assert first.grad[0, 0].any()
    assert not first.grad[0, 2].any()
    assert last.grad[0, 2].any()
    assert not last.grad[0, 0].any()
    assert losses.score.item() == pytest.approx(0, abs=1e-3)  # the last prediction's match
