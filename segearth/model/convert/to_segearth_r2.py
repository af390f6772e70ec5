"""A model folder of ours into the authors' merged SegEarth-R2 folder.

The same tensors under their names; LoRA is added to the weights it adapts. A model that computes
what theirs cannot is refused: its weights would fit and mean something else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import PhiConfig

from segearth.config.model import ModelRecipe
from segearth.errors import CheckpointError
from segearth.files import write_text
from segearth.model.checkpoint import (
    CONFIG,
    WEIGHTS,
    model_folder,
    read_recipe,
    read_tensors,
)
from segearth.model.convert.writing import (
    ASIDE,
    THEIR_CONFIG,
    Conversion,
    claim_target,
    write_tensors,
)
from segearth.model.inputs import build_tokenizer
from segearth.model.pretrained import swin
from segearth.model.pretrained.source import read_config


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
    folder = model_folder(source)
    recipe = read_recipe(folder)
    _require_theirs(recipe, folder)
    tensors, merged = merge_lora(
        read_tensors(folder / WEIGHTS), recipe.language.lora_alpha, recipe.language.lora_rank
    )
    theirs: dict[str, Tensor] = {}
    odd: list[str] = []
    for name, tensor in tensors.items():
        their_name = to_upstream(name)
        if their_name is None:
            odd.append(name)
        else:
            theirs[their_name] = tensor
    if odd:
        raise CheckpointError(
            f"the authors' model has no place for {len(odd)} tensors: {'; '.join(odd[:5])}",
            where=str(folder),
            hint="it has Phi-2 without a bias in the word head (model.language.head_bias)",
        )
    taken = len(theirs)
    kept = read_tensors(folder / ASIDE) if (folder / ASIDE).is_file() else {}
    theirs |= kept
    claim_target(folder, out, CONFIG, overwrite=overwrite)
    build_tokenizer(recipe, folder).save_pretrained(str(out))
    write_tensors(out / WEIGHTS, theirs)
    if (folder / THEIR_CONFIG).is_file():
        config = read_config(folder, where="SRC", name=THEIR_CONFIG)
        notes = []
    else:
        config = _their_config(recipe)
        notes = [
            "config.json holds sizes alone: paths and switches of the authors' loader are "
            "for you to add"
        ]
    write_text(out / CONFIG, json.dumps(config, indent=1) + "\n")
    if not kept:
        notes.append("without what the authors' code carries along and never reads")
    if merged:
        notes.append(f"LoRA merged into {merged} weights")
    return Conversion(
        written=[out / CONFIG, out / WEIGHTS], taken={"model": taken}, aside={}, notes=notes
    )


def to_upstream(name: str) -> str | None:
    """Give the authors' name of one of our tensors; None where they have no place for it."""
    if name.startswith("language.lm.") and name != "language.lm.lm_head.bias":
        return name.removeprefix("language.lm.")
    if name.startswith("image_tower.tower."):
        return "model.vision_tower.vision_model." + name.removeprefix("image_tower.tower.")
    if name.startswith("mm_projector."):
        return "model." + name
    if name.startswith("vision_tower_mask."):
        try:
            return "model.vision_tower_mask." + swin.to_original(name.split(".", 1)[1])
        except ValueError:
            return None
    if name.startswith(("pixel_decoder.", "predictor.", "SEG_token_projector.")):
        return name
    return None


def merge_lora(
    tensors: Mapping[str, Tensor], alpha: int, rank: int
) -> tuple[dict[str, Tensor], int]:
    """Add LoRA to the weights it adapts (Hu et al., ICLR 2022: W + alpha / r * B A).

    Args:
        tensors: A model's, with peft's names.
        alpha: LoRA's alpha.
        rank: Its rank r.

    Returns:
        Tensors without LoRA, in the types they had, and the number of weights changed.
    """
    result: dict[str, Tensor] = {}
    merged = 0
    for name, tensor in tensors.items():
        if ".lora_A." in name or ".lora_B." in name:
            continue
        down = tensors.get(name.replace(".base_layer.", ".lora_A.default."))
        if ".base_layer." in name and down is not None:
            up = tensors[name.replace(".base_layer.", ".lora_B.default.")]
            change = (up.float() @ down.float()) * (alpha / rank)
            tensor = (tensor.float() + change).to(tensor.dtype)
            merged += 1
        result[name.replace(".base_layer.", ".")] = tensor
    return result, merged


def _require_theirs(recipe: ModelRecipe, folder: Path) -> None:
    """Refuse a model that computes what the authors' code would not.

    Raises:
        CheckpointError: Names the first key that differs.
    """
    tokens, head = recipe.image_tokens, recipe.mask_head
    pyramid_kind = recipe.pyramid.name.partition("_")[0]
    wanted = {
        "language.config.model_type": (recipe.language.config.get("model_type"), "phi"),
        "language.attention": (recipe.language.attention, "causal"),
        "image_tokens.source": (tokens.source, "tower"),
        "image_tokens.layer": (tokens.layer, -2),
        "image_tokens.fit": (tokens.fit, "squash"),
        "pyramid.name": (pyramid_kind, "swin"),
        "pyramid.output_norms": (recipe.pyramid.output_norms, True),
        "mask_head.kind": (head.kind, "mask2former"),
        "mask_head.extra_lateral_relu": (head.extra_lateral_relu, True),
        "queries_per_target": (recipe.queries_per_target, 1),
        "mechanism": (recipe.mechanism, "seg_token"),
    }
    for key, (value, theirs) in wanted.items():
        if value != theirs:
            raise CheckpointError(
                f"the authors' model has model.{key} {theirs!r}, this one {value!r}",
                where=str(folder),
                hint="train one from recipes/lasers.yaml, which has the authors' form",
            )


def _their_config(recipe: ModelRecipe) -> dict[str, object]:
    """Write the sizes where transformers 4 reads them: rotary numbers at the top."""
    ours: dict[str, Any] = recipe.language.config
    config = {key: value for key, value in ours.items() if key != "rope_parameters"}
    rotary: Any = PhiConfig(**ours).rope_parameters
    return {
        **config,
        "model_type": "mipha_phi",
        "partial_rotary_factor": rotary["partial_rotary_factor"],
        "rope_theta": rotary["rope_theta"],
        "vision_config": {"vision_tower": dict(recipe.image_tokens.config)},
    }
