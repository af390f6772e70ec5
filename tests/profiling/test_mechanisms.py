"""What other mechanisms and mask heads cost beside the paper's."""

from __future__ import annotations

import pytest
import torch

from segearth.errors import RecipeError, UsageError
from segearth.model.inputs import geometry
from segearth.profiling.closed_form import closed_form
from segearth.profiling.cost import count, recount, sweep
from segearth.profiling.counting import count_with_torch
from segearth.profiling.stages import (
    image_stages,
    language_stages,
    mask_stages,
    sequence_tokens,
)
from segearth.profiling.unloaded import build_unloaded
from segearth.profiling.workload import Workload

SPOKEN = Workload(text_tokens=30, answer_tokens=8, protocol="generate")
POOLED = "model.mechanism=instruction_as_query"
PROPOSED = "model.mechanism=propose_then_select"
SAM = (
    "{vision_config: {hidden_size: 32, output_channels: 32, num_hidden_layers: 2, "
    "num_attention_heads: 2, image_size: 64, patch_size: 16, mlp_dim: 64, window_size: 2, "
    "global_attn_indexes: [1], num_pos_feats: 16}, prompt_encoder_config: {hidden_size: 32, "
    "image_size: 64, image_embedding_size: 4}, mask_decoder_config: {hidden_size: 32, "
    "mlp_dim: 32, num_attention_heads: 2}}"
)
TOWER = "{hidden_size: 32, intermediate_size: 48, num_hidden_layers: 2, num_attention_heads: 2, "
HEAD = (
    "model.mask_head.kind=sam",
    f"model.mask_head.config={SAM}",
    "model.pyramid.image_size=64",
    "model.image_tokens.source=tower",
    "model.image_tokens.config=" + TOWER + "image_size: 46, patch_size: 14}",
    "model.image_tokens.grid_position=false",
)


def masks_of(recipe, k, counter=count):
    model = build_unloaded(recipe, k, 903)
    return counter(mask_stages(model, geometry(recipe), "joint")).macs


def test_the_projector_of_the_description_by_hand(nano):
    plain, pooled = nano(), nano(POOLED)
    language, head, cells = 64, 32, 3 * 3  # 96 px at stride 32
    channels = build_unloaded(pooled, 1, 903).vision_tower_mask.channels[-1]
    step = 2 * head
    by_hand = (
        2 * language * step  # both projections of the average
        + cells * channels * step  # of the image
        + (cells + 1) * step * 2 * step  # keys and values
        + 2 * step * step  # query and output
        + 2 * (cells + 1) * step  # attention
        + 2 * step * step  # feed-forward
        + (2 * step - language) * head  # a wider last projection
    )

    more = masks_of(pooled, 1)["query_decoder"] - masks_of(plain, 1)["query_decoder"]

    assert more == by_hand


def test_proposals_cost_tokens_queries_and_a_score(nano):
    recipe, shape = nano(PROPOSED), geometry(nano())
    few, many = (build_unloaded(recipe, k, 903) for k in (4, 6))

    tokens = [sequence_tokens(model, shape, SPOKEN) for model in (few, many)]
    said = [count(language_stages(m, shape, SPOKEN)).macs["answer_decoding"] for m in (few, many)]

    assert tokens == [36 + 30 + 4, 36 + 30 + 6]
    assert said[1] > said[0]
    width = 32  # one side of the score is projected once, the other for every proposal
    expected = [64 * width + k * (2 * width * width + width) for k in (4, 6)]
    assert [masks_of(recipe, k)["selection"] for k in (4, 6)] == expected


@pytest.mark.parametrize("change", [POOLED, PROPOSED])
def test_two_counters_agree(nano, change):
    recipe = nano(change)
    model = build_unloaded(recipe, 1, 903)
    stages = [
        *language_stages(model, geometry(recipe), SPOKEN),
        *mask_stages(model, geometry(recipe), "joint"),
    ]

    first, second = count(stages), recount(model, stages)

    assert second.missed == ()
    for part, macs in first.macs.items():
        assert second.macs[part] == pytest.approx(macs, rel=1e-3), part


def test_sam_costs_its_encoder_and_decoder_and_no_pixel_decoder(nano):
    recipe = nano(*HEAD)
    model, shape = build_unloaded(recipe, 1, 903), geometry(recipe)
    image = torch.empty(1, 3, 64, 64, dtype=torch.uint8, device="meta")
    tower = torch.empty(1, 3, 46, 46, dtype=torch.uint8, device="meta")

    counted = count(image_stages(model, shape))
    whole = count_with_torch(model.encode_image, (image, tower))
    masks = masks_of(recipe, 1)

    assert counted.total == whole.macs
    assert counted.macs["mask_encoder"] > 0
    assert counted.macs["pixel_decoder"] == 0
    assert masks["query_decoder"] > 0
    assert masks["selection"] == 0


@pytest.mark.parametrize("changes", [(POOLED,), HEAD], ids=["pooled", "sam"])
def test_a_model_of_one_query_cannot_be_swept(nano, changes):
    rows = sweep(nano(*changes), SPOKEN, [3], ["joint"], vocabulary=lambda k: 900 + k)

    with pytest.raises(RecipeError, match=r"queries_per_target|refined queries"):
        next(rows)


@pytest.mark.parametrize("change", [POOLED, PROPOSED])
def test_there_is_no_closed_form(nano, change):
    with pytest.raises(UsageError, match="seg_token and mask2former"):
        closed_form(nano(change), SPOKEN, 1, "joint")
