"""Find what would stop a run, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

from segearth.config.places import is_hub_name, place_of
from segearth.config.recipe import Recipe
from segearth.errors import RecipeError


def missing_files(recipe: Recipe) -> list[str]:
    """List the files that a recipe names and that are not there, as ``key: file``.

    Names of the hub are left out, and so are `model.language.name` and
    `model.image_tokens.tower`, which say what is wrong with them when they are read. A run
    that starts from a whole model (`train.init_from`) needs no other weights.
    """
    model = recipe.model
    named = {
        "data.train": recipe.data.train,
        "data.validation": recipe.data.validation,
        "data.targets": recipe.data.targets,
    }
    weights = {
        "model.language.weights": model.language.weights,
        "model.image_tokens.weights": model.image_tokens.weights,
        "model.image_tokens.connector": model.image_tokens.connector,
        "model.pyramid.weights": model.pyramid.weights,
        "model.mask_head.weights": model.mask_head.weights,
    }
    if recipe.train.init_from:
        named["train.init_from"] = str(place_of(recipe.train.init_from))
    else:
        named |= {key: name for key, name in weights.items() if not is_hub_name(name)}
    return [f"{key}: {name}" for key, name in named.items() if name and not Path(name).exists()]


def require_files(recipe: Recipe) -> None:
    """Refuse a recipe whose files are not there.

    Raises:
        RecipeError: Lists every missing file.
    """
    missing = missing_files(recipe)
    if missing:
        raise RecipeError(
            "\n".join(["files are missing", *(f"  - {line}" for line in missing)]),
            hint="make them, or point the keys elsewhere with --set key=path",
        )
