"""From a recipe to what goes in: tokenizer, prompts, the squares that the encoders see."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from transformers import AutoTokenizer

from segearth.config.model import ModelRecipe
from segearth.config.places import place_of
from segearth.data.answers import seg_tokens
from segearth.data.prompting import Prompter
from segearth.data.samples import Geometry
from segearth.errors import CheckpointError
from segearth.model.pretrained.loading import language_config, quiet, tower_config
from segearth.model.sizes import sensible_sizes

STRIDES = (4, 8, 16, 32)
TOKENIZERS = Path(__file__).parent
"""Holds `nano`, a small tokenizer, for models that are made up from nothing."""


def build_tokenizer(recipe: ModelRecipe, folder: str | Path | None = None) -> Any:
    """Load the tokenizer and teach it the `[SEG]` tokens.

    Args:
        recipe: Names the language model, k, and whether tags are tokens.
        folder: Where the tokenizer files are; by default where `language.name` says: `nano`, a
            shipped model, a folder or a hub model.

    Raises:
        CheckpointError: There is no tokenizer.
    """
    shipped = TOKENIZERS / recipe.language.name
    source = str(folder or (shipped if shipped.is_dir() else place_of(recipe.language.name)))
    try:
        with quiet():  # about a config.json of a kind that transformers does not know
            tokenizer = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{source} has no tokenizer that can be read",
            where="model.language.name",
            hint="name a folder or hub model with tokenizer files",
        ) from error
    special = seg_tokens(recipe.queries_per_target)
    if recipe.language.tags_are_tokens:
        special += ["<p>", "</p>"]
    tokenizer.add_tokens(special, special_tokens=True)
    end = recipe.template.end
    if tokenizer.convert_tokens_to_ids(end) in (None, tokenizer.unk_token_id):
        raise CheckpointError(
            f"the tokenizer has no token {end}",
            where="model.template.end",
            hint="name the token that ends a text of this language model",
        )
    return tokenizer


def geometry(recipe: ModelRecipe) -> Geometry:
    """Work out the squares and the grid of image tokens."""
    tokens, pyramid = recipe.image_tokens, recipe.pyramid
    if tokens.source == "pyramid":
        cell = STRIDES[tokens.level] * tokens.pool * (4 if tokens.connection == "strided" else 1)
        tower_side, cells = 0, pyramid.image_size // cell
    else:
        with sensible_sizes("model.image_tokens.config"):
            config = tower_config(tokens)
            tower_side, cell = cast(int, config.image_size), cast(int, config.patch_size)
            cells = tower_side // cell
    return Geometry(
        side=pyramid.image_size,
        pad=pyramid.pad,
        pad_value=pyramid.pad_value,
        tower_side=tower_side,
        tower_fit=tokens.fit,
        cells=cells,
        cell_px=cell,
    )


def build_prompter(recipe: ModelRecipe, tokenizer: Any) -> Prompter:
    """Join tokenizer and template."""
    return Prompter(
        tokenizer=tokenizer,
        template=recipe.template,
        image_tokens=geometry(recipe).cells ** 2,
        queries_per_target=recipe.queries_per_target,
        max_instruction_tokens=recipe.max_instruction_tokens,
        max_answer_tokens=recipe.max_answer_tokens,
        mechanism=recipe.mechanism,
        proposals=recipe.proposals if recipe.mechanism == "propose_then_select" else 0,
        always_draws=recipe.always_draws,
        most_positions=_most_positions(recipe),
    )


def _most_positions(recipe: ModelRecipe) -> int | None:
    try:
        with sensible_sizes("model.language.config"):
            config = language_config(recipe.language)
    except CheckpointError as error:
        if isinstance(error.__cause__, OSError):  # not here; who makes the language model says so
            return None
        raise
    return getattr(config, "max_position_embeddings", None)
