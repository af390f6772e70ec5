"""What the export can be told, and what it tells when it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segearth.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Settings of the export; see `segearth data export --help`."""

    split: Literal["auto", "carried", "scene"] = "auto"
    """auto carries the splits if every record has one."""
    val: float = 0.05
    """Share of records, for new splits."""
    test: float = 0.05
    seed: int = 0
    scene_pattern: str = ""
    undecided: Literal["drop", "keep"] = "drop"
    """What to do with records without a decision, if there are decisions."""
    licence: str = ""
    title: str = "A remote sensing question-answer-mask dataset"
    parquet: bool = False

    def __post_init__(self) -> None:
        """Refuse shares that leave nothing to train on.

        Raises:
            RecipeError: Names the option.
        """
        for name in ("val", "test"):
            if not 0 <= getattr(self, name) < 1:
                raise RecipeError(
                    f"{name} is {getattr(self, name)}", where=name, hint="give a share below 1"
                )
        if self.val + self.test >= 1:
            raise RecipeError("val and test take everything", where="val", hint="leave some")
        if self.seed < 0:
            raise RecipeError(f"seed is {self.seed}", where="seed", hint="give 0 or more")


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A record that is not in the dataset."""

    id: str
    reason: str
    fault: bool
    """Whether it should have been in it."""
    said: tuple[str, ...] = ()
    """What its reviewers found wrong, one text a rejecting reviewer."""


@dataclass(frozen=True, kw_only=True)
class ExportSummary:
    """Figures of an export."""

    splits: dict[str, dict[str, int]]
    """Per split: scenes, images, questions and masks."""
    left_out: tuple[LeftOut, ...]
    how_split: str
    stale: int = 0
    """Decisions on records that are gone or have changed: they did not count."""

    def faults(self) -> list[LeftOut]:
        """List what failed, as against what was decided."""
        return [item for item in self.left_out if item.fault]
