"""The multiply-adds of a recipe by formula alone: no model is built, nothing is counted.

It holds for the paper's family, Phi with SigLIP, Swin and Mask2Former's decoders, at any
sizes: for checking the counters, and for asking what a configuration of one's own would cost
before anything of it exists. `cost.sweep` counts every other model.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from segearth.config.model import ModelRecipe
from segearth.errors import UsageError
from segearth.profiling import arithmetic
from segearth.profiling.workload import Decode, Workload


class SwinSize(NamedTuple):
    """Sizes of a Swin (Liu et al., ICCV 2021, Sec. 3.3)."""

    width: int
    depths: tuple[int, ...]
    window: int


SWIN = {
    "swin_tiny_patch4_window7_224": SwinSize(96, (2, 2, 6, 2), 7),
    "swin_small_patch4_window7_224": SwinSize(96, (2, 2, 18, 2), 7),
    "swin_base_patch4_window7_224": SwinSize(128, (2, 2, 18, 2), 7),
    "swin_base_patch4_window12_384": SwinSize(128, (2, 2, 18, 2), 12),
    "swin_large_patch4_window7_224": SwinSize(192, (2, 2, 18, 2), 7),
    "swin_large_patch4_window12_384": SwinSize(192, (2, 2, 18, 2), 12),
}
"""By timm's names; the patch is 4 pixels in all of them."""


def closed_form(recipe: ModelRecipe, workload: Workload, k: int, decode: Decode) -> dict[str, int]:
    """Work out the multiply-adds of one picture, one instruction and one target.

    Args:
        recipe: Sizes; `queries_per_target` and `mask_head.decode` are overruled.
        workload: What is asked. `[SEG1]` to `[SEGk]` are the answer's last tokens.
        k: Queries of the target.
        decode: How they are decoded.

    Returns:
        Multiply-adds by part, keys as `stages.PARTS`; FLOPs are twice that. The rotary angles
        of the language model (a product of 2 x 10^-5 of it) are left out.

    Raises:
        UsageError: The recipe has a part that there is no formula for here.
    """
    if recipe.mechanism != "seg_token" or recipe.mask_head.kind != "mask2former":
        raise _unknown("seg_token and mask2former", "model.mechanism and model.mask_head.kind")
    tower, phi, swin = _tower(recipe), _phi(recipe), _swin(recipe)
    image_tokens = (tower["image_size"] // tower["patch_size"]) ** 2
    states = tower["num_hidden_layers"] + 1
    width, head, side = phi["hidden_size"], recipe.mask_head, recipe.pyramid.image_size
    return {
        "image_tower": arithmetic.vision_transformer(
            tower["image_size"],
            tower["patch_size"],
            tower["hidden_size"],
            tower["intermediate_size"],
            recipe.image_tokens.layer % states,
        ),
        "connector": arithmetic.connector(image_tokens, tower["hidden_size"], width),
        **_language(recipe, workload, k, image_tokens),
        "mask_encoder": arithmetic.swin(side, 4, swin.width, swin.depths, swin.window),
        "pixel_decoder": arithmetic.pixel_decoder(
            side,
            [swin.width * 2**stage for stage in range(4)],
            head.width,
            layers=head.encoder_layers,
            ffn=head.encoder_ffn,
            heads=head.heads,
            points=head.points,
        ),
        "query_decoder": arithmetic.query_decoder(
            k,
            side,
            head.width,
            layers=head.decoder_layers,
            ffn=head.decoder_ffn,
            language_width=width,
            joint=decode == "joint",
        ),
        "selection": arithmetic.selection(k, head.width),
        "upsampling": arithmetic.upsampling(1, side),
    }


def _language(recipe: ModelRecipe, workload: Workload, k: int, image_tokens: int) -> dict[str, int]:
    """Read and say: with the answer given in one pass, else token by token on the cache."""
    phi, rank = _phi(recipe), recipe.language.lora_rank
    width = phi["hidden_size"]

    def blocks(tokens: int, seen: int) -> int:
        return arithmetic.language_blocks(
            tokens,
            seen,
            width,
            phi["intermediate_size"],
            phi["num_hidden_layers"],
            lora_rank=rank,
        )

    if workload.protocol == "teacher-forced":
        tokens = workload.tokens_at(k, image_tokens)
        prefill, saying, scored = blocks(tokens, tokens), 0, tokens
    else:
        prompt = image_tokens + workload.prompt_tokens
        words = workload.answer_tokens - 2
        prefill = blocks(prompt, prompt)
        saying = sum(blocks(1, prompt + word + 1) for word in range(words))
        saying += blocks(k, prompt + words + k)
        scored = workload.answer_tokens
    return {
        "language_prefill": prefill,
        "answer_decoding": saying,
        "word_head": arithmetic.word_head(scored, width, phi["vocab_size"]),
    }


def _phi(recipe: ModelRecipe) -> dict[str, Any]:
    config = recipe.language.config
    needed = {"hidden_size", "intermediate_size", "num_hidden_layers", "vocab_size"}
    if config.get("model_type") != "phi" or not needed <= config.keys():
        raise _unknown("a Phi with its sizes", "model.language.config")
    return dict(config)


def _tower(recipe: ModelRecipe) -> dict[str, Any]:
    config = recipe.image_tokens.config
    needed = {"hidden_size", "intermediate_size", "num_hidden_layers", "image_size", "patch_size"}
    if recipe.image_tokens.source != "tower" or not needed <= config.keys():
        raise _unknown("an image tower with its sizes", "model.image_tokens.config")
    return dict(config)


def _swin(recipe: ModelRecipe) -> SwinSize:
    if recipe.pyramid.name not in SWIN:
        raise _unknown("a Swin of timm", "model.pyramid.name")
    return SWIN[recipe.pyramid.name]


def _unknown(what: str, where: str) -> UsageError:
    return UsageError(
        f"the closed forms need {what}",
        where=where,
        hint="segearth.profiling.cost.sweep counts any model",
    )
