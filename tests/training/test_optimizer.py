"""Rates, groups and the moving average, by hand."""

from __future__ import annotations

import pytest
import torch

from segearth.config.recipe import OptimizerRecipe
from segearth.training.optimizer import (
    MovingAverage,
    build_optimizer,
    clip_parts,
    rate_at,
    set_rate,
)
from segearth.training.state import load_state, save_state

PLAN = OptimizerRecipe(learning_rate=1.0, warmup_ratio=0.1, final_ratio=0.1)


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (0, 0.1),  # ten steps of warm-up
        (4, 0.5),
        (9, 1.0),
        (10, 1.0),  # the cosine begins at its top
        (55, 0.1 + 0.9 * 0.5),
        (100, 0.1),
        (150, 0.1),
    ],
)
def test_the_rate_rises_in_a_line_and_falls_in_a_cosine(step, rate):
    assert rate_at(step, 100, PLAN) == pytest.approx(rate)


def test_a_run_of_one_step_has_a_rate():
    assert rate_at(0, 1, OptimizerRecipe(learning_rate=2.0)) == 2.0


class Parts(torch.nn.Module):
    """Named like the parts of the model."""

    def __init__(self):
        super().__init__()
        self.language = torch.nn.Linear(2, 2)
        self.vision_tower_mask = torch.nn.Linear(2, 2)
        self.predictor = torch.nn.Linear(2, 2)
        self.frozen = torch.nn.Linear(2, 2).requires_grad_(False)


def test_parts_have_rates_of_their_own_and_biases_do_not_decay():
    model = Parts()
    recipe = OptimizerRecipe(
        learning_rate=1.0, language_rate=0.5, pyramid_rate=0.25, weight_decay=0.1
    )

    optimizer = build_optimizer(model, recipe)
    set_rate(optimizer, 2.0)

    rates = {
        id(parameter): (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert rates[id(model.language.weight)] == (1.0, 0.1)
    assert rates[id(model.language.bias)] == (1.0, 0.0)
    assert rates[id(model.vision_tower_mask.weight)] == (0.5, 0.1)
    assert rates[id(model.predictor.weight)] == (2.0, 0.1)
    assert id(model.frozen.weight) not in rates


def test_the_average_warms_up_and_then_decays():
    model = torch.nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(0.0)
    average = MovingAverage(model, 0.5)
    model.weight.data.fill_(1.0)

    average.update(model, 0)  # decay min(0.5, 1/10)
    first = average.weights["weight"].item()
    average.update(model, 100)  # decay 0.5
    second = average.weights["weight"].item()

    assert first == pytest.approx(0.9)
    assert second == pytest.approx(0.95)


def test_no_decay_follows_exactly():
    model = torch.nn.Linear(3, 3)
    average = MovingAverage(model, 0.0)
    model.weight.data.normal_()

    average.update(model, 5)

    assert torch.equal(average.weights["weight"], model.weight)


def test_swapping_twice_changes_nothing():
    model = torch.nn.Linear(3, 3)
    average = MovingAverage(model, 0.9)
    before, kept = model.weight.detach().clone(), average.weights["weight"].clone()
    model.weight.data.add_(1)
    moved = model.weight.detach().clone()

    average.swap(model)
    assert torch.equal(model.weight, before)
    average.swap(model)

    assert torch.equal(model.weight, moved)
    assert torch.equal(average.weights["weight"], kept)


@pytest.mark.parametrize(("limit", "left"), [(1.0, 1.0), (10.0, 5.0), (0.0, 5.0)])
def test_the_gradient_of_a_part_is_cut_to_its_limit(limit, left):
    model = Parts()
    model.language.weight.grad = torch.tensor([[3.0, 4.0], [0.0, 0.0]])

    norms = clip_parts(model, limit)

    assert norms == {"language": pytest.approx(5.0)}
    assert model.language.weight.grad.norm().item() == pytest.approx(left, rel=1e-4)


def test_a_part_with_a_large_gradient_does_not_shrink_the_others():
    model = Parts()
    model.vision_tower_mask.weight.grad = torch.full((2, 2), 500.0)
    model.predictor.weight.grad = torch.full((2, 2), 0.1)

    norms = clip_parts(model, 1.0)

    assert norms == {"vision_tower_mask": pytest.approx(1000.0), "predictor": pytest.approx(0.2)}
    assert model.vision_tower_mask.weight.grad.norm().item() == pytest.approx(1.0, rel=1e-4)
    assert model.predictor.weight.grad.norm().item() == pytest.approx(0.2)


def test_the_state_of_the_optimizer_comes_back(tmp_path):
    def step(model, optimizer):
        optimizer.zero_grad()
        model.language(torch.ones(1, 2)).sum().backward()
        optimizer.step()

    recipe = OptimizerRecipe(learning_rate=0.1)
    model = Parts()
    optimizer, average = build_optimizer(model, recipe), MovingAverage(model, 0.9)
    step(model, optimizer)
    save_state(tmp_path, model, optimizer, average, step=7, best=0.25)

    other = Parts()
    again, mean = build_optimizer(other, recipe), MovingAverage(other, 0.9)
    assert load_state(tmp_path, other, again, mean) == (7, 0.25)

    step(model, optimizer)
    step(other, again)
    assert torch.equal(other.language.weight, model.language.weight)
    assert torch.equal(other.language.bias, model.language.bias)
