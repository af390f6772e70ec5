"""A model folder of ours into a released form: the same tensors under the authors' names.

LoRA is added to the weights it adapts. A model that computes what the authors' code cannot is
refused: its weights would fit and mean something else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import PhiConfig

from segearth.config.model import ModelRecipe, TemplateRecipe
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

SIDE_PX = 1024
"""Side of the authors' pictures (paper, Table 8)."""

Wanted = Mapping[str, tuple[object, object]]
"""Value of a recipe and the authors' value, by key under `model`."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """A released form.

    Attributes:
        model_type: Of its config.json.
        name: Gives the authors' name of one of our tensors; None where they have no place.
        wanted: Gives what their code has fixed, beside what it shares with its family.
        arrange: Last step on the named tensors, given the config.json that goes with them.
        vision: Gives what its config.json says of the image side.
        templates: Gives the words that the authors' code has, ended as the recipe ends answers.
        hint: Which models have this form.
    """

    model_type: str
    name: Callable[[str], str | None]
    wanted: Callable[[ModelRecipe], Wanted]
    arrange: Callable[[dict[str, Tensor], Mapping[str, Any]], dict[str, Tensor]]
    vision: Callable[[ModelRecipe], dict[str, object]]
    templates: Callable[[ModelRecipe], Sequence[TemplateRecipe]]
    hint: str


def write_theirs(source: Path, out: Path, form: Form, *, overwrite: bool) -> Conversion:
    """Write model.safetensors, config.json and the tokenizer as the authors do.

    Args:
        source: A model folder of ours.
        out: The folder.
        form: What to write.
        overwrite: Replace an earlier folder.

    Raises:
        CheckpointError: The model has something that theirs cannot hold.
        UsageError: `out` holds a folder already.
        DataError: `out` cannot be written to.
    """
    folder = model_folder(source, where="SRC")
    recipe = read_recipe(folder)
    _require_theirs(recipe, form, folder)
    tensors, merged = merge_lora(
        read_tensors(folder / WEIGHTS), recipe.language.lora_alpha, recipe.language.lora_rank
    )
    names = {name: form.name(name) for name in tensors}
    odd = [name for name, theirs in names.items() if theirs is None]
    if odd:
        raise CheckpointError(
            f"the authors' model has no place for {len(odd)} tensors: {'; '.join(odd[:5])}",
            where=str(folder),
            hint="it has Phi without a bias in the word head (model.language.head_bias)",
        )
    named = {theirs: tensors[name] for name, theirs in names.items() if theirs is not None}
    kept = read_tensors(folder / ASIDE) if (folder / ASIDE).is_file() else {}
    released = (folder / THEIR_CONFIG).is_file()
    config = (
        read_config(folder, where="SRC", name=THEIR_CONFIG)
        if released
        else _their_config(recipe, form)
    )
    claim_target(folder, out, CONFIG, overwrite=overwrite)
    build_tokenizer(recipe, folder).save_pretrained(str(out))
    write_tensors(out / WEIGHTS, form.arrange(named, config) | kept)
    write_text(out / CONFIG, json.dumps(config, indent=1) + "\n")
    notes = []
    if recipe.pyramid.image_size != SIDE_PX:
        notes.append(
            f"it was made for pictures of {recipe.pyramid.image_size} px, and the authors' code "
            f"takes {SIDE_PX} unless it is told"
        )
    if recipe.template not in form.templates(recipe):
        notes.append(
            "the words around an instruction are of its own (template in config.json), and the "
            "authors' code has others: put these there"
        )
    if not released:
        notes.append(
            "config.json holds sizes alone: paths and switches of the authors' loader are "
            "for you to add"
        )
    if not kept:
        notes.append("without what the authors' code carries along and never reads")
    if merged:
        notes.append(f"LoRA merged into {merged} weights")
    return Conversion(
        written=[out / CONFIG, out / WEIGHTS], taken={"model": len(names)}, aside={}, notes=notes
    )


def shared_name(name: str, pyramid: str) -> str | None:
    """Give the name that a tensor has in all of the code family; None where it has no place.

    Args:
        name: Of a tensor of `SegEarth`.
        pyramid: What stands before the Swin's names.
    """
    if name.startswith("language.lm.") and name != "language.lm.lm_head.bias":
        return name.removeprefix("language.lm.")
    if name.startswith("mm_projector."):
        return "model." + name
    if name.startswith("vision_tower_mask."):
        try:
            return pyramid + swin.to_original(name.split(".", 1)[1])
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


def _require_theirs(recipe: ModelRecipe, form: Form, folder: Path) -> None:
    """Refuse a model that computes what the authors' code would not.

    Raises:
        CheckpointError: Names the first key that differs.
    """
    head = recipe.mask_head
    family: Wanted = {
        "language.config.model_type": (recipe.language.config.get("model_type"), "phi"),
        "language.attention": (recipe.language.attention, "causal"),
        "pyramid.name": (recipe.pyramid.name.partition("_")[0], "swin"),
        "pyramid.output_norms": (recipe.pyramid.output_norms, True),
        "mask_head.kind": (head.kind, "mask2former"),
        "mask_head.extra_lateral_relu": (head.extra_lateral_relu, True),
        # The authors' code has these as constants; of the first two no shape tells.
        "mask_head.heads": (head.heads, 8),
        "mask_head.points": (head.points, 4),
        "mask_head.width": (head.width, 256),
        "mask_head.encoder_layers": (head.encoder_layers, 6),
        "mask_head.decoder_layers": (head.decoder_layers, 9),
        "language.tags_are_tokens": (recipe.language.tags_are_tokens, False),
        "image_tokens.grid_position": (recipe.image_tokens.grid_position, False),
        "image_tokens.pool": (recipe.image_tokens.pool, 1),
        "queries_per_target": (recipe.queries_per_target, 1),
    }
    for key, (value, theirs) in {**family, **form.wanted(recipe)}.items():
        if value != theirs:
            raise CheckpointError(
                f"the authors' model has model.{key} {theirs!r}, this one {value!r}",
                where=str(folder),
                hint=form.hint,
            )


def _their_config(recipe: ModelRecipe, form: Form) -> dict[str, object]:
    """Write the sizes where transformers 4 reads them: rotary numbers at the top."""
    ours: dict[str, Any] = recipe.language.config
    config = {key: value for key, value in ours.items() if key != "rope_parameters"}
    rotary: Any = PhiConfig(**ours).rope_parameters
    return {
        **config,
        "model_type": form.model_type,
        "partial_rotary_factor": rotary["partial_rotary_factor"],
        "rope_theta": rotary["rope_theta"],
        **form.vision(recipe),
    }
