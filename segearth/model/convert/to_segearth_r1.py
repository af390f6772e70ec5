"""A model folder of ours into a folder as SegEarth-R1 was released."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from segearth.config.model import ModelRecipe
from segearth.config.presets import segearth_r1
from segearth.model.convert.phi_heads import with_fused_heads
from segearth.model.convert.theirs import Form, Wanted, shared_name, write_theirs
from segearth.model.convert.writing import Conversion


def convert_to_r1(source: Path, out: Path, *, overwrite: bool = False) -> Conversion:
    """Make a folder as SegEarth-R1 was released of a model folder of ours.

    Args:
        source: A model that was converted from SegEarth-R1, or trained on from one.
        out: Receives model.safetensors, config.json and the tokenizer.
        overwrite: Replace an earlier folder.

    Raises:
        CheckpointError: The model has something that theirs cannot hold.
        UsageError: `out` holds a folder already.
        DataError: `out` cannot be written to.
    """
    return write_theirs(source, out, R1, overwrite=overwrite)


def to_r1(name: str) -> str | None:
    """Give R1's name of one of our tensors, heads still apart; None where it has no place."""
    if name.startswith("mechanism."):
        return name.removeprefix("mechanism.")
    return shared_name(name, "model.vision_tower.")


def _wanted(recipe: ModelRecipe) -> Wanted:
    tokens = recipe.image_tokens
    language = recipe.language.config
    heads = language.get("num_attention_heads")
    return {
        "mechanism": (recipe.mechanism, "instruction_as_query"),
        "always_draws": (recipe.always_draws, True),
        "language.config.num_key_value_heads": (language.get("num_key_value_heads", heads), heads),
        "image_tokens.source": (tokens.source, "pyramid"),
        "image_tokens.level": (tokens.level, -1),
        "image_tokens.connection": (tokens.connection, "strided"),
        "pyramid.pad": (recipe.pyramid.pad, "centre"),
        "pyramid.pad_value": (recipe.pyramid.pad_value, 0),
    }


def _arrange(tensors: dict[str, Tensor], config: Mapping[str, Any]) -> dict[str, Tensor]:
    """Fuse q, k and v, as transformers had them up to 4.36, unless a later one wrote the source."""
    version = str(config.get("transformers_version", "4.36")).split(".")
    if tuple(int(number) for number in version[:2] if number.isdigit()) >= (4, 37):
        return tensors
    return with_fused_heads(tensors, config["num_attention_heads"])


R1 = Form(
    model_type="llava_phi",
    name=to_r1,
    wanted=_wanted,
    arrange=_arrange,
    vision=lambda _recipe: {},
    templates=lambda recipe: [replace(segearth_r1().template, end=recipe.template.end)],
    hint="convert one with segearth-r1, or train on from such a folder (train.init_from)",
)
"""The released folder."""
