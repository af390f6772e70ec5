"""What every section of a recipe checks its values with."""

from __future__ import annotations

import math

from segearth.errors import RecipeError


def require(condition: bool, key: str, problem: str, hint: str) -> None:
    """Refuse a recipe unless `condition` holds.

    Raises:
        RecipeError: Naming the key, the problem and what would do.
    """
    if not condition:
        raise RecipeError(problem, where=key, hint=hint)


def within(section: str, recipe: object, **bounds: tuple[float, float]) -> None:
    """Refuse values out of range, NaN included.

    Raises:
        RecipeError: Naming the first key that is out of range.
    """
    for key, (low, high) in bounds.items():
        value = getattr(recipe, key)
        span = f"{low:g} to {high:g}" if math.isfinite(high) else f"{low:g} or more"
        good = low <= value <= high and math.isfinite(value)
        require(good, f"{section}.{key}", f"{key} is {value}", f"give {span}")
