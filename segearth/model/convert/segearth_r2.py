"""The authors' merged SegEarth-R2 folder into a model folder of ours, and back.

Both hold the same tensors under different names, so nothing is computed but, on the way
back, LoRA is added to the weights it adapts. Types stay as they are on disk. What the
authors' code carries along without reading it is kept beside our weights and put back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from segearth.config.model import ModelRecipe
from segearth.config.presets import mipha_3b
from segearth.errors import CheckpointError
from segearth.files import write_text
from segearth.model.checkpoint import (
    CONFIG,
    WEIGHTS,
    model_folder,
    read_recipe,
    read_tensors,
)
from segearth.model.convert.segearth_r1 import phi_config
from segearth.model.convert.whole import write_whole
from segearth.model.convert.writing import (
    ASIDE,
    THEIR_CONFIG,
    Conversion,
    by_reason,
    claim_target,
    refuse_unknown,
    require_parts,
    write_tensors,
)
from segearth.model.inputs import build_tokenizer
from segearth.model.pretrained import swin
from segearth.model.pretrained.fitting import sort_out
from segearth.model.pretrained.mipha import SEGEARTH_R2
from segearth.model.pretrained.source import read_config, read_weights

PREFIXES = {
    "language": "language.lm.",
    "image_tower": "image_tower.tower.",
    "connector": "mm_projector.",
    "pyramid": "vision_tower_mask.",
    "mask_head": "",
    "seg_projector": "SEG_token_projector.",
}
"""Where a part's tensors are in `SegEarth`."""

CARD = """# SegEarth-R2, converted

Converted from the authors' merged folder `{source}` by `segearth data convert-weights
segearth-r2`. Weights, and with them their licence and figures, are the authors'.
"""


def convert_r2(
    source: Path, out: Path, *, overwrite: bool = False, base: ModelRecipe | None = None
) -> Conversion:
    """Make a model folder of the authors' merged folder.

    Args:
        source: Safetensors, config.json and tokenizer files.
        out: The model folder; good for `--model`.
        overwrite: Replace an earlier model.
        base: Sizes that config.json does not have (pyramid and mask head), the paper's by
            default; those of language model and tower are taken from config.json.

    Raises:
        CheckpointError: The folder is not whole, or not SegEarth-R2.
        UsageError: `out` holds a model already.
        DataError: `out` cannot be written to.
    """
    config = read_config(source, where="SRC")
    tensors = read_weights(source, where="SRC")
    held = sort_out(tensors, SEGEARTH_R2)
    refuse_unknown(held.unknown, source=str(source), kind="SegEarth-R2")
    require_parts(held.parts, tuple(PREFIXES), source)
    rows = held.parts["language"]["model.embed_tokens.weight"].shape[0]
    recipe = _recipe(base or mipha_3b(), config, source, rows, "lm_head.bias" in tensors)
    return write_whole(
        source,
        out,
        recipe,
        {PREFIXES[part]: named for part, named in held.parts.items()},
        aside={name: tensors[name] for name in held.aside},
        config=config,
        card=CARD.format(source=source.name),
        taken={part: len(held.parts[part]) for part in PREFIXES},
        reasons=by_reason(held.aside),
        overwrite=overwrite,
    )


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
            hint="it has Phi-2 without a bias in the word head (model.language.head_bias), an "
            "image tower, k = 1, a Swin with output norms and extra_lateral_relu",
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
        config = {
            "model_type": "mipha_phi",
            **{k: v for k, v in recipe.language.config.items() if k != "model_type"},
            "vision_config": {"vision_tower": dict(recipe.image_tokens.config)},
        }
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


def _recipe(
    base: ModelRecipe, config: dict[str, Any], source: Path, rows: int, bias: bool
) -> ModelRecipe:
    """Fill in the sizes of language model and tower."""
    vision = config.get("vision_config")
    vision = vision.get("vision_tower", vision) if isinstance(vision, dict) else {}
    names = base.image_tokens.config
    # Sizes that their config.json leaves out are those of the paper's tower.
    tower = {key: vision.get(key, value) for key, value in names.items()}
    language = replace(
        base.language,
        name=source.name,
        config={**phi_config(config), "vocab_size": rows},
        lora_rank=0,
        head_bias=bias,
    )
    return replace(base, language=language, image_tokens=replace(base.image_tokens, config=tower))
