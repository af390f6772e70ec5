"""Train and evaluate one model for each number of queries a target (paper, Sec. 5.4, Figure 5).

All runs have the same recipe but for k and the seed: the same start, pictures and steps. Each is
evaluated as it is at its end, on the recipe's validation records with the true answers given, as
the authors evaluate: it is the masks that are compared, and no step is chosen by those records.

A run's folder `k003-seed1/` holds what `segearth train` writes, `evaluation/` what `segearth eval
--save-candidates` writes, and `query_run.json`, written last: where it is, the run is done. So a
grid that was killed goes on with the run that it was in.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segearth.config.load import dump_yaml
from segearth.config.recipe import Recipe
from segearth.data.claim import claim_folder
from segearth.data.manifest import Record
from segearth.data.prompting import Prompter
from segearth.errors import DataError, RecipeError, UsageError
from segearth.evaluation.candidates import CandidateStudy, drop_earlier, staged_sheets
from segearth.evaluation.evaluate import RESULT, evaluate_model, write_evaluation
from segearth.evaluation.query_study import QueryRun, from_values, record_sums, to_values
from segearth.evaluation.running import AnswerProtocol, Group, require_images
from segearth.files import write_text
from segearth.metrics import Metric
from segearth.model.inputs import build_prompter, build_tokenizer
from segearth.model.segmenter import Segmenter
from segearth.training.loop import Run
from segearth.training.state import NUMBERS, TENSORS

PROTOCOL: AnswerProtocol = "teacher-forced"
METRIC: Metric = "lisa"
"""As published tables are made."""
SHEETS = 24
"""Targets a run whose candidates are drawn; the figures are of all targets."""
DONE = "query_run.json"

Track = Callable[[Sequence[Group]], Iterable[Group]]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run of the grid: its place below the grid's folder, and its recipe."""

    name: str
    recipe: Recipe


def plan_grid(recipe: Recipe, queries: Sequence[int], seeds: int) -> list[Cell]:
    """Lay out the runs; every k once before any seed comes a second time.

    Args:
        recipe: Of all runs; its k does not matter, its seed is the first one.
        queries: Values of k.
        seeds: How many seeds a k.

    Raises:
        RecipeError: There is nothing to evaluate on, or different k would not start alike.
    """
    if not recipe.data.validation:
        raise RecipeError(
            "there are no records to compare the runs on",
            where="data.validation",
            hint="--set data.validation=aerial/val.jsonl",
        )
    if recipe.train.init_from and recipe.train.seg_tokens != "new":
        raise RecipeError(
            "the k of train.init_from would start with tokens that are trained, all others not",
            where="train.seg_tokens",
            hint="--set train.seg_tokens=new starts all of them alike",
        )
    return [
        Cell(
            name=f"k{k:03}-seed{seed}",
            recipe=replace(recipe, seed=seed, model=replace(recipe.model, queries_per_target=k)),
        )
        for seed in range(recipe.seed, recipe.seed + seeds)
        for k in queries
    ]


def require_room(recipe: Recipe, queries: Sequence[int]) -> None:
    """Refuse a k of which the language model cannot read one target's tokens.

    Raises:
        UsageError: Names the k and the limit.
        CheckpointError: There is no tokenizer.
    """
    prompter = _prompter(recipe, max(queries))
    if not prompter.fits("find it", "<p>target </p>[SEG]"):
        raise UsageError(
            f"with {max(queries)} queries a target, picture, words and answer are longer than "
            f"the {prompter.most_positions} tokens that the language model can read",
            where="--queries",
            hint="ask for fewer, or train a model with fewer image tokens",
        )


def _prompter(recipe: Recipe, k: int) -> Prompter:
    model = recipe.model.with_queries(k)
    return build_prompter(model, build_tokenizer(model))


def choose_records(
    recipe: Recipe, records: Sequence[Record], queries: Sequence[int]
) -> list[Record]:
    """Leave out the records with more targets than any run has learnt to answer, or longer ones.

    Args:
        recipe: Of all runs.
        records: To be compared on.
        queries: Values of k; a record stays if it fits the largest.

    Raises:
        DataError: None is left, or an image cannot be opened.
        CheckpointError: There is no tokenizer.
    """
    most = recipe.data.most_targets or math.inf
    prompter = _prompter(recipe, max(queries))
    kept = [
        record
        for record in records
        if len(record.masks) <= most and prompter.fits(record.instruction, record.answer)
    ]
    require_images(kept)
    if not kept:
        raise DataError(
            f"of {len(records)} records none can be answered",
            where=recipe.data.validation,
            hint="fill data.validation, or raise data.most_targets",
        )
    return kept


def require_same(cells: Sequence[Cell], out: Path, *, resume: bool) -> None:
    """Refuse a folder that holds runs of another recipe, or any without `resume`.

    Raises:
        UsageError: Runs would be overwritten or mixed up.
    """
    for cell in cells:
        kept = out / cell.name / "recipe.yaml"
        if not kept.exists():
            continue
        if not resume:
            raise UsageError(
                f"{out} holds runs already, such as {cell.name}",
                where="--out",
                hint="--resume goes on with them; another --out starts afresh",
            )
        if kept.read_text(encoding="utf-8") != dump_yaml(cell.recipe):
            raise UsageError(
                f"{cell.name} was begun with another recipe",
                where=str(kept),
                hint="compare it with yours, or start afresh in another --out",
            )


def run_cell(
    cell: Cell,
    out: Path,
    records: Sequence[Record],
    manifest_sha256: str,
    *,
    about: Mapping[str, object],
    on_step: Callable[[int, Mapping[str, Any]], None],
    track: Track,
) -> QueryRun:
    """Train and evaluate one run, or what is left of it.

    Args:
        cell: The run.
        out: The grid's folder.
        records: What is answered.
        manifest_sha256: Of their manifest.
        about: Where the result comes from, for the report.
        on_step: Called with the step and its figures.
        track: Wraps the images that are gone through, to show progress.

    Raises:
        DataError: A file cannot be read or written, or the manifest is not that of earlier runs.
        CheckpointError: Starting weights do not fit.
    """
    folder = out / cell.name
    earlier = read_done(folder)
    if earlier is not None:
        if earlier.manifest_sha256 != manifest_sha256:
            raise DataError(
                f"{cell.name} answered other records: data.validation has changed since",
                where=str(folder / DONE),
                hint="bring the manifest back, or start afresh in another --out",
            )
        return earlier
    _train(cell.recipe, folder, on_step)
    run = _evaluate(cell.recipe, folder, records, manifest_sha256, about, track)
    write_text(folder / DONE, json.dumps(to_values(run), ensure_ascii=False) + "\n")
    # Three times the size of the weights, and nothing goes on from a run that is done.
    for name in (NUMBERS, TENSORS):
        (folder / "last" / name).unlink(missing_ok=True)
    return run


def read_done(folder: Path) -> QueryRun | None:
    """Read the outcome of a run that is done; None if it is not.

    Raises:
        DataError: The file is damaged.
    """
    try:
        return from_values(json.loads((folder / DONE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{DONE} cannot be read: {error}",
            where=str(folder),
            hint="delete its folder: that run is made anew",
        ) from error


def _train(recipe: Recipe, folder: Path, on_step: Callable[[int, Mapping[str, Any]], None]) -> None:
    """Make the steps that are left."""
    begun = (folder / "last" / NUMBERS).exists()
    if not begun:  # killed before its first checkpoint: nothing to go on from
        (folder / "log.jsonl").unlink(missing_ok=True)
    run = Run(recipe, folder, resume=begun)
    if run.step < recipe.train.steps:
        run.train(on_step)


def _evaluate(
    recipe: Recipe,
    folder: Path,
    records: Sequence[Record],
    manifest_sha256: str,
    about: Mapping[str, object],
    track: Track,
) -> QueryRun:
    """Answer the records with the last weights, and write what `segearth eval` writes."""
    out, k = folder / "evaluation", recipe.model.queries_per_target
    segmenter = Segmenter.load(folder / "last")
    with ExitStack() as stack:
        study = None
        if k > 1:
            sheets = stack.enter_context(staged_sheets(out))
            study = CandidateStudy(metric=METRIC, folder=sheets, most=SHEETS)
        outcome = evaluate_model(
            segmenter,
            records,
            protocol=PROTOCOL,
            metric=METRIC,
            manifest_sha256=manifest_sha256,
            study=study,
            track=track,
        )
        claim_folder(out, RESULT, overwrite=True)
        drop_earlier(out)
        if study is not None:
            study.finish(out)
        write_evaluation(out, outcome, about)
    return QueryRun(
        k=k,
        seed=recipe.seed,
        steps=recipe.train.steps,
        images=recipe.train.batch_size * recipe.train.accumulate,
        train_s=_seconds(folder / "log.jsonl"),
        record_s=outcome.result["seconds_per_record"] or 0.0,
        manifest_sha256=manifest_sha256,
        records=record_sums(outcome, study),
    )


def _seconds(log: Path) -> float:
    """Add up the seconds of all steps; a line holds the mean of those since the line before."""
    total, before = 0.0, 0
    for line in log.read_text(encoding="utf-8").splitlines():
        figures = json.loads(line)
        if "seconds" in figures:
            total += figures["seconds"] * (figures["step"] - before)
            before = figures["step"]
    return total
