"""Models whose sizes are published: the paper's, by name.

A preset gives sizes, not weights: it is what `segearth profile` counts where no model folder
is at hand. `recipes/lasers.yaml` trains the same model from its real starting weights.
"""

from __future__ import annotations

from segearth.config.model import (
    ImageTokensRecipe,
    LanguageRecipe,
    MaskHeadRecipe,
    ModelRecipe,
    PyramidRecipe,
)
from segearth.config.templates import converse

PHI_2: dict[str, object] = {
    "model_type": "phi",
    "vocab_size": 51_200,
    "hidden_size": 2560,
    "intermediate_size": 10_240,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "partial_rotary_factor": 0.4,  # transformers takes 0.5 where it is left out
    "max_position_embeddings": 2048,
}
"""Phi-2's published config."""

PHI_2_TOKENS = 50_295
"""Entries of Phi-2's tokenizer, before `[SEG]`; its embedding has rows to spare."""

SIGLIP_SO400M_384: dict[str, object] = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "image_size": 384,
    "patch_size": 14,
}
"""SigLIP-so400m/14 at 384 pixels: 27 x 27 = 729 image tokens."""


def mipha_3b() -> ModelRecipe:
    """Give the paper's model (Sec. 5.1): Mipha-3B, Swin-B at 1024 pixels, Mask2Former.

    Mipha-3B is Phi-2 with SigLIP-so400m and a two-layer connector. Every `[SEG]` is decoded
    by itself, as the authors' code does.
    """
    return ModelRecipe(
        language=LanguageRecipe(name="mipha-3b", config=dict(PHI_2), head_bias=False, lora_rank=8),
        image_tokens=ImageTokensRecipe(source="tower", config=dict(SIGLIP_SO400M_384), layer=-2),
        pyramid=PyramidRecipe(
            name="swin_base_patch4_window12_384", image_size=1024, output_norms=True
        ),
        mask_head=MaskHeadRecipe(
            width=256,
            heads=8,
            encoder_layers=6,
            encoder_ffn=1024,
            points=4,
            decoder_layers=9,
            decoder_ffn=2048,
            extra_lateral_relu=True,
            decode="per-query",
        ),
        queries_per_target=1,
    )


PHI_1_5: dict[str, object] = {
    "model_type": "phi",
    "vocab_size": 51_200,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 24,
    "num_attention_heads": 32,
    "partial_rotary_factor": 0.5,
    "max_position_embeddings": 2048,
}
"""Phi-1.5's published config."""


def segearth_r1() -> ModelRecipe:
    """Give SegEarth-R1 (Li et al., 2025): Phi-1.5, Swin-B for both branches, one pooled query.

    The language model sees Swin's coarsest map through two strided convolutions, 64 tokens. Its
    pictures lie in the middle of the square, on black.
    """
    return ModelRecipe(
        language=LanguageRecipe(
            name="segearth-r1", config=dict(PHI_1_5), head_bias=False, lora_rank=0, frozen=False
        ),
        template=converse(
            "inst",
            "This is an image ",
            ", Please doing Referring Segmentation according to the following instruction:\n "
            "{instruction}",
        ),
        image_tokens=ImageTokensRecipe(source="pyramid", level=-1, connection="strided"),
        pyramid=PyramidRecipe(
            name="swin_base_patch4_window12_384",
            image_size=1024,
            output_norms=True,
            pad="centre",
            pad_value=0,
        ),
        mask_head=MaskHeadRecipe(extra_lateral_relu=True),
        mechanism="instruction_as_query",
        always_draws=True,
    )
