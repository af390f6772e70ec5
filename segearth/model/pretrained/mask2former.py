"""Names of Mask2Former (Cheng et al., CVPR 2022): transformers', detectron2's, the code family's.

Learnt queries and class heads have no place here: the `[SEG]` states are the queries.
"""

from __future__ import annotations

from segearth.model.pretrained import swin
from segearth.model.pretrained.fitting import Rule

QUERIES = "learnt queries; [SEG] takes their place"
CLASSES = "class head"
CRITERION = "weights of the class loss"
UNUSED = "never read by the authors' code"

_PIXELS = r"model\.pixel_level_module\.decoder\."
_LAYER = _PIXELS + r"encoder\.layers\.(\d+)\."
_OURS = r"mask_head/pixel_decoder.transformer.encoder.layers.\1."
_MODULE = r"model\.transformer_module\."
_BLOCK = _MODULE + r"decoder\.layers\.(\d+)\."
_CROSS = r"mask_head/predictor.transformer_cross_attention_layers.\1."
_SELF = r"mask_head/predictor.transformer_self_attention_layers.\1."
_FEED = r"mask_head/predictor.transformer_ffn_layers.\1."

TRANSFORMERS = [
    *swin.transformers(r"model\.pixel_level_module\.encoder\."),
    Rule(_PIXELS + r"level_embed", "mask_head/pixel_decoder.transformer.level_embed"),
    Rule(_PIXELS + r"input_projections\.", "mask_head/pixel_decoder.input_proj."),
    Rule(_LAYER + r"self_attn\.", _OURS + "self_attn."),
    Rule(_LAYER + r"self_attn_layer_norm\.", _OURS + "norm1."),
    Rule(_LAYER + r"(?:mlp\.)?fc(\d)\.", _OURS + r"linear\2."),
    Rule(_LAYER + r"final_layer_norm\.", _OURS + "norm2."),
    Rule(_PIXELS + r"mask_projection\.", "mask_head/pixel_decoder.mask_features."),
    Rule(_PIXELS + r"(adapter_1|layer_1)\.", r"mask_head/pixel_decoder.\1."),
    Rule(_MODULE + r"(queries_embedder|queries_features)\.", None, QUERIES),
    Rule(_MODULE + r"level_embed\.", "mask_head/predictor.level_embed."),
    Rule(_BLOCK + r"cross_attn\.", _CROSS + "multihead_attn."),
    Rule(_BLOCK + r"cross_attn_layer_norm\.", _CROSS + "norm."),
    Rule(_BLOCK + r"self_attn\.([qkv])_proj\.", _SELF + r"self_attn.in_proj_<\2>"),
    Rule(_BLOCK + r"self_attn\.out_proj\.", _SELF + "self_attn.out_proj."),
    Rule(_BLOCK + r"self_attn_layer_norm\.", _SELF + "norm."),
    Rule(_BLOCK + r"(?:mlp\.)?fc(\d)\.", _FEED + r"linear\2."),
    Rule(_BLOCK + r"final_layer_norm\.", _FEED + "norm."),
    Rule(_MODULE + r"decoder\.layernorm\.", "mask_head/predictor.decoder_norm."),
    Rule(
        _MODULE + r"decoder\.mask_predictor\.mask_embedder\.(\d)\.0\.",
        r"mask_head/predictor.mask_embed.layers.\1.",
    ),
    Rule(r"class_predictor\.", None, CLASSES),
    Rule(r"criterion\.", None, CRITERION),
]
"""`Mask2FormerForUniversalSegmentation` with a Swin, as on the hub."""


def code_family(pyramid: str, head: str = "") -> list[Rule]:
    """Rules for names that are ours already, but for the Swin and what has no place here.

    Args:
        pyramid: Pattern before the Swin's names.
        head: Pattern before `pixel_decoder` and `predictor`.
    """
    decoder = head + r"predictor\."
    return [
        *swin.original(pyramid),
        Rule(
            head + r"pixel_decoder\.(adapter_1|layer_1)\.weight$",
            r"mask_head/pixel_decoder.\1.0.weight",
        ),
        Rule(
            head + r"pixel_decoder\.(adapter_1|layer_1)\.norm\.", r"mask_head/pixel_decoder.\1.1."
        ),
        Rule(head + r"pixel_decoder\.", "mask_head/pixel_decoder."),
        Rule(decoder + r"(query_feat|query_embed|static_query)\.", None, QUERIES),
        Rule(decoder + r"(SEG_query_embed|new_query_embed)\.", None, UNUSED),
        Rule(decoder + r"(SEG_proj|CLASS_proj)\.", None, UNUSED),
        Rule(decoder + r"class_embed\.", None, CLASSES),
        Rule(decoder, "mask_head/predictor."),
    ]


DETECTRON2 = [
    *code_family(r"backbone\.", r"sem_seg_head\."),
    Rule(r"criterion\.", None, CRITERION),
]
"""The files of the official repository, `model_final_*.pkl`."""

FORMER_BIASES = frozenset({"pixel_decoder.adapter_1.0.bias", "pixel_decoder.layer_1.0.bias"})
"""Biases that the code family has and official Mask2Former has not: they start at zero,
as they do where the authors load official weights."""
