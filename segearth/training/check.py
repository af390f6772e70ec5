"""Find what would stop a run, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

from segearth.config.schema import Recipe
from segearth.errors import RecipeError


def missing_files(recipe: Recipe) -> None:
    """Refuse a recipe that names files which are not there.

    Names that could be hub models (``owner/name``) are left alone.

    Raises:
        RecipeError: Lists every missing file.
    """
    named = {
        "data.train": recipe.data.train,
        "data.validation": recipe.data.validation,
        "data.targets": recipe.data.targets,
        "model.pyramid.weights": recipe.model.pyramid.weights,
    }
    absent = [f"{key}: {name}" for key, name in named.items() if name and not Path(name).exists()]
    if absent:
        raise RecipeError(
            "\n".join(["files are missing", *(f"  - {line}" for line in absent)]),
            hint="make them, or point the keys elsewhere with --set key=path",
        )
