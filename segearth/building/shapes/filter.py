"""Decide which masks stay: as many components as boxes, then a shape within bounds (Sec. 7.3).

Every mask goes to one of two files, with its figures; a rejected one with all its reasons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from segearth.building.masks.file import ImageRow, MaskRow, as_line, read_masks
from segearth.building.masks.naming import noun_of, without_gaps
from segearth.building.shapes.measures import measure_shape
from segearth.building.shapes.profile import Profile
from segearth.building.shapes.sheet import Sample, draw_sheet
from segearth.data.images import bring_image
from segearth.data.rle import decode_crop
from segearth.errors import DataError
from segearth.files import atomic_path

KEPT, REJECTED, SHEET = "kept.jsonl", "rejected.jsonl", "sheet.png"


@dataclass
class Outcome:
    """What a filter did."""

    images: int = 0
    kept: int = 0
    rejected: int = 0
    named: int = 0
    """Kept masks with a category."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Rejected masks by check; a mask may fail several."""
    unjudged: Counter[str] = field(default_factory=Counter)
    """Kept masks by category that the profile does not know: only components were counted."""


def judge(mask: MaskRow, profile: Profile | None) -> MaskRow:
    """Measure a mask and say whether it stays.

    Args:
        mask: As read.
        profile: Accepted shapes, or None to count components only.

    Returns:
        The mask with `components`, `figures`, `judged_by` (the profile's category, "any" or
        null) and `reasons`: empty if it stays, else one ``{"check", "value", "range"}`` for
        each failure. Shapes are only compared if the components are right, as in the paper.

    Raises:
        DataError: The run lengths are damaged.
    """
    crop, _, _ = decode_crop(mask["mask"])
    shape = measure_shape(crop)
    reasons: list[dict[str, object]] = []
    boxes = len(mask["boxes"])
    chosen = None
    if not shape.components:
        reasons.append({"check": "empty", "value": 0, "range": [1, None]})
    elif boxes and shape.components != boxes:
        value = shape.components
        reasons.append({"check": "components", "value": value, "range": [boxes, boxes]})
    elif profile is not None:
        chosen = profile.ranges_for(mask["category"])
        for figure, (low, high) in (chosen[1] if chosen else {}).items():
            value_ = round(shape.figures[figure], 6)
            if not low <= value_ <= high:
                reasons.append({"check": figure, "value": value_, "range": [low, high]})
    return {
        **mask,
        "components": shape.components,
        "figures": {name: round(value, 6) for name, value in shape.figures.items()},
        "judged_by": chosen[0] if chosen else None,
        "reasons": reasons,
    }


def filter_masks(
    source: Path,
    out: Path,
    profile: Profile | None,
    *,
    track: Callable[[Iterable[ImageRow]], Iterable[ImageRow]] = iter,
) -> Outcome:
    """Filter a file of masks.

    Args:
        source: A `masks.jsonl`.
        out: An existing folder for `kept.jsonl`, `rejected.jsonl` and `sheet.png`. The images
            are linked or copied below it, so that its files can stand alone.
        profile: Accepted shapes, or None.
        track: Wraps the lines that are gone through, to show progress.

    Returns:
        The counts.

    Raises:
        DataError: The file, a mask or an image is unusable, or there is no mask; nothing is
            written then, but for links to images.
    """
    outcome = Outcome()
    samples = {True: Sample(), False: Sample()}
    with (
        atomic_path(out / REJECTED) as rejected_path,
        atomic_path(out / KEPT) as kept_path,
        rejected_path.open("w", encoding="utf-8", newline="\n") as rejected,
        kept_path.open("w", encoding="utf-8", newline="\n") as kept,
    ):
        for row in track(read_masks(source)):
            outcome.images += 1
            judged = _judge_all(row, profile, source)
            for stays, file in ((True, kept), (False, rejected)):
                masks = [mask for mask in judged if (not mask["reasons"]) == stays]
                if masks:
                    file.write(as_line(_with(row, masks, judged)))
                for mask in masks:
                    samples[stays].offer((row["image"], mask))
            _count(outcome, judged, profile)
            _bring_image(row["image"], source.parent, out)
        if not outcome.kept + outcome.rejected:
            raise DataError(
                f"{source.name} holds no mask", where=str(source), hint="see segearth data masks"
            )
        # Before the two files are in their place, which is what tells a finished folder.
        draw_sheet(out / SHEET, source.parent, samples[True].items, samples[False].items)
    return outcome


def _with(row: ImageRow, masks: list[MaskRow], judged: list[MaskRow]) -> ImageRow:
    """Return an image's line with some of its masks.

    A kind of which a mask was rejected is no longer complete: a question that counts on all of
    its instances would be wrong.
    """
    line: ImageRow = {**row, "masks": masks}
    if "complete" in row:
        lost = {
            noun_of(mask["category"]) for mask in judged if mask["category"] and mask["reasons"]
        }
        line["complete"] = without_gaps(map(noun_of, row["complete"]), lost)
    return line


def _judge_all(row: ImageRow, profile: Profile | None, source: Path) -> list[MaskRow]:
    judged = []
    for mask in row["masks"]:
        try:
            judged.append(judge(mask, profile))
        except DataError as error:
            raise DataError(error.problem, where=f'mask "{mask["id"]}" of {source}') from error
    return judged


def _count(outcome: Outcome, judged: list[MaskRow], profile: Profile | None) -> None:
    for mask in judged:
        if mask["reasons"]:
            outcome.rejected += 1
            outcome.reasons.update(str(reason["check"]) for reason in mask["reasons"])
            continue
        outcome.kept += 1
        outcome.named += mask["category"] is not None
        if profile is not None and mask["judged_by"] is None:
            outcome.unjudged[str(mask["category"])] += 1


def _bring_image(image: str, source: Path, out: Path) -> None:
    """Link or copy an image to its place below `out`."""
    original = source / image
    if not original.is_file():
        raise DataError(f"{image} is missing", where=str(source))
    bring_image(original, out / image)
