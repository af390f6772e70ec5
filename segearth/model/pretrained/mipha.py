"""Names of Mipha-3B (Zhu et al., 2024) and of the authors' merged SegEarth-R2 folder.

Mipha-3B (`zhumj34/Mipha-3B`) is Phi-2, a SigLIP of its own tuning and a two-layer
connector; the authors' folder adds Swin, pixel decoder, predictor and the projection of
`[SEG]`. Phi's own names (`microsoft/phi-2`) and SigLIP's (`google/siglip-so400m-…`) are
those within.
"""

from __future__ import annotations

from segearth.model.pretrained.fitting import Rule
from segearth.model.pretrained.mask2former import code_family

PHI = [
    Rule(r"model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$", None, "rotary table, rebuilt"),
    Rule(r"model\.(embed_tokens|layers|final_layernorm)\.", r"language/model.\1."),
    Rule(r"lm_head\.", "language/lm_head."),
]
"""Phi-1.5 and Phi-2 with separate q, k and v, as transformers names them since 4.37."""

_TOWER = r"(embeddings|encoder|post_layernorm|head)\."

SIGLIP = [
    Rule(r"(vision_model\.)?embeddings\.position_ids$", None, "numbers of the cells"),
    Rule(r"(?:vision_model\.)?" + _TOWER, r"image_tower/\1."),
    Rule(r"(text_model\.|logit_scale|logit_bias)", None, "SigLIP's text tower"),
]
"""SigLIP, whole or its image tower alone."""

MIPHA = [
    *PHI,
    Rule(
        r"model\.vision_tower\.vision_model\.embeddings\.position_ids$",
        None,
        "numbers of the cells",
    ),
    Rule(r"model\.vision_tower\.vision_model\." + _TOWER, r"image_tower/\1."),
    Rule(r"model\.mm_projector\.([02])\.", r"connector/\1."),
]
"""Mipha-3B: language model, image tower and connector."""

SEGEARTH_R2 = [
    *MIPHA,
    *code_family(r"model\.vision_tower_mask\."),
    Rule(r"SEG_token_projector\.", "seg_projector/"),
]
"""The authors' SegEarth-R2 with LoRA merged in."""
