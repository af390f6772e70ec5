"""What stage 2 can be told in a recipe."""

from __future__ import annotations

from dataclasses import dataclass

from segearth.errors import RecipeError

DEVIATIONS = 2.5
"""The paper does not say how many standard deviations; 2 refuse one good mask in five."""


@dataclass(frozen=True, kw_only=True)
class FilterOptions:
    """Settings of stage 2; see `segearth data filter --help`."""

    profile: str = ""
    """A file of accepted shapes."""
    reference: str = ""
    """Or good masks, a manifest or a file of masks, to learn a profile from. With neither only
    components are compared with boxes."""
    deviations: float = DEVIATIONS
    """Learnt ranges are mean ± so many standard deviations,"""
    quantile: float = -1.0
    """or, from 0 on, reach from this quantile to 1 minus it."""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            RecipeError: Names the option.
        """
        if self.profile and self.reference:
            raise RecipeError(
                "profile and reference exclude each other",
                where="profile",
                hint="learn from a reference, or take what was learnt",
            )
        if not 0 < self.deviations < float("inf"):
            raise RecipeError(
                f"deviations is {self.deviations}", where="deviations", hint="give a number above 0"
            )
        if not (self.quantile == -1 or 0 <= self.quantile < 0.5):
            raise RecipeError(
                f"quantile is {self.quantile}", where="quantile", hint="give 0 to below 0.5"
            )
