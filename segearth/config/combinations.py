"""Combinations of a model's keys that cannot work, refused before anything is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segearth.config.bounds import require

if TYPE_CHECKING:
    from segearth.config.model import ModelRecipe


def refuse_impossible(recipe: ModelRecipe) -> None:
    """Hold the mechanism against the number of queries, and SAM against what it lacks.

    Raises:
        RecipeError: Two keys contradict each other; says which one to change.
    """
    k = recipe.queries_per_target
    require(
        recipe.mechanism == "seg_token" or k == 1,
        "model.queries_per_target",
        f"queries_per_target is {k}, but {recipe.mechanism} has no [SEG1] to [SEGk]",
        "1; with propose_then_select the candidates are counted by model.proposals",
    )
    require(
        not recipe.always_draws or recipe.mechanism == "instruction_as_query",
        "model.always_draws",
        f"{recipe.mechanism} draws where the answer has a [SEG]",
        "leave it out, or take the mechanism instruction_as_query",
    )
    tokens, side = recipe.image_tokens, recipe.pyramid.image_size
    cell = (4, 8, 16, 32)[tokens.level] * tokens.pool
    require(
        tokens.connection == "mlp" or side % (4 * cell) == 0,
        "model.pyramid.image_size",
        f"the cells of {side} pixels do not make tokens of 4 x 4 cells",
        f"take a multiple of {4 * cell}",
    )
    if recipe.mask_head.kind != "mask2former":
        _refuse_for_sam(recipe)


def _refuse_for_sam(recipe: ModelRecipe) -> None:
    head, kind = recipe.mask_head, recipe.mask_head.kind
    require(
        bool(head.weights or head.config),
        "model.mask_head.weights",
        f"{kind} has neither weights nor a config, so its sizes are not known",
        "facebook/sam-vit-huge or facebook/sam2.1-hiera-large, or a folder like them",
    )
    require(
        recipe.image_tokens.source == "tower",
        "model.image_tokens.source",
        f"{kind} has no coarse map of stride 32 to take image tokens from",
        "tower: give the language model an image tower of its own",
    )
    require(
        recipe.queries_per_target == 1 and recipe.mechanism != "propose_then_select",
        "model.mechanism",
        f"{kind} gives back no refined queries, by which candidates could be scored",
        "one query a target: seg_token with queries_per_target 1, or instruction_as_query",
    )
    require(
        not recipe.pyramid.weights,
        "model.pyramid.weights",
        f"{kind} brings its image encoder along; there is no {recipe.pyramid.name} to load",
        "leave it out",
    )
    require(
        head.decode == "joint",
        "model.mask_head.decode",
        f"{kind} draws every query by itself in any case",
        "joint, which shares what depends on the image alone",
    )
