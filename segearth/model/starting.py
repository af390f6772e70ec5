"""What a recipe would start from, found out without loading or fetching it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segearth.config.model import ModelRecipe
from segearth.config.places import is_hub_name
from segearth.errors import CheckpointError
from segearth.model.build import make_connector, make_decoders, make_pyramid
from segearth.model.inputs import TOKENIZERS
from segearth.model.pretrained.fitting import Coverage, Part
from segearth.model.pretrained.loading import (
    KEYS,
    fit_language,
    fit_part,
    fit_tower,
    language_config,
    read_source,
    sources,
    tower_config,
)
from segearth.model.pretrained.source import find, weight_files

NOT_HERE = "not here"
FETCHED = "not in the hub's cache; fetched when the run starts, unless it is offline"
UNKNOWN = "here; what it covers is seen when it is loaded"


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where a part starts.

    Attributes:
        part: The part, or `tokenizer and config`.
        key: The recipe's key that names the source.
        source: File, folder or hub name.
        here: Whether it is on this machine.
        note: What is known beyond that, in words.
        coverage: What the part would take; None where that cannot be told yet.
    """

    part: str
    key: str
    source: str
    here: bool
    note: str
    coverage: Coverage | None = None


def starts(recipe: ModelRecipe) -> list[Start]:
    """Look at every source that a recipe names, and hold it against the part it is for.

    Names and shapes are compared; parts are laid out on the meta device, sources are mapped
    from disk, so that a model of 3 billion weights is checked in little memory.

    Raises:
        CheckpointError: A source is here and broken, or does not fit.
    """
    found = []
    if not (TOKENIZERS / recipe.language.name).is_dir():
        found.append(_place("tokenizer and config", "model.language.name", recipe.language.name))
    tokens = recipe.image_tokens
    if tokens.source == "tower" and tokens.weights and not tokens.config:
        found.append(_place("image tower's config", "model.image_tokens.tower", tokens.tower))
    for part, source in sources(recipe).items():
        start = _place(part.replace("_", " "), KEYS[part], source, weights=True)
        coverage = _coverage(part, source, recipe) if start.here else None
        if coverage is not None:
            start = Start(**{**vars(start), "note": str(coverage), "coverage": coverage})
        found.append(start)
    return found


def _place(part: str, key: str, source: str, *, weights: bool = False) -> Start:
    try:
        place = find(source, where=key, download=False)
        if weights and is_hub_name(source):
            weight_files(place, where=key)  # the cache may have a part of it
    except CheckpointError:
        note = FETCHED if is_hub_name(source) else NOT_HERE
        return Start(part=part, key=key, source=source, here=False, note=note)
    return Start(part=part, key=key, source=source, here=True, note=UNKNOWN)


def _coverage(part: Part, source: str, recipe: ModelRecipe) -> Coverage | None:
    """Compare names and shapes; None where a config that says the sizes is not here."""
    tokens = recipe.image_tokens
    if part == "language" and not recipe.language.weights:
        return None  # transformers finds and renames on its own
    if part == "mask_head" and recipe.mask_head.kind != "mask2former":
        return None  # the same
    held = read_source(part, source, download=False)
    try:
        if part == "language":
            return fit_language(recipe.language, language_config(recipe.language), held)[2]
        if part == "image_tower":
            return fit_tower(tokens, tower_config(tokens), held)[1]
        wanted = _wanted(part, recipe)
    except (OSError, ValueError):
        return None
    except CheckpointError as error:
        if "config cannot be loaded" in error.problem:
            return None
        raise
    return fit_part(wanted, part, source, held)[1]


def _wanted(part: Part, recipe: ModelRecipe) -> dict[str, Tensor]:
    """Lay a part out on the meta device."""
    with torch.device("meta"):
        pyramid = make_pyramid(recipe.pyramid)
        if part == "pyramid":
            return dict(pyramid.state_dict())
        if part == "mask_head":
            pixel_decoder, predictor = make_decoders(recipe.mask_head, pyramid.channels)
            both = nn.ModuleDict({"pixel_decoder": pixel_decoder, "predictor": predictor})
            return dict(both.state_dict())
        width = int(language_config(recipe.language).hidden_size)
        if recipe.image_tokens.source == "tower":
            channels = int(tower_config(recipe.image_tokens).hidden_size)
        else:
            channels = sum(pyramid.channels[recipe.image_tokens.level :])
        return dict(make_connector(recipe, channels, width).state_dict())
