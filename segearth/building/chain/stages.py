"""The stages of a recipe: what each reads, what it depends on, and where its result is.

OUT/masks/       see `segearth.building.masks.stage`
OUT/filter/      see `segearth.building.shapes.filter`; profile.yaml if one is learnt
OUT/questions/   see `segearth.building.questions.run`
OUT/dataset/     see `segearth.building.export.stage`
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal, TypeVar, cast

from segearth.building.chain.recipe import BuildRecipe
from segearth.building.chain.state import Figures, Stage
from segearth.building.export import stage as export
from segearth.building.masks import run as masks_run
from segearth.building.masks.journal import RESULT as MASKS
from segearth.building.masks.stage import name_images
from segearth.building.questions import run as questions_run
from segearth.building.questions.models import Track
from segearth.building.shapes.filter import KEPT, REJECTED, SHEET, filter_masks
from segearth.building.shapes.options import FilterOptions
from segearth.building.shapes.profile import Profile, learn_profile, read_profile, write_profile
from segearth.building.shapes.references import measure_references
from segearth.building.stamps import stamp, stamp_images
from segearth.data.claim import claim_folder
from segearth.data.json_lines import read_lines
from segearth.errors import DataError
from segearth.geo.listing import several_images

PROFILE = "profile.yaml"
T = TypeVar("T")


def is_judged(path: Path) -> bool:
    """Tell whether a file of masks is for the questions already, and not for the filter.

    Args:
        path: A masks.jsonl, a kept.jsonl (its masks carry the filter's reasons) or a
            targets.jsonl.

    Raises:
        DataError: It cannot be read.
    """
    rows = [row for _, row in read_lines(path) if isinstance(row, dict)]
    if any("targets" in row for row in rows):
        return True
    lists = (row["masks"] for row in rows if isinstance(row.get("masks"), list))
    masks = (mask for own in lists for mask in own if isinstance(mask, dict))
    first = next(masks, None)  # a file without masks is for whoever says so: the filter
    return first is not None and "reasons" in first


def masks_stage(recipe: BuildRecipe, out: Path, track: Track) -> Stage:
    """Make stage 1: images in, candidate masks out.

    Raises:
        DataError: There are no images.
    """
    folder, options = out / "masks", recipe.masks
    listed = [Path(name) for name in several_images(recipe.start) or [recipe.start]]
    own = out.resolve()  # a pattern such as photos/**/*.png finds what was built below it, too
    images = name_images([path for path in listed if own not in path.resolve().parents])

    def run() -> tuple[Figures, int]:
        collected = masks_run.run(
            images, folder, options, overwrite=True, track=_telling(track, "masks")
        )
        if not collected.masks:
            reason = f"; {collected.failures[0][1].problem}" if collected.failures else ""
            raise DataError(f"no mask came out of {len(images)} images{reason}", where=recipe.start)
        figures = {
            "images": collected.images,
            "masks": collected.masks,
            "named": collected.named,
            "without_boxes": len(collected.without_boxes),
        }
        return figures, len(collected.failures)

    places = [Path(place) for place in (options.sam, options.boxes) if place]
    facts = {
        "images": stamp_images(images),
        "places": {str(place): stamp(place) for place in places},
    }
    return Stage(
        name="masks",
        listing=None,
        settings={**asdict(options), "facts": facts, "device": ""},
        result=folder / MASKS,
        writes=(MASKS,),
        run=run,
    )


def filter_stage(recipe: BuildRecipe, source: Path, out: Path, track: Track) -> Stage:
    """Make stage 2: candidate masks in, those with a possible shape out."""
    folder, options = out / "filter", recipe.filter

    def run() -> tuple[Figures, int]:
        profile = _profile(options, folder, track)
        claim_folder(folder, KEPT, overwrite=True)
        outcome = filter_masks(source, folder, profile, track=_telling(track, "filtering"))
        if not outcome.kept:
            raise DataError(
                f"none of {outcome.rejected} masks has an accepted shape",
                where=str(folder / "rejected.jsonl"),
                hint="look at sheet.png beside it, and widen the profile",
            )
        figures = {
            "masks": outcome.kept + outcome.rejected,
            "kept": outcome.kept,
            "named": outcome.named,
            "unjudged": outcome.unjudged.total(),
            "reasons": dict(outcome.reasons.most_common()),
        }
        return figures, 0

    return Stage(
        name="filter",
        listing=source,
        reads=tuple(Path(path) for path in (options.profile, options.reference) if path),
        settings=asdict(options),
        result=folder / KEPT,
        writes=(KEPT, REJECTED, SHEET, PROFILE),
        run=run,
    )


def questions_stage(recipe: BuildRecipe, source: Path, out: Path, track: Track) -> Stage:
    """Make stage 3: masks in, questions and answers out."""
    folder, options = out / "questions", recipe.questions

    def run() -> tuple[Figures, int]:
        summary = questions_run.run(source, folder, options, overwrite=True, track=track)
        names = ("questions", "images", "targets", "unnamed", "cached", "calls", "usd")
        figures = {name: getattr(summary, name) for name in names}
        return figures | {"images_without": len(summary.without)}, len(summary.failures)

    return Stage(
        name="questions",
        listing=source,
        reads=(Path(options.categories),) if options.categories else (),
        settings=asdict(options),
        result=folder / questions_run.RESULT,
        # What was replied and paid is no result: it is there for the next run.
        writes=(questions_run.RESULT, "questions.json", "failures.jsonl"),
        run=run,
        again=options.provider != "templates",
    )


def export_stage(
    recipe: BuildRecipe, out: Path, decisions: Path | None, undecided: Literal["drop", "keep"]
) -> Stage:
    """Make stage 5: questions and decisions in, a dataset out."""
    source, folder = out / "questions" / questions_run.RESULT, out / "dataset"
    options = replace(recipe.export, undecided=undecided)

    def run() -> tuple[Figures, int]:
        summary = export.run(source, folder, options, decisions=decisions, overwrite=True)
        figures: Figures = {"splits": summary.splits, "left_out": len(summary.left_out)}
        return figures, len(summary.faults())

    return Stage(
        name="export",
        listing=source,
        reads=(decisions,) if decisions else (),
        settings=asdict(options),
        result=folder / export.STATE,
        writes=export.FILES,
        run=run,
    )


def _profile(options: FilterOptions, folder: Path, track: Track) -> Profile | None:
    """Read the profile, or learn and keep it; None without either."""
    if options.profile:
        return read_profile(Path(options.profile))
    if not options.reference:
        return None
    by_quantile = options.quantile >= 0
    measured = measure_references(Path(options.reference))
    profile = learn_profile(
        cast("Iterable[tuple[str | None, dict[str, float]]]", track(measured, "measuring", 0)),
        deviations=None if by_quantile else options.deviations,
        quantile=options.quantile if by_quantile else None,
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_profile(folder / PROFILE, profile)
    return profile


def _telling(track: Track, word: str) -> Callable[[Iterable[T]], Iterable[T]]:
    """Turn a tracker of anything into one of the things that a stage goes through."""

    def tell(items: Iterable[T]) -> Iterable[T]:
        total = len(items) if isinstance(items, Sequence) else 0
        return cast("Iterable[T]", track(items, word, total))

    return tell
