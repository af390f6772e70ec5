"""SAMRS: masks that SAM drew inside the boxes of detection data sets (Wang et al., 2023).

An image has ``ins/<name>.pkl``, a list of instances with ``mask`` (run lengths), ``bbox``
([x0, y0, x1, y1], or the four corners of a turned one) and ``category``; and
``gray/<name>.png`` with a class a pixel and 255 for none. A record asks for every object of a
category, with one mask for all of them. The boxes go along, because the number of boxes and of
mask pieces is what LaSeRS filters by (paper, Sec. 3.1, stage 2). From `gray` alone come the same
records without boxes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from segearth.data.rle import encode_mask
from segearth.errors import DataError, UsageError
from segearth.published.catalogue import SAMRS
from segearth.published.coco import NOT_EVERY
from segearth.published.coco_masks import read_segmentation
from segearth.published.examples import (
    BY_TEMPLATE,
    Example,
    Mask,
    Read,
    answer_with,
    category_words,
)
from segearth.published.files import IMAGES, by_stem, find_root, read_levels, read_list
from segearth.published.pickles import read_pickle
from segearth.published.report import Report

ASSUMED = {
    "granularity": "semantic: a record asks for every object of a category",
    "reasoning": "explicit: the instruction names the category",
}
Subset = Literal["sota", "sior", "fast"]
NO_CLASS = 255

# In the order of their numbers in `gray`.
_NAMES = {
    "sota": (
        "large-vehicle swimming-pool helicopter bridge plane ship soccer-ball-field "
        "basketball-court ground-track-field small-vehicle baseball-diamond tennis-court "
        "roundabout storage-tank harbor container-crane airport helipad"
    ),
    "sior": (
        "airplane airport baseballfield basketballcourt bridge chimney expressway-service-area "
        "expressway-toll-station dam golffield groundtrackfield harbor overpass ship stadium "
        "storagetank tenniscourt trainstation vehicle windmill"
    ),
    "fast": (
        "A220 A321 A330 A350 ARJ21 Baseball-Field Basketball-Court Boeing737 Boeing747 Boeing777 "
        "Boeing787 Bridge Bus C919 Cargo-Truck Dry-Cargo-Ship Dump-Truck Engineering-Ship "
        "Excavator Fishing-Boat Football-Field Intersection Liquid-Cargo-Ship Motorboat "
        "other-airplane other-ship other-vehicle Passenger-Ship Roundabout Small-Car "
        "Tennis-Court Tractor Trailer Truck-Tractor Tugboat Van Warship"
    ),
}
CLASSES = {subset: tuple(names.split()) for subset, names in _NAMES.items()}


def find_splits(source: Path, subset: Subset | None = None) -> dict[str, Read]:
    """Find images and labels and return a reader for each list of names, or for all images.

    Args:
        source: The folder of one subset, or one above it.
        subset: Which one, for the names of the classes in `gray`; not needed with `ins`.

    Raises:
        DataError: The files are not there.
        UsageError: There is only `gray`, and `subset` is not given.
    """
    root = find_root(source, SAMRS, "*segs*init*")
    folders = sorted(root.glob("*segs*init*"))
    if len(folders) > 1:
        raise DataError(
            f"there are {len(folders)} folders of labels: {', '.join(f.name for f in folders[:5])}",
            where=str(root),
            hint="move those away that are not to be read",
        )
    labels = folders[0]
    files = by_stem(labels / "ins", [".pkl"])
    if files:
        subset = None  # instances name their categories themselves
    elif subset is None:
        raise UsageError(
            f"{labels} has no files in ins, and gray does not name its classes",
            where="--subset",
            hint="pass --subset sota, sior or fast",
        )
    else:
        files = by_stem(labels / "gray", [".png"])
    images = {
        stem: path
        for folder in (root / "images", *sorted(root.glob("JPEGImages*")))
        for stem, path in by_stem(folder, IMAGES).items()
    }
    lists = {
        split: root / f"{name}.txt"
        for split, name in (("train", "train"), ("val", "valid"), ("test", "test"))
        if (root / f"{name}.txt").is_file()
    }
    if not lists:
        return {"all": _reader(sorted(files), files, images, subset)}
    return {
        split: _reader([line for _, line in read_list(path)], files, images, subset)
        for split, path in lists.items()
    }


def _reader(
    names: list[str], files: dict[str, Path], images: dict[str, Path], subset: Subset | None
) -> Read:
    def read(report: Report) -> Iterator[Example]:
        for name in names:
            report.counts.found += 1
            if name not in files or name not in images:
                what = "label" if name not in files else "image"
                report.leave_out(f"{what} missing", name, f"there is no {what} called {name}")
                continue
            try:
                if subset:
                    found = _from_gray(files[name], subset, name, report)
                else:
                    found = _from_pickle(files[name], name, report)
            except DataError as error:
                report.leave_out("label unusable", name, error.problem)
                continue
            for words, (mask, boxes) in sorted(found.items()):
                yield Example(
                    id=f"{name}-{words.replace(' ', '-')}",
                    image=images[name],
                    place=images[name].name,
                    instruction=f"Segment every {words}.",
                    answer=answer_with(words),
                    masks=[encode_mask(mask)],
                    granularity="semantic",
                    extra={**BY_TEMPLATE, "category": words, "boxes": boxes}
                    if boxes
                    else {**BY_TEMPLATE, "category": words},
                )

    return read


Found = dict[str, tuple[Mask, list[list[float]]]]
"""Words for a category to the union of its masks and its boxes."""


def _from_pickle(path: Path, name: str, report: Report) -> Found:
    """Read a list of instances; the report learns of boxes that are none."""
    rows = read_pickle(path)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path.name} is no list of instances")
    if not rows:
        _note_empty(path, name, report)
    found: Found = {}
    gaps: set[str] = set()
    for row in rows:
        category = row.get("category")
        if not isinstance(category, str) or not category.strip():
            raise DataError(f"{path.name} has an instance without the name of a category")
        words = category_words(category)
        mask = read_segmentation(row.get("mask"), 1, 1)
        union, boxes = found.get(words, (np.zeros_like(mask), []))
        if union.shape != mask.shape:
            raise DataError(f"{path.name} has masks of different sizes")
        if not mask.any():
            gaps.add(words)
        box = _box(row.get("bbox"))
        if box is None:
            report.note("box unusable", name, f"a {words} has the box {row.get('bbox')!r}")
        found[words] = (union | mask, [*boxes, box] if box else boxes)
    for words in sorted(gaps):
        report.leave_out("not every object", f"{name} {words}", NOT_EVERY)
    return {words: held for words, held in found.items() if words not in gaps}


def _from_gray(path: Path, subset: Subset, name: str, report: Report) -> Found:
    """Read a picture of classes."""
    levels = read_levels(path)
    names = CLASSES[subset]
    present = [int(level) for level in np.unique(levels) if level != NO_CLASS]
    if not present:
        _note_empty(path, name, report)
    if present and present[-1] >= len(names):
        raise DataError(f"{path.name} has class {present[-1]}, {subset} ends at {len(names) - 1}")
    return {category_words(names[level]): (levels == level, []) for level in present}


def _note_empty(path: Path, name: str, report: Report) -> None:
    report.note("image without objects", name, f"{path.name} holds none")


def _box(value: Any) -> list[float] | None:
    """Return [x0, y0, x1, y1] rounded to a hundredth of a pixel, or None if there is none.

    Args:
        value: Those four, or the four corners of a turned box, whose upright box is returned.
    """
    try:
        sides = np.ravel(value) if isinstance(value, list) else np.array([])
    except ValueError:  # lists of different lengths
        return None
    if len(sides) not in (4, 8) or sides.dtype.kind not in "iuf" or not np.isfinite(sides).all():
        return None
    corners = sides.reshape(-1, 2)
    low, high = corners.min(axis=0), corners.max(axis=0)
    return [round(float(side), 2) for side in (*low, *high)]
