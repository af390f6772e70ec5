"""The whole chain: every stage in turn, each only if something changed since it last ran.

    OUT/masks/, filter/, questions/, dataset/   see `segearth.building.chain.stages`
    OUT/review/                                 decisions.jsonl, if reviewers work here
    OUT/recipe.yaml                             what was asked for
    OUT/build.json                              see `segearth.building.chain.state`

A run that was cut off, by kill -9 even, goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segearth.building.chain.gate import Gate, judge
from segearth.building.chain.recipe import BuildRecipe
from segearth.building.chain.stages import (
    export_stage,
    filter_stage,
    is_judged,
    masks_stage,
    questions_stage,
)
from segearth.building.chain.state import StageReport, run_once
from segearth.building.export.parquet import require_parquet
from segearth.building.export.stage import STATE
from segearth.building.questions import run as questions_run
from segearth.building.questions.models import Track
from segearth.building.review.log import NAME as DECISIONS
from segearth.building.review.log import read_log
from segearth.building.review.outcome import outcomes
from segearth.building.shapes.options import FilterOptions
from segearth.config.load import dump_yaml
from segearth.data.manifest import read_manifest, write_manifest
from segearth.errors import DataError, RecipeError
from segearth.files import locked_folder, write_text

SAMPLE = "sample.jsonl"
"""Beside the questions: those that have to be reviewed, where that is not all of them."""


def build(
    recipe: BuildRecipe, out: Path, *, track: Track = questions_run.silent
) -> list[StageReport]:
    """Run the chain as far as it goes.

    Args:
        recipe: Where to start, and all settings.
        out: The folder of the whole; made if it does not exist.
        track: Shows progress.

    Returns:
        One report a stage.

    Raises:
        UsageError: Another process builds here, or a package or key is missing.
        DataError: An input cannot be used, or nothing is left for the next stage.
        RecipeError: The images have no licence, or settings of a stage that is not run are given.
        CheckpointError: SAM's folder cannot be used.
    """
    start = Path(recipe.start)
    if not recipe.with_images and not start.is_file():
        raise DataError(
            f"{start} is not there", where="start", hint="the stages before have to write it first"
        )
    judged = not recipe.with_images and is_judged(start)
    _refuse_missing(recipe)
    if judged and recipe.filter != FilterOptions():
        raise RecipeError(
            f"{start.name} is for the questions already, so that filter has nothing to do",
            where="filter",
            hint="start with a masks.jsonl or a folder of images, or leave filter out",
        )
    with locked_folder(out):
        write_text(out / "recipe.yaml", dump_yaml(recipe))
        reports = []
        source = start
        if recipe.with_images:
            stage = masks_stage(recipe, out, track)
            reports.append(run_once(out, stage))
            source = stage.result
        if not judged:
            stage = filter_stage(recipe, source, out, track)
            reports.append(run_once(out, stage))
            source = stage.result
        stage = questions_stage(recipe, source, out, track)
        reports.append(run_once(out, stage))
        return [*reports, *_publish(recipe, out, stage.result)]


def _refuse_missing(recipe: BuildRecipe) -> None:
    """Complain of files that a later stage would miss, before an earlier one takes hours."""
    named = {
        "filter.profile": recipe.filter.profile,
        "filter.reference": recipe.filter.reference,
        "questions.categories": recipe.questions.categories,
    }
    if recipe.review.rule == "none":  # else the reviewers may still be to begin
        named["review.decisions"] = recipe.review.decisions
    for key, name in named.items():
        if name and not Path(name).is_file():
            raise DataError(f"{name} is not there", where=key)
    if recipe.with_images and not (recipe.questions.licence or recipe.export.licence):
        raise RecipeError(
            "nobody says under which licence the images are, and nothing is exported without",
            where="export.licence",
            hint='--set export.licence="CC-BY-4.0", or whatever holds',
        )
    if recipe.export.parquet:
        require_parquet()


def failures_of(reports: Sequence[StageReport]) -> int:
    """Sum up what failed in all stages."""
    return sum(report.failures for report in reports)


def _publish(recipe: BuildRecipe, out: Path, questions: Path) -> list[StageReport]:
    """Ask the reviewers, and export if the rule allows it."""
    place = Path(recipe.review.decisions or out / "review" / DECISIONS)
    results, stale = outcomes(read_manifest(questions), read_log(place)[0])
    if not results:
        raise DataError(
            "no question was written",
            where=str(questions.with_name("failures.jsonl")),
            hint="it says why, image by image",
        )
    gate = judge(results, recipe.review, recipe.export.undecided)
    figures = gate.figures | {"stale_decisions": stale}
    if not gate.passed:
        hint = _hint(gate, questions, place)
        waiting = StageReport(stage="review", state="waiting", figures=figures, hint=hint)
        older = "dataset/ is of an earlier build" if (out / "dataset" / STATE).is_file() else ""
        return [waiting, StageReport(stage="export", state="not reached", hint=older)]
    decisions = place if place.is_file() else None
    return [
        StageReport(stage="review", state="passed", figures=figures),
        run_once(out, export_stage(recipe, out, decisions, gate.undecided)),
    ]


def _hint(gate: Gate, questions: Path, decisions: Path) -> str:
    """Say how to review what has to be, and put it into a file if it is not everything."""
    shown = questions
    if gate.to_review is not None:
        shown = questions.with_name(SAMPLE)
        write_manifest(shown, gate.to_review)
    return f"segearth data review '{shown}' --out '{decisions.parent}'; then build again"
