"""Released weights: real names and shapes, written whole at toy size, hollow at full size."""

from __future__ import annotations

import json
import struct

import torch

SIZES = {"BF16": 2, "F32": 4, "I64": 8}


def write_hollow(file, shapes, dtype="BF16"):
    """Write a safetensors file of zeros that takes no room on the disk: a hole behind a header."""
    header, offset = {}, 0
    for name, shape in shapes.items():
        size = SIZES[dtype]
        for side in shape:
            size *= side
        header[name] = {
            "dtype": dtype,
            "shape": list(shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as opened:
        opened.write(struct.pack("<Q", len(text)) + text)
        opened.truncate(8 + len(text) + offset)
    return file


def linear(name, rows, columns):
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def norm(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def phi(prefix="model.", width=2560, layers=32, ffn=10240, rows=51200, head_bias=True, fused=False):
    """Phi's names and shapes (transformers 4.37; 4.36 with `fused`)."""
    shapes = {f"{prefix}embed_tokens.weight": (rows, width)}
    for index in range(layers):
        layer = f"{prefix}layers.{index}."
        shapes |= norm(f"{layer}input_layernorm", width)
        if fused:
            shapes |= linear(f"{layer}self_attn.query_key_value", 3 * width, width)
        else:
            for part in ("q_proj", "k_proj", "v_proj"):
                shapes |= linear(f"{layer}self_attn.{part}", width, width)
        shapes |= linear(f"{layer}self_attn.dense", width, width)
        shapes |= linear(f"{layer}mlp.fc1", ffn, width)
        shapes |= linear(f"{layer}mlp.fc2", width, ffn)
    shapes |= norm(f"{prefix}final_layernorm", width)
    shapes["lm_head.weight"] = (rows, width)
    if head_bias:
        shapes["lm_head.bias"] = (rows,)
    return shapes


def siglip(prefix, width=1152, layers=27, ffn=4304, patch=14, cells=729):
    """SigLIP's image tower, with its pooling head."""
    shapes = {
        f"{prefix}embeddings.patch_embedding.weight": (width, 3, patch, patch),
        f"{prefix}embeddings.patch_embedding.bias": (width,),
        f"{prefix}embeddings.position_embedding.weight": (cells, width),
    }
    for index in range(layers):
        layer = f"{prefix}encoder.layers.{index}."
        for part in ("k_proj", "v_proj", "q_proj", "out_proj"):
            shapes |= linear(f"{layer}self_attn.{part}", width, width)
        shapes |= norm(f"{layer}layer_norm1", width) | norm(f"{layer}layer_norm2", width)
        shapes |= linear(f"{layer}mlp.fc1", ffn, width) | linear(f"{layer}mlp.fc2", width, ffn)
    shapes |= norm(f"{prefix}post_layernorm", width)
    shapes[f"{prefix}head.probe"] = (1, 1, width)
    shapes[f"{prefix}head.attention.in_proj_weight"] = (3 * width, width)
    shapes[f"{prefix}head.attention.in_proj_bias"] = (3 * width,)
    shapes |= linear(f"{prefix}head.attention.out_proj", width, width)
    shapes |= norm(f"{prefix}head.layernorm", width)
    shapes |= linear(f"{prefix}head.mlp.fc1", ffn, width)
    shapes |= linear(f"{prefix}head.mlp.fc2", width, ffn)
    return shapes


def swin(prefix, width=128, depths=(2, 2, 18, 2), heads=(4, 8, 16, 32), window=12):
    """The original Swin with Mask2Former's output norms and the table that can be rebuilt."""
    shapes = {
        f"{prefix}patch_embed.proj.weight": (width, 3, 4, 4),
        f"{prefix}patch_embed.proj.bias": (width,),
        **norm(f"{prefix}patch_embed.norm", width),
    }
    for stage, (depth, count) in enumerate(zip(depths, heads, strict=True)):
        wide = width * 2**stage
        for index in range(depth):
            block = f"{prefix}layers.{stage}.blocks.{index}."
            shapes |= norm(f"{block}norm1", wide) | norm(f"{block}norm2", wide)
            shapes |= linear(f"{block}attn.qkv", 3 * wide, wide)
            shapes |= linear(f"{block}attn.proj", wide, wide)
            table = ((2 * window - 1) ** 2, count)
            shapes[f"{block}attn.relative_position_bias_table"] = table
            shapes[f"{block}attn.relative_position_index"] = (window**2, window**2)
            shapes |= linear(f"{block}mlp.fc1", 4 * wide, wide)
            shapes |= linear(f"{block}mlp.fc2", wide, 4 * wide)
        if stage < 3:
            shapes[f"{prefix}layers.{stage}.downsample.reduction.weight"] = (2 * wide, 4 * wide)
            shapes |= norm(f"{prefix}layers.{stage}.downsample.norm", 4 * wide)
        shapes |= norm(f"{prefix}norm{stage}", wide)
    return shapes


def mask_head(head="", official=False, channels=128, width=256):
    """Pixel decoder and predictor: the code family's names, or the official ones."""
    pixels, decoder = f"{head}pixel_decoder.", f"{head}predictor."
    shapes = {f"{pixels}transformer.level_embed": (3, width)}
    for index, factor in enumerate((8, 4, 2)):
        shapes[f"{pixels}input_proj.{index}.0.weight"] = (width, channels * factor, 1, 1)
        shapes[f"{pixels}input_proj.{index}.0.bias"] = (width,)
        shapes |= norm(f"{pixels}input_proj.{index}.1", width)
    for index in range(6):
        layer = f"{pixels}transformer.encoder.layers.{index}."
        shapes |= linear(f"{layer}self_attn.sampling_offsets", 192, width)
        shapes |= linear(f"{layer}self_attn.attention_weights", 96, width)
        shapes |= linear(f"{layer}self_attn.value_proj", width, width)
        shapes |= linear(f"{layer}self_attn.output_proj", width, width)
        shapes |= linear(f"{layer}linear1", 1024, width) | linear(f"{layer}linear2", width, 1024)
        shapes |= norm(f"{layer}norm1", width) | norm(f"{layer}norm2", width)
    shapes[f"{pixels}mask_features.weight"] = (width, width, 1, 1)
    shapes[f"{pixels}mask_features.bias"] = (width,)
    convolutions = {"adapter_1": (width, channels, 1, 1), "layer_1": (width, width, 3, 3)}
    for name, shape in convolutions.items():
        shapes[f"{pixels}{name}.weight" if official else f"{pixels}{name}.0.weight"] = shape
        if not official:
            shapes[f"{pixels}{name}.0.bias"] = (width,)
        shapes |= norm(f"{pixels}{name}.norm" if official else f"{pixels}{name}.1", width)
    shapes |= {f"{decoder}{name}.weight": (100, width) for name in ("query_feat", "query_embed")}
    shapes[f"{decoder}level_embed.weight"] = (3, width)
    for index in range(9):
        for layer, inner in (("cross", "multihead_attn"), ("self", "self_attn")):
            block = f"{decoder}transformer_{layer}_attention_layers.{index}."
            shapes[f"{block}{inner}.in_proj_weight"] = (3 * width, width)
            shapes[f"{block}{inner}.in_proj_bias"] = (3 * width,)
            shapes |= linear(f"{block}{inner}.out_proj", width, width)
            shapes |= norm(f"{block}norm", width)
        block = f"{decoder}transformer_ffn_layers.{index}."
        shapes |= linear(f"{block}linear1", 2048, width) | linear(f"{block}linear2", width, 2048)
        shapes |= norm(f"{block}norm", width)
    shapes |= norm(f"{decoder}decoder_norm", width)
    for index in range(3):
        shapes |= linear(f"{decoder}mask_embed.layers.{index}", width, width)
    if official:
        return (
            shapes
            | linear(f"{decoder}class_embed", 134, width)
            | {"criterion.empty_weight": (134,)}
        )
    shapes |= {f"{decoder}SEG_query_embed.weight": (101, width)}
    shapes |= {f"{decoder}new_query_embed.weight": (1, width)}
    for index in range(2):
        shapes |= linear(f"{decoder}SEG_proj.layers.{index}", width, width)
    return shapes


def mipha(width=2560, tower=1152, **sizes):
    """Mipha-3B."""
    return (
        phi(width=width, **sizes)
        | siglip("model.vision_tower.vision_model.", width=tower)
        | linear("model.mm_projector.0", width, tower)
        | linear("model.mm_projector.2", width, width)
    )


def random_tensors(shapes, seed=0):
    """Small random tensors, halves as the released files have them."""
    made = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=made).mul(0.02).to(torch.bfloat16)
        for name, shape in shapes.items()
    }
