"""The recipe of a dataset: where it starts, and the settings of every stage.

    start: photos/                   # a folder or glob of images: all stages
    masks: {proposer: regions, boxes: boxes.json, exhaustive: true}
    filter: {reference: good-masks.jsonl}
    questions: {provider: templates, per_image: 6}
    review: {rule: sample, share: 0.1}
    export: {val: 0.1, test: 0.1, licence: CC-BY-4.0, title: My scenes}

A `start` that ends in .jsonl is the file of an earlier stage: a masks.jsonl goes to the filter,
a kept.jsonl or targets.jsonl to the questions. Paths are relative to the working directory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from segearth.building.export.options import ExportOptions
from segearth.building.masks.options import MaskOptions
from segearth.building.questions.options import QuestionOptions
from segearth.building.shapes.options import FilterOptions
from segearth.config.load import from_tree, read_tree
from segearth.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class ReviewOptions:
    """When the questions may be published."""

    rule: Literal["none", "sample", "all"] = "none"
    """none: at once. all: when every question is decided on (the paper's way, Suppl. 7.5).
    sample: when a random share is, and enough of it is accepted; the others then pass unseen."""
    share: float = 0.1
    """Of the questions, for sample."""
    least_accepted: float = 0.95
    """Share of the sample that has to be accepted; if it is less, all have to be reviewed."""
    decisions: str = ""
    """The reviewers' file; empty for OUT/review/decisions.jsonl. It is heard under every rule."""

    def __post_init__(self) -> None:
        """Refuse shares that are none.

        Raises:
            RecipeError: Names the option.
        """
        if not 0 < self.share <= 1:
            raise RecipeError(f"share is {self.share}", where="share", hint="give above 0 to 1")
        if not 0 <= self.least_accepted <= 1:
            raise RecipeError(
                f"least_accepted is {self.least_accepted}",
                where="least_accepted",
                hint="give 0 to 1",
            )


@dataclass(frozen=True, kw_only=True)
class BuildRecipe:
    """A dataset's recipe."""

    start: str = ""
    masks: MaskOptions = field(default_factory=MaskOptions)
    filter: FilterOptions = field(default_factory=FilterOptions)
    questions: QuestionOptions = field(default_factory=QuestionOptions)
    review: ReviewOptions = field(default_factory=ReviewOptions)
    export: ExportOptions = field(default_factory=ExportOptions)

    def __post_init__(self) -> None:
        """Refuse a recipe that starts nowhere, or with images and nobody to draw masks.

        Raises:
            RecipeError: `start` is missing, or settings of a stage that is not run are given.
        """
        if not self.start:
            raise RecipeError(
                "start is missing",
                where="start",
                hint="name a folder of images, or a masks.jsonl, kept.jsonl or targets.jsonl",
            )
        if self.with_images and not (self.masks.proposed_by or self.masks.boxes):
            raise RecipeError(
                "nobody is there to propose masks",
                where="masks.proposer",
                hint="name masks.sam, masks.proposer: regions, or a folder of SAMRS as masks.boxes",
            )
        if not self.with_images and self.masks != MaskOptions():
            raise RecipeError(
                "start is a file of masks, so that masks has nothing to do",
                where="masks",
                hint="name a folder of images, or leave masks out",
            )

    @property
    def with_images(self) -> bool:
        """Whether it starts with images, and not with a file of an earlier stage."""
        return Path(self.start).suffix != ".jsonl"


def load_build_recipe(path: Path, overrides: Sequence[str] = ()) -> BuildRecipe:
    """Read a recipe and apply ``key.path=value`` overrides.

    Raises:
        RecipeError: The file cannot be read, or it has mistakes; all are listed at once.
    """
    return from_tree(BuildRecipe, read_tree(path, overrides), where=str(path))
