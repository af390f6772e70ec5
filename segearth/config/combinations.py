"""Combinations of a model's keys that cannot work, refused before anything is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segearth.config.bounds import require

if TYPE_CHECKING:
    from segearth.config.model import ModelRecipe


def refuse_impossible(recipe: ModelRecipe) -> None:
    """Hold the mechanism against the number of queries.

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
