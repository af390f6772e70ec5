"""The pixel decoder: transformers' with copied weights gives the same maps; upstream's names."""

from __future__ import annotations

import re

import pytest
import torch
from transformers import Mask2FormerConfig
from transformers.models.mask2former.modeling_mask2former import Mask2FormerPixelDecoder

from segearth.model.pixel_decoder import PixelDecoder

CHANNELS = [8, 12, 16, 20]
SIZES = [(16, 24), (8, 12), (4, 6), (2, 3)]
RENAMES = [
    (r"^input_proj\.", "input_projections."),
    (r"^transformer\.level_embed", "level_embed"),
    (r"^transformer\.encoder\.", "encoder."),
    (r"(layers\.\d+)\.norm1", r"\1.self_attn_layer_norm"),
    (r"(layers\.\d+)\.norm2", r"\1.final_layer_norm"),
    (r"(layers\.\d+)\.linear", r"\1.fc"),
    (r"^mask_features", "mask_projection"),
]


def to_transformers(name):
    for pattern, replacement in RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def random_weights(module):
    """Make every weight matter, also those that start at zero or one."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.2)


def test_transformers_with_the_same_weights_gives_the_same_maps():
    torch.manual_seed(0)
    ours = PixelDecoder(CHANNELS, width=64, heads=4, points=4, layers=2, ffn=96)
    random_weights(ours)
    config = Mask2FormerConfig(
        feature_size=64,
        mask_feature_size=64,
        hidden_dim=64,
        encoder_layers=2,
        num_attention_heads=4,
        encoder_feedforward_dim=96,
        dropout=0.0,
    )
    theirs = Mask2FormerPixelDecoder(config, CHANNELS).eval()
    theirs.load_state_dict({to_transformers(n): t for n, t in ours.state_dict().items()})
    pyramid = [torch.randn(2, c, *size) for c, size in zip(CHANNELS, SIZES, strict=True)]

    with torch.no_grad():
        mask_features, memory = ours(pyramid)
        expected = theirs(pyramid)

    torch.testing.assert_close(mask_features, expected.mask_features, atol=1e-5, rtol=1e-5)
    for mine, other in zip(memory, expected.multi_scale_features, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)


def test_memory_comes_coarsest_first_and_keeps_the_maps_sizes():
    ours = PixelDecoder(CHANNELS, width=32, heads=4, layers=1, ffn=16)

    mask_features, memory = ours(
        [torch.randn(1, c, *size) for c, size in zip(CHANNELS, SIZES, strict=True)]
    )

    assert mask_features.shape == (1, 32, 16, 24)
    assert [tuple(fmap.shape[2:]) for fmap in memory] == [(2, 3), (4, 6), (8, 12)]


def test_names_and_shapes_are_upstreams():
    ours = PixelDecoder([128, 256, 512, 1024], extra_lateral_relu=True)

    shapes = {name: tuple(tensor.shape) for name, tensor in ours.state_dict().items()}

    layer = "transformer.encoder.layers.{}."
    expected = {
        "transformer.level_embed": (3, 256),
        "mask_features.weight": (256, 256, 1, 1),
        "mask_features.bias": (256,),
        "adapter_1.0.weight": (256, 128, 1, 1),
        "adapter_1.0.bias": (256,),
        "layer_1.0.weight": (256, 256, 3, 3),
        "layer_1.0.bias": (256,),
    }
    for index, channels in enumerate((1024, 512, 256)):
        expected[f"input_proj.{index}.0.weight"] = (256, channels, 1, 1)
        expected[f"input_proj.{index}.0.bias"] = (256,)
        expected |= {f"input_proj.{index}.1.{part}": (256,) for part in ("weight", "bias")}
    for part in ("adapter_1.1", "layer_1.1"):
        expected |= {f"{part}.weight": (256,), f"{part}.bias": (256,)}
    for index in range(6):
        for part, rows, columns in (
            ("self_attn.sampling_offsets", 192, 256),
            ("self_attn.attention_weights", 96, 256),
            ("self_attn.value_proj", 256, 256),
            ("self_attn.output_proj", 256, 256),
            ("linear1", 1024, 256),
            ("linear2", 256, 1024),
        ):
            expected[layer.format(index) + part + ".weight"] = (rows, columns)
            expected[layer.format(index) + part + ".bias"] = (rows,)
        for part in ("norm1", "norm2"):
            expected |= {layer.format(index) + f"{part}.{w}": (256,) for w in ("weight", "bias")}
    assert shapes == expected


@pytest.mark.parametrize("extra", [False, True], ids=["official", "code-family"])
def test_only_the_code_family_has_biases_and_a_lateral_relu(extra):
    ours = PixelDecoder(CHANNELS, width=32, heads=4, layers=1, ffn=16, extra_lateral_relu=extra)

    lateral = ours.adapter_1(torch.randn(1, 8, 4, 4))

    assert ("adapter_1.0.bias" in ours.state_dict()) == extra
    assert ("layer_1.0.bias" in ours.state_dict()) == extra
    assert bool((lateral < 0).any()) != extra
