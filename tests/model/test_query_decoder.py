"""The query decoder: transformers' with copied weights gives the same masks; upstream's names."""

from __future__ import annotations

import pytest
import torch
from transformers import Mask2FormerConfig
from transformers.models.mask2former.modeling_mask2former import (
    Mask2FormerMaskedAttentionDecoder,
)

from segearth.model.masked_attention import attend, attention_region, project
from segearth.model.positions import sine_positions
from segearth.model.query_decoder import QueryDecoder

SHAPES = [(2, 3), (4, 6), (8, 12)]


def make(width=64, layers=6):
    decoder = QueryDecoder(width=width, heads=4, layers=layers, ffn=96)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.2)
    return decoder


def to_transformers(state, layers):
    moved = {}
    for index in range(layers):
        theirs = f"layers.{index}."
        cross = f"transformer_cross_attention_layers.{index}."
        own = f"transformer_self_attention_layers.{index}."
        ffn = f"transformer_ffn_layers.{index}."
        for part in ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"):
            moved[f"{theirs}cross_attn.{part}"] = state[f"{cross}multihead_attn.{part}"]
        for kind in ("weight", "bias"):
            stacked = state[f"{own}self_attn.in_proj_{kind}"].chunk(3)
            for letter, third in zip("qkv", stacked, strict=True):
                moved[f"{theirs}self_attn.{letter}_proj.{kind}"] = third
            moved[f"{theirs}self_attn.out_proj.{kind}"] = state[f"{own}self_attn.out_proj.{kind}"]
            moved[f"{theirs}cross_attn_layer_norm.{kind}"] = state[f"{cross}norm.{kind}"]
            moved[f"{theirs}self_attn_layer_norm.{kind}"] = state[f"{own}norm.{kind}"]
            moved[f"{theirs}fc1.{kind}"] = state[f"{ffn}linear1.{kind}"]
            moved[f"{theirs}fc2.{kind}"] = state[f"{ffn}linear2.{kind}"]
            moved[f"{theirs}final_layer_norm.{kind}"] = state[f"{ffn}norm.{kind}"]
    for kind in ("weight", "bias"):
        moved[f"layernorm.{kind}"] = state[f"decoder_norm.{kind}"]
        for step in range(3):
            moved[f"mask_predictor.mask_embedder.{step}.0.{kind}"] = state[
                f"mask_embed.layers.{step}.{kind}"
            ]
    return moved


@pytest.mark.parametrize("queries", [1, 5])
def test_transformers_with_the_same_weights_gives_the_same_masks(queries):
    torch.manual_seed(0)
    ours = make()
    config = Mask2FormerConfig(
        hidden_dim=64,
        mask_feature_size=64,
        num_attention_heads=4,
        dim_feedforward=96,
        decoder_layers=7,
        dropout=0.0,
        pre_norm=False,
    )
    theirs = Mask2FormerMaskedAttentionDecoder(config).eval()
    theirs.load_state_dict(to_transformers(ours.state_dict(), 6))
    memory = [torch.randn(2, 64, *shape) for shape in SHAPES]
    features, content = torch.randn(2, 64, 16, 24), torch.randn(2, queries, 64)

    with torch.no_grad():
        mine = ours(content, torch.zeros(2, queries, dtype=torch.int64), memory, features)
        levels = zip(memory, ours.level_embed.weight, strict=True)
        expected = theirs(
            inputs_embeds=content.transpose(0, 1),
            query_position_embeddings=torch.zeros(queries, 2, 64),
            multi_stage_positional_embeddings=[
                sine_positions(*shape, 64).flatten(1).t()[:, None] for shape in SHAPES
            ],
            encoder_hidden_states=[
                (fmap + level[:, None, None]).flatten(2).permute(2, 0, 1) for fmap, level in levels
            ],
            pixel_embeddings=features,
            feature_size_list=SHAPES,
            return_dict=True,
        )

    assert len(mine.logits) == 7  # before the first layer, and after each
    for one, other in zip(mine.logits, expected.masks_queries_logits, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        mine.states, expected.intermediate_hidden_states[-1].transpose(0, 1), atol=1e-5, rtol=1e-5
    )


def test_names_and_shapes_are_upstreams():
    shapes = {name: tuple(tensor.shape) for name, tensor in QueryDecoder().state_dict().items()}

    expected = {
        "level_embed.weight": (3, 256),
        "decoder_norm.weight": (256,),
        "decoder_norm.bias": (256,),
    }
    for step in range(3):
        expected[f"mask_embed.layers.{step}.weight"] = (256, 256)
        expected[f"mask_embed.layers.{step}.bias"] = (256,)
    for index in range(9):
        for layer, attention in (
            (f"transformer_cross_attention_layers.{index}", "multihead_attn"),
            (f"transformer_self_attention_layers.{index}", "self_attn"),
        ):
            expected[f"{layer}.{attention}.in_proj_weight"] = (768, 256)
            expected[f"{layer}.{attention}.in_proj_bias"] = (768,)
            expected[f"{layer}.{attention}.out_proj.weight"] = (256, 256)
            expected[f"{layer}.{attention}.out_proj.bias"] = (256,)
            expected |= {f"{layer}.norm.{kind}": (256,) for kind in ("weight", "bias")}
        layer = f"transformer_ffn_layers.{index}"
        expected |= {f"{layer}.linear1.weight": (2048, 256), f"{layer}.linear1.bias": (2048,)}
        expected |= {f"{layer}.linear2.weight": (256, 2048), f"{layer}.linear2.bias": (256,)}
        expected |= {f"{layer}.norm.{kind}": (256,) for kind in ("weight", "bias")}
    assert shapes == expected


def test_a_query_looks_where_its_mask_is_and_everywhere_if_it_has_none():
    logits = torch.full((1, 2, 4, 4), -3.0)
    logits[0, 0, :2, :2] = 3.0

    allowed = attention_region(logits, (2, 2))

    assert allowed[0, 0].tolist() == [True, False, False, False]
    assert allowed[0, 1].tolist() == [True, True, True, True]


def test_a_logit_of_exactly_zero_may_be_looked_at():
    allowed = attention_region(torch.tensor([[[[0.0, -1.0]]]]), (1, 2))

    assert allowed[0, 0].tolist() == [True, False]


def test_the_region_passes_no_gradient():
    logits = torch.randn(1, 1, 4, 4, requires_grad=True)

    assert not attention_region(logits, (2, 2)).requires_grad


def test_attention_is_torchs_with_the_same_weights():
    attention = torch.nn.MultiheadAttention(16, 4, batch_first=True)
    queries, keys, values = torch.randn(2, 3, 16), torch.randn(2, 5, 16), torch.randn(2, 5, 16)
    allowed = torch.rand(2, 3, 5) > 0.4
    allowed[..., 0] = True

    mine = attend(
        attention, queries, project(attention, keys, 1), project(attention, values, 2), allowed
    )

    expected, _ = attention(queries, keys, values, attn_mask=~allowed.repeat_interleave(4, dim=0))
    torch.testing.assert_close(mine, expected)


def test_queries_see_their_own_group_only():
    torch.manual_seed(0)
    decoder = make(layers=3).eval()
    memory, features = [torch.randn(1, 64, *s) for s in SHAPES], torch.randn(1, 64, 16, 24)
    queries = torch.randn(1, 3, 64)
    groups = torch.tensor([[0, 0, 1]])

    with torch.no_grad():
        together = decoder(queries, groups, memory, features).logits[-1]
        first = decoder(queries[:, :2], groups[:, :2], memory, features).logits[-1]
        alone = decoder(queries[:, 2:], groups[:, 2:], memory, features).logits[-1]
        one_group = decoder(queries, torch.zeros_like(groups), memory, features).logits[-1]

    torch.testing.assert_close(together[:, :2], first, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(together[:, 2:], alone, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(together, one_group, atol=1e-3)


def test_permuted_queries_give_permuted_masks():
    torch.manual_seed(0)
    decoder = make(layers=3).eval()
    memory, features = [torch.randn(1, 64, *s) for s in SHAPES], torch.randn(1, 64, 16, 24)
    queries, order = torch.randn(1, 4, 64), [2, 0, 3, 1]
    groups = torch.zeros(1, 4, dtype=torch.int64)

    with torch.no_grad():
        masks = decoder(queries, groups, memory, features).logits[-1]
        permuted = decoder(queries[:, order], groups, memory, features).logits[-1]

    torch.testing.assert_close(permuted, masks[:, order], atol=1e-5, rtol=1e-5)


def test_the_last_masks_are_those_of_all_predictions():
    torch.manual_seed(0)
    decoder = make(layers=6).eval()
    memory, features = [torch.randn(1, 64, *s) for s in SHAPES], torch.randn(1, 64, 16, 24)
    queries, groups = torch.randn(1, 5, 64), torch.tensor([[0, 0, 0, 1, 1]])

    with torch.no_grad():
        every = decoder(queries, groups, memory, features)
        last = decoder.last(queries, groups, decoder.see(memory, features), features)

    assert len(last.logits) == 1
    torch.testing.assert_close(last.logits[0], every.logits[-1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(last.states, every.states, atol=1e-4, rtol=1e-4)
