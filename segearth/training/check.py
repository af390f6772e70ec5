"""Find what would stop a run, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

from segearth.config.recipe import Recipe
from segearth.errors import RecipeError


def missing_files(recipe: Recipe) -> list[str]:
    """List the files that a recipe names and that are not there, as ``key: file``.

    The language model and the image tower are left out: they may be names on a hub.
    """
    named = {
        "data.train": recipe.data.train,
        "data.validation": recipe.data.validation,
        "data.targets": recipe.data.targets,
        "model.pyramid.weights": recipe.model.pyramid.weights,
        "train.init_from": recipe.train.init_from,
    }
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
