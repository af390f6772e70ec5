"""The recipe of a dataset: where it starts, and the settings of every stage.

    start: data/targets.jsonl        # or the kept.jsonl of the stages before
    questions: {provider: templates, per_image: 6}
    review: {required: true}         # wait for decisions before the export
    export: {val: 0.1, test: 0.1, licence: CC-BY-4.0, title: My scenes}

Paths are relative to the working directory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segearth.building.export.options import ExportOptions
from segearth.building.questions.options import QuestionOptions
from segearth.config.load import from_tree, read_tree
from segearth.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class ReviewOptions:
    """How reviewers take part."""

    decisions: str = ""
    """Their file; empty for OUT/review/decisions.jsonl. Used as soon as it is there."""
    required: bool = False
    """Export nothing before there are decisions."""


@dataclass(frozen=True, kw_only=True)
class BuildRecipe:
    """A dataset's recipe."""

    start: str = ""
    """A targets.jsonl, kept.jsonl or masks.jsonl."""
    questions: QuestionOptions = field(default_factory=QuestionOptions)
    review: ReviewOptions = field(default_factory=ReviewOptions)
    export: ExportOptions = field(default_factory=ExportOptions)

    def __post_init__(self) -> None:
        """Refuse a recipe that starts nowhere.

        Raises:
            RecipeError: `start` is missing.
        """
        if not self.start:
            raise RecipeError(
                "start is missing", where="start", hint="name a targets.jsonl or kept.jsonl"
            )


def load_build_recipe(path: Path, overrides: Sequence[str] = ()) -> BuildRecipe:
    """Read a recipe and apply ``key.path=value`` overrides.

    Raises:
        RecipeError: The file cannot be read, or it has mistakes; all are listed at once.
    """
    return from_tree(BuildRecipe, read_tree(path, overrides), where=str(path))
