"""A model folder of ours into the authors' merged SegEarth-R2 folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from segearth.config.model import ModelRecipe
from segearth.config.templates import R2_TEMPLATES
from segearth.model.convert.theirs import Form, Wanted, shared_name, write_theirs
from segearth.model.convert.writing import Conversion


def convert_to_r2(source: Path, out: Path, *, overwrite: bool = False) -> Conversion:
    """Make the authors' merged folder of a model folder of ours.

    Args:
        source: A model with an image tower, one query a target and a Swin with norms.
        out: Receives model.safetensors, config.json and the tokenizer.
        overwrite: Replace an earlier folder.

    Raises:
        CheckpointError: The model has something that theirs cannot hold.
        UsageError: `out` holds a folder already.
        DataError: `out` cannot be written to.
    """
    return write_theirs(source, out, R2, overwrite=overwrite)


def to_r2(name: str) -> str | None:
    """Give R2's name of one of our tensors; None where it has no place for it."""
    if name.startswith("image_tower.tower."):
        return "model.vision_tower.vision_model." + name.removeprefix("image_tower.tower.")
    return shared_name(name, "model.vision_tower_mask.")


def _wanted(recipe: ModelRecipe) -> Wanted:
    tokens = recipe.image_tokens
    return {
        "mechanism": (recipe.mechanism, "seg_token"),
        "image_tokens.source": (tokens.source, "tower"),
        "image_tokens.layer": (tokens.layer, -2),
        "image_tokens.fit": (tokens.fit, "squash"),
        "pyramid.pad": (recipe.pyramid.pad, "right-bottom"),
        "pyramid.pad_value": (recipe.pyramid.pad_value, 128),
        "mask_head.decode": (recipe.mask_head.decode, "per-query"),
    }


R2 = Form(
    model_type="mipha_phi",
    name=to_r2,
    wanted=_wanted,
    arrange=lambda tensors, _config: tensors,
    vision=lambda recipe: {"vision_config": {"vision_tower": dict(recipe.image_tokens.config)}},
    templates=lambda recipe: [
        replace(words, end=recipe.template.end) for words in R2_TEMPLATES.values()
    ],
    hint="train one from recipes/lasers.yaml, which has the authors' form",
)
"""The authors' merged folder."""
