"""Start the parts of a model from public weights, and say what each of them took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
    SiglipVisionConfig,
    SiglipVisionModel,
)
from transformers.utils import logging as transformers_logging

from segearth.config.model import ImageTokensRecipe, LanguageRecipe, ModelRecipe
from segearth.errors import CheckpointError
from segearth.model.pretrained.fitting import Coverage, Leeway, Part, Sorted, fit
from segearth.model.pretrained.formats import recognise
from segearth.model.pretrained.mask2former import FORMER_BIASES
from segearth.model.pretrained.source import find, read_weights

KEYS: dict[Part, str] = {
    "language": "model.language.weights",
    "image_tower": "model.image_tokens.weights",
    "connector": "model.image_tokens.connector",
    "pyramid": "model.pyramid.weights",
    "mask_head": "model.mask_head.weights",
}
"""The recipe's key that names a part's source."""

NO_BIAS = "bias of the word head; model.language.head_bias is false"


def sources(recipe: ModelRecipe) -> dict[Part, str]:
    """Give the source of each part that starts from weights: file, folder or hub name."""
    language, tokens = recipe.language, recipe.image_tokens
    named: dict[Part, str] = {
        "language": language.weights or ("" if "model_type" in language.config else language.name),
        "connector": tokens.connector,
        "pyramid": recipe.pyramid.weights,  # SAM's comes with the head
        "mask_head": recipe.mask_head.weights,
    }
    if tokens.source == "tower":
        named["image_tower"] = tokens.weights or ("" if tokens.config else tokens.tower)
    return {part: source for part, source in named.items() if source}


def read_source(part: Part, source: str, *, download: bool = True) -> Sorted:
    """Find and read a source, and sort its tensors.

    Raises:
        CheckpointError: It is not there or not whole.
    """
    place = find(source, where=KEYS[part], download=download)
    return recognise(read_weights(place, where=KEYS[part]))[1]


def load_part(module: nn.Module, part: Part, source: str) -> Coverage:
    """Load connector, pyramid or mask head.

    Args:
        module: The part; of the mask head, both decoders by name.
        part: Which.
        source: File, folder or hub name.

    Raises:
        CheckpointError: The source is missing, or a tensor is missing, misshapen or unknown.
    """
    wanted = module.state_dict()
    tensors, coverage = fit_part(wanted, part, source, read_source(part, source))
    module.load_state_dict({name: t.to(wanted[name].dtype) for name, t in tensors.items()})
    return coverage


def fit_part(
    wanted: Mapping[str, Tensor], part: Part, source: str, held: Sorted
) -> tuple[dict[str, Tensor], Coverage]:
    """Hold a source against connector, pyramid or mask head; see `fit`.

    Raises:
        CheckpointError: A tensor is missing, misshapen or unknown.
    """
    leeway = Leeway(zero=FORMER_BIASES if part == "mask_head" else frozenset())
    return fit(wanted, held, part=part, source=source, leeway=leeway)


def language_config(recipe: LanguageRecipe) -> PretrainedConfig:
    """Read or make up the language model's config.

    Raises:
        OSError: There is no config of this name.
        ValueError: transformers does not know the kind of model.
    """
    overrides: dict[str, Any] = dict(recipe.config)
    if "model_type" in overrides:
        return AutoConfig.for_model(str(overrides.pop("model_type")), **overrides)
    config: PretrainedConfig = AutoConfig.from_pretrained(recipe.name, **overrides)
    return config


def fit_language(
    recipe: LanguageRecipe, config: PretrainedConfig, held: Sorted
) -> tuple[type[PreTrainedModel], dict[str, Tensor], Coverage]:
    """Hold a source against the language model, without making it.

    The number of rows is the source's: Phi-2 has rows to spare (51200), SegEarth-R2 as many
    as its tokenizer has entries.

    Args:
        recipe: Names the source.
        config: Sizes; its `vocab_size` is set to the rows of the source's embedding.
        held: The source.

    Returns:
        The class, its state dict and the coverage.

    Raises:
        CheckpointError: A tensor is missing, misshapen or unknown.
    """
    rows = held.parts.get("language", {}).get("model.embed_tokens.weight")
    if rows is not None:
        config.vocab_size = rows.shape[0]
    with torch.device("meta"):
        lm = AutoModelForCausalLM.from_config(config)
    wanted = dict(lm.state_dict())
    bias = frozenset({"lm_head.bias"})
    leeway = Leeway(zero=bias)
    if not recipe.head_bias:
        wanted.pop("lm_head.bias", None)
        leeway = Leeway(dropped=dict.fromkeys(bias, NO_BIAS))
    tensors, coverage = fit(wanted, held, part="language", source=recipe.weights, leeway=leeway)
    return type(lm), tensors, coverage


def load_language(
    recipe: LanguageRecipe, config: PretrainedConfig
) -> tuple[PreTrainedModel, Coverage]:
    """Load the language model from `recipe.weights`.

    Raises:
        CheckpointError: The source is missing or does not fit.
    """
    held = read_source("language", recipe.weights)
    kind, tensors, coverage = fit_language(recipe, config, held)
    dtype = getattr(torch, recipe.dtype)
    return _from_tensors(kind, config, tensors, dtype), coverage


def load_whole(
    name: str, config: PretrainedConfig, dtype: torch.dtype
) -> tuple[PreTrainedModel, Coverage]:
    """Load any language model of transformers from its own folder or hub name.

    transformers finds the files and knows the old names of each kind of model. Only the word
    head may be missing (a sentence encoder has none): it then starts at random.

    Raises:
        CheckpointError: Tensors are missing, misshapen or unknown.
    """
    with quiet():
        made: Any = AutoModelForCausalLM.from_pretrained(
            name, config=config, dtype=dtype, output_loading_info=True, ignore_mismatched_sizes=True
        )
    lm, info = cast(tuple[PreTrainedModel, dict[str, Any]], made)
    body = lm.base_model_prefix + "."
    missing = sorted(info["missing_keys"])
    unread = sorted(n for n in info["unexpected_keys"] if "pooler." in n or "position_ids" in n)
    faults = {
        "missing": [n for n in missing if n.startswith(body)],
        "misshapen": sorted(str(entry[0]) for entry in info["mismatched_keys"]),
        "unexpected": sorted(set(info["unexpected_keys"]) - set(unread)),
    }
    named = [f"{len(ns)} {kind}: {'; '.join(ns[:5])}" for kind, ns in faults.items() if ns]
    if named:
        raise CheckpointError(
            f"weights do not fit the language model: {'. '.join(named)}",
            where=f"model.language.name {name}",
        )
    wanted = len(lm.state_dict())
    coverage = Coverage(
        part="language",
        source=name,
        taken=wanted - len(missing),
        wanted=wanted,
        random=tuple(missing),
        aside={"pooler and position numbers": len(unread)} if unread else {},
    )
    return lm, coverage


def tower_config(recipe: ImageTokensRecipe) -> SiglipVisionConfig:
    """Read or make up the image tower's config.

    Raises:
        CheckpointError: There is no config of this name.
    """
    if recipe.config:
        given = {k: v for k, v in recipe.config.items() if k != "model_type"}
        return SiglipVisionConfig(**cast(dict[str, Any], given))
    try:
        return SiglipVisionConfig.from_pretrained(recipe.tower)
    except OSError as error:
        raise CheckpointError(
            "the image tower's config cannot be loaded",
            where=f"model.image_tokens.tower {recipe.tower}",
            hint="run once with a network, set HF_HOME to a cache that has it, name a local "
            "folder, or give model.image_tokens.config",
        ) from error


def fit_tower(
    recipe: ImageTokensRecipe, config: SiglipVisionConfig, held: Sorted
) -> tuple[dict[str, Tensor], Coverage]:
    """Hold a source against the image tower, without making it.

    What lies behind the hidden state that is read may be missing.

    Raises:
        CheckpointError: A tensor is missing, misshapen or unknown.
    """
    with torch.device("meta"):
        wanted = SiglipVisionModel(config).state_dict()
    first_unread = config.num_hidden_layers + 1 + recipe.layer if recipe.layer < 0 else recipe.layer
    layers = range(first_unread, config.num_hidden_layers)
    behind = ("post_layernorm.", "head.", *(f"encoder.layers.{index}." for index in layers))
    unread = frozenset(name for name in wanted if name.startswith(behind))
    return fit(
        wanted,
        held,
        part="image_tower",
        source=recipe.weights or recipe.tower,
        leeway=Leeway(unread=unread),
    )


def load_tower(
    recipe: ImageTokensRecipe, config: SiglipVisionConfig
) -> tuple[SiglipVisionModel, Coverage]:
    """Load the image tower from `recipe.weights`, or from `recipe.tower`.

    Raises:
        CheckpointError: The source is missing or does not fit.
    """
    held = read_source("image_tower", recipe.weights or recipe.tower)
    tensors, coverage = fit_tower(recipe, config, held)
    tower = _from_tensors(SiglipVisionModel, config, tensors, torch.float32)
    return cast(SiglipVisionModel, tower), coverage


def _from_tensors(
    kind: type[PreTrainedModel],
    config: PretrainedConfig,
    tensors: dict[str, Tensor],
    dtype: torch.dtype,
) -> PreTrainedModel:
    """Let transformers make the model around the tensors: no random start, no second copy."""
    with quiet():
        made: PreTrainedModel = kind.from_pretrained(
            None, config=config, state_dict=tensors, dtype=dtype
        )
    return made


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from printing its own report and progress: ours says it."""
    level, shown = (
        transformers_logging.get_verbosity(),
        transformers_logging.is_progress_bar_enabled(),
    )
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if shown:
            transformers_logging.enable_progress_bar()
