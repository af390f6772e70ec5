"""Names of Swin's tensors (Liu et al., ICCV 2021): the original's, transformers' and timm's.

Ours are those of timm's `features_only`. The original puts a downsampling step at the end
of a stage, timm at the beginning of the next one; the order of the joined cells is the
same. Mask2Former's Swin has a LayerNorm after each stage (`norms.0` to `norms.3` here);
timm's classifier has none of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from segearth.model.pretrained.fitting import Rule

TABLES = "rebuilt from the window size"
CLASSIFIER = "classifier"


def original(prefix: str) -> list[Rule]:
    r"""Rules for the original names, as in detectron2 and in the authors' code.

    Args:
        prefix: Pattern before the names, such as ``backbone\.``.
    """
    return [
        Rule(prefix + r"layers\.\d+\.blocks\.\d+\.attn\.relative_position_index$", None, TABLES),
        Rule(prefix + r"layers\.\d+\.blocks\.\d+\.attn_mask$", None, TABLES),
        Rule(prefix + r"patch_embed\.", "pyramid/encoder.patch_embed."),
        Rule(prefix + r"layers\.(\d+)\.blocks\.", r"pyramid/encoder.layers_\1.blocks."),
        Rule(prefix + r"layers\.(\d+)\.downsample\.", _next_stage),
        Rule(prefix + r"norm(\d)\.", r"pyramid/norms.\1."),
        Rule(prefix + r"(norm|head)\.", None, CLASSIFIER),
    ]


def transformers(prefix: str) -> list[Rule]:
    """Rules for the names of transformers' `SwinBackbone`, of version 4 and of version 5.

    Args:
        prefix: Pattern before the names.
    """
    backbone = prefix + r"(?:swin\.)?"
    block = backbone + r"encoder\.layers\.(\d+)\.blocks\.(\d+)\."
    ours = r"pyramid/encoder.layers_\1.blocks.\2."
    query, key, value = (
        Rule(block + rf"attention\.(?:self\.{old}|{old[0]}_proj)\.", ours + f"attn.qkv<{old[0]}>.")
        for old in ("query", "key", "value")
    )
    return [
        Rule(block + r"attention\.(self\.)?relative_position_index$", None, TABLES),
        Rule(
            backbone + r"embeddings\.patch_embeddings\.projection\.",
            "pyramid/encoder.patch_embed.proj.",
        ),
        Rule(backbone + r"embeddings\.norm\.", "pyramid/encoder.patch_embed.norm."),
        query,
        key,
        value,
        Rule(block + r"attention\.(?:output\.dense|o_proj)\.", ours + "attn.proj."),
        Rule(
            block + r"attention\.(?:self|relative_position_bias)\.relative_position_bias_table",
            ours + "attn.relative_position_bias_table",
        ),
        Rule(block + r"layernorm_before\.", ours + "norm1."),
        Rule(block + r"layernorm_after\.", ours + "norm2."),
        Rule(block + r"(?:intermediate\.dense|mlp\.fc1)\.", ours + "mlp.fc1."),
        Rule(block + r"(?:output\.dense|mlp\.fc2)\.", ours + "mlp.fc2."),
        Rule(backbone + r"encoder\.layers\.(\d+)\.downsample\.", _next_stage),
        Rule(
            prefix + r"hidden_states_norms\.stage(\d)\.",
            lambda match: f"pyramid/norms.{int(match[1]) - 1}.",
        ),
        Rule(backbone + r"layernorm\.", None, "norm of the last stage, of which nothing is read"),
    ]


TIMM = [
    Rule(r"(layers\.\d+\.blocks\.\d+\.attn\.relative_position_index|.*\.attn_mask)$", None, TABLES),
    Rule(r"(norm|head)\.", None, CLASSIFIER),
    Rule(r"layers[._](\d+)\.", r"pyramid/encoder.layers_\1."),
    Rule(r"patch_embed\.", "pyramid/encoder.patch_embed."),
]
"""Names of timm's `swin_*` models, with the classifier or by `features_only`."""


def to_original(name: str) -> str:
    """Give the original name of one of our tensors: the way back of `original`.

    Raises:
        ValueError: It is no tensor of a Swin with output norms.
    """
    for pattern, replacement in _BACK:
        if re.match(pattern, name):
            return re.sub(pattern, replacement, name, count=1)
    raise ValueError(f"{name} is no tensor of a Swin pyramid")


_BACK: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    (r"encoder\.patch_embed\.", "patch_embed."),
    (r"encoder\.layers_(\d+)\.blocks\.", r"layers.\1.blocks."),
    (r"encoder\.layers_(\d+)\.downsample\.", lambda m: f"layers.{int(m[1]) - 1}.downsample."),
    (r"norms\.(\d)\.", r"norm\1."),
]


def _next_stage(match: re.Match[str]) -> str:
    return f"pyramid/encoder.layers_{int(match[1]) + 1}.downsample."
