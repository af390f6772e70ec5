"""Make SAM or SAM 2 from a recipe: sizes from a config, weights from a folder."""

from __future__ import annotations

from typing import Any, cast

import torch
from safetensors import SafetensorError
from transformers import PretrainedConfig, Sam2Config, Sam2Model, SamConfig, SamModel

from segearth.config.model import MaskHeadRecipe
from segearth.errors import CheckpointError
from segearth.model.mask_heads import sam, sam2
from segearth.model.pretrained.fitting import Coverage
from segearth.model.pretrained.loading import KEYS, quiet
from segearth.model.pretrained.source import find, read_weights

Parts = (
    tuple[sam.SamEncoder, sam.SamPixels, sam.SamDecoder]
    | tuple[sam2.Sam2Encoder, sam2.Sam2Pixels, sam2.Sam2Decoder]
)
_WHERE = KEYS["mask_head"]


def make_sam(recipe: MaskHeadRecipe, side: int, taken: list[Coverage] | None) -> Parts:
    """Make encoder, pixel stage and mask decoder.

    Args:
        recipe: Of kind `sam` or `sam2`.
        side: Of the pictures, pixels.
        taken: With it, weights are loaded, if the recipe names some, and said there.

    Raises:
        CheckpointError: The folder is missing, not whole, or of another kind or size.
    """
    config = sam_config(recipe)
    vision = cast(Any, config).vision_config
    size = vision.image_size if recipe.kind == "sam" else vision.backbone_config.image_size
    expected = size if isinstance(size, int) else size[0]
    if expected != side:
        raise CheckpointError(
            f"the image encoder is made for {expected} pixels, and model.pyramid.image_size is "
            f"{side}",
            where="model.mask_head",
            hint=f"--set model.pyramid.image_size={expected}",
        )
    if taken is not None and recipe.weights:
        made, coverage = _load(recipe, config)
        taken.append(coverage)
    else:
        made = _kind(recipe)[1](config)
    return sam.parts(made) if recipe.kind == "sam" else sam2.parts(made)


def _kind(recipe: MaskHeadRecipe) -> tuple[Any, Any]:
    """Give transformers' config and model class."""
    return (SamConfig, SamModel) if recipe.kind == "sam" else (Sam2Config, Sam2Model)


def sam_config(recipe: MaskHeadRecipe) -> PretrainedConfig:
    """Take the config from the recipe, else read it beside the weights.

    Raises:
        CheckpointError: There is none, it is of another kind, or it makes no sense.
    """
    kind = _kind(recipe)[0]
    if recipe.config:
        given = {key: value for key, value in recipe.config.items() if key != "model_type"}
        try:
            config: PretrainedConfig = kind(**given)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise CheckpointError(
                f"no config of {recipe.kind}: {str(error).splitlines()[0]}",
                where="model.mask_head.config",
            ) from error
        return config
    folder = find(recipe.weights, where=_WHERE)
    try:
        with quiet():
            raw, _ = PretrainedConfig.get_config_dict(str(folder))
            config = kind.from_pretrained(str(folder))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{recipe.weights} has no config that can be read: {str(error).splitlines()[0]}",
            where=_WHERE,
            hint="name a folder or hub model with config.json and safetensors",
        ) from error
    named = str(raw.get("model_type", ""))
    if named != recipe.kind and not (recipe.kind == "sam2" and named == "sam2_video"):
        raise CheckpointError(
            f"{recipe.weights} is a {named or 'model without a type'}, not {recipe.kind}",
            where=_WHERE,
            hint="facebook/sam-vit-huge is sam, facebook/sam2.1-hiera-large is sam2",
        )
    return config


def _load(recipe: MaskHeadRecipe, config: PretrainedConfig) -> tuple[Any, Coverage]:
    """Let transformers read the folder: it knows the older names. Pickles are not read."""
    folder = find(recipe.weights, where=_WHERE)
    kind = _kind(recipe)[1]
    try:
        with quiet():
            made, info = kind.from_pretrained(
                str(folder),
                config=config,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                dtype=torch.float32,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"{recipe.weights} cannot be loaded: {str(error).splitlines()[0]}",
            where=_WHERE,
            hint="copy or download the folder again; only safetensors are read",
        ) from error
    faults = {
        "missing": sorted(info["missing_keys"]),
        "misshapen": sorted(str(entry[0]) for entry in info["mismatched_keys"]),
        "unexpected": sorted(info["unexpected_keys"]),
    }
    named = [f"{len(ns)} {kind}: {'; '.join(ns[:5])}" for kind, ns in faults.items() if ns]
    if named:
        raise CheckpointError(
            f"weights do not fit {recipe.kind}: {'. '.join(named)}",
            where=f"{_WHERE} {recipe.weights}",
        )
    # Tied tensors have two names in the model and one in a file.
    wanted = len({tensor.data_ptr() for tensor in made.state_dict().values() if tensor.numel()})
    held = len(read_weights(folder, where=_WHERE))
    aside = {f"not read by {recipe.kind}": held - wanted} if held > wanted else {}
    return made, Coverage(
        part="mask_head", source=recipe.weights, taken=wanted, wanted=wanted, aside=aside
    )
