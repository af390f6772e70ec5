"""Mechanisms and mask heads that do not go together are refused, key by key."""

from __future__ import annotations

from pathlib import Path

import pytest

from segearth.config.load import load_recipe
from segearth.errors import RecipeError

NANO = Path(__file__).parents[2] / "recipes" / "nano.yaml"
SAM = (
    "model.mask_head.kind=sam",
    "model.mask_head.weights=some/sam",
    "model.image_tokens.source=tower",
)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        (
            ("model.mechanism=instruction_as_query", "model.queries_per_target=3"),
            "queries_per_target",
        ),
        (
            ("model.mechanism=propose_then_select", "model.queries_per_target=2"),
            "queries_per_target",
        ),
        (("model.mechanism=propose_then_select", "model.proposals=0"), "proposals"),
        (("model.mechanism=seg",), "model.mechanism"),
        (("model.mask_head.kind=sam",), "model.mask_head.weights"),
        ((*SAM, "model.image_tokens.source=pyramid"), "model.image_tokens.source"),
        ((*SAM, "model.queries_per_target=3"), "model.mechanism"),
        ((*SAM, "model.mechanism=propose_then_select"), "model.mechanism"),
        ((*SAM, "model.pyramid.weights=swin.safetensors"), "model.pyramid.weights"),
        ((*SAM, "model.mask_head.decode=per-query"), "model.mask_head.decode"),
    ],
)
def test_what_cannot_work_is_refused(changes, key):
    with pytest.raises(RecipeError) as refused:
        load_recipe(NANO, changes)

    assert key in str(refused.value)


@pytest.mark.parametrize("mechanism", ["seg_token", "instruction_as_query"])
def test_what_works_is_not(mechanism):
    recipe = load_recipe(NANO, [*SAM, f"model.mechanism={mechanism}"])

    assert recipe.model.mask_head.kind == "sam"
