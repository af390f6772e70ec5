"""What lies in a run's folder, and what it takes to go on in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from segearth.config.load import load_recipe, to_tree
from segearth.config.recipe import Recipe
from segearth.errors import CheckpointError
from segearth.files import write_text
from segearth.model.checkpoint import model_folder
from segearth.training.state import NUMBERS

RECIPE = "recipe.yaml"
LOG = "log.jsonl"
_BOOKKEEPING = {
    f"train.{key}"
    for key in (
        *("workers", "log_every", "validate_every", "validate_records"),
        *("save_minutes", "save_dtype"),
    )
} | {"data.validation"}


def changed_keys(folder: Path, recipe: Recipe) -> list[str]:
    """Name the keys in which a recipe differs from the one that a run was last trained with.

    Keys that change no step, such as how often it is saved, are left out.

    Raises:
        RecipeError: The kept recipe cannot be read.
    """
    kept = folder / RECIPE
    if not kept.is_file():
        return []
    before, now = _leaves(to_tree(load_recipe(kept))), _leaves(to_tree(recipe))
    return [
        key
        for key in {**before, **now}
        if before.get(key) != now.get(key) and key not in _BOOKKEEPING
    ]


def _leaves(tree: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Flatten a tree of mappings: values by their dotted keys."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{above}{key}"
        found |= _leaves(value, f"{name}.") if isinstance(value, dict) and value else {name: value}
    return found


def started(folder: Path) -> Path:
    """Find the latest checkpoint of a run.

    Raises:
        CheckpointError: There is none.
    """
    if not (folder / "last" / NUMBERS).is_file():
        raise CheckpointError(
            f"{folder / 'last'} holds no training state",
            where="--resume",
            hint="leave --resume out",
        )
    return model_folder(folder / "last")


def cut_log(log: Path, step: int) -> None:
    """Drop the lines of steps that will be made again."""
    if not log.exists():
        return
    lines = log.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
    write_text(log, "".join(f"{line}\n" for line in kept))
