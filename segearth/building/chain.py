"""The whole chain: every stage in turn, each only if something changed since it last ran.

    OUT/questions/    see `segearth.building.questions.run`
    OUT/review/       decisions.jsonl, if reviewers work here
    OUT/dataset/      see `segearth.building.export.stage`
    OUT/recipe.yaml   what was asked for
    OUT/build.json    which stage ran on what

A stage has run if its settings, the files it reads (the images too, by size and time) and its
result are as they were. A run that was cut off, by kill -9 even, goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segearth.building.chain_recipe import BuildRecipe
from segearth.building.export import stage as export
from segearth.building.questions import run as questions_run
from segearth.building.questions.models import Track
from segearth.config.load import dump_yaml
from segearth.data.manifest import read_lines
from segearth.errors import DataError, SegEarthError
from segearth.files import locked_folder, sha256_of, write_text

_STATE = "build.json"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A step from files to files."""

    name: str
    reads: tuple[Path, ...]
    """Its inputs; the first lists the images."""
    settings: Mapping[str, Any]
    """What its result depends on besides."""
    result: Path
    """Written last."""
    run: Callable[[], tuple[dict[str, Any], int]]
    """Does it; returns figures, and how much failed."""


@dataclass(frozen=True, kw_only=True)
class StageReport:
    """What became of a stage."""

    stage: str
    state: str
    """done, up to date, partly failed, or waiting (for reviewers)."""
    failures: int
    figures: dict[str, Any]


def build(
    recipe: BuildRecipe, out: Path, *, track: Track = questions_run.silent
) -> list[StageReport]:
    """Run the chain as far as it goes.

    Args:
        recipe: Where to start, and all settings.
        out: The folder of the whole; made if it does not exist.
        track: Shows progress.

    Returns:
        One report a stage that was reached.

    Raises:
        UsageError: Another process builds here, or a package or key is missing.
        DataError: An input cannot be used, or nothing is left for the next stage.
    """
    start = Path(recipe.start)
    if not start.is_file():
        raise DataError(
            f"{start} is not there", where="start", hint="the stages before have to write it first"
        )
    with locked_folder(out):
        write_text(out / "recipe.yaml", dump_yaml(recipe))
        reports = [_once(out, _questions(recipe, start, out, track))]
        decisions = Path(recipe.review.decisions or out / "review" / "decisions.jsonl")
        if decisions.is_file():
            reports.append(_once(out, _export(recipe, out, decisions)))
        elif recipe.review.required:
            figures = {"decisions": str(decisions)}
            reports.append(
                StageReport(stage="review", state="waiting", failures=0, figures=figures)
            )
        else:
            reports.append(_once(out, _export(recipe, out, None)))
    return reports


def _questions(recipe: BuildRecipe, start: Path, out: Path, track: Track) -> Stage:
    folder = out / "questions"

    def run() -> tuple[dict[str, Any], int]:
        summary = questions_run.run(start, folder, recipe.questions, overwrite=True, track=track)
        figures = {
            name: getattr(summary, name)
            for name in ("questions", "images", "targets", "cached", "calls", "usd")
        }
        return figures, len(summary.failures)

    more = (Path(recipe.questions.categories),) if recipe.questions.categories else ()
    return Stage(
        name="questions",
        reads=(start, *more),
        settings=asdict(recipe.questions),
        result=folder / questions_run.RESULT,
        run=run,
    )


def _export(recipe: BuildRecipe, out: Path, decisions: Path | None) -> Stage:
    source, folder = out / "questions" / questions_run.RESULT, out / "dataset"

    def run() -> tuple[dict[str, Any], int]:
        summary = export.run(source, folder, recipe.export, decisions=decisions, overwrite=True)
        figures: dict[str, Any] = {"splits": summary.splits, "left_out": len(summary.left_out)}
        return figures, len(summary.faults())

    return Stage(
        name="export",
        reads=(source, *([decisions] if decisions else [])),
        settings=asdict(recipe.export),
        result=folder / export.STATE,
        run=run,
    )


def _once(out: Path, stage: Stage) -> StageReport:
    """Run a stage unless it has run on the same, without failures."""
    before = _fingerprint(stage)
    states = _read_states(out / _STATE)
    earlier = states.get(stage.name)
    if (
        earlier
        and earlier["inputs"] == before
        and stage.result.is_file()
        and earlier["result"] == sha256_of(stage.result)
        and not earlier["failures"]
    ):
        return StageReport(
            stage=stage.name, state="up to date", failures=0, figures=earlier["figures"]
        )
    try:
        figures, failures = stage.run()
    except SegEarthError as error:
        error.where = f"stage {stage.name}: {error.where or ''}".rstrip(": ")
        raise
    states[stage.name] = {
        "inputs": before,
        "result": sha256_of(stage.result),
        "failures": failures,
        "figures": figures,
    }
    write_text(out / _STATE, json.dumps(states, ensure_ascii=False, indent=2) + "\n")
    state = "partly failed" if failures else "done"
    return StageReport(stage=stage.name, state=state, failures=failures, figures=figures)


def _fingerprint(stage: Stage) -> str:
    """Digest what a stage's result depends on."""
    digest = hashlib.sha256(json.dumps(dict(stage.settings), sort_keys=True).encode())
    for path in stage.reads:
        digest.update(f"{path.resolve()} {sha256_of(path)}\n".encode())
    for line in _image_stats(stage.reads[0]):
        digest.update(line.encode())
    return digest.hexdigest()


def _image_stats(listing: Path) -> Iterator[str]:
    folder = listing.parent
    names: dict[str, None] = {}
    for _, row in read_lines(listing):
        if isinstance(row, dict) and isinstance(row.get("image"), str):
            names.setdefault(row["image"])
    for name in names:
        try:
            stat = (folder / name).stat()
        except (OSError, ValueError):
            yield f"{name} missing\n"
        else:
            yield f"{name} {stat.st_size} {stat.st_mtime_ns}\n"


def _read_states(path: Path) -> dict[str, dict[str, Any]]:
    """Read what ran; a file that is damaged counts as none, and everything runs again."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    needed = {"inputs", "result", "failures", "figures"}
    if not isinstance(value, dict):
        return {}
    return {
        name: state
        for name, state in value.items()
        if isinstance(state, dict) and needed <= state.keys()
    }


def failures_of(reports: Sequence[StageReport]) -> int:
    """Sum up what failed in all stages."""
    return sum(report.failures for report in reports)
