"""RefSegRS and RISBench: one line a phrase, one mask picture a line.

Both come with ``output_phrase_<split>.txt``, whose lines are a name, a space and a phrase.
RefSegRS names an image by number (``12 vehicle on the road``; ``images/12.tif``,
``masks/12.tif``), RISBench by file (``train_12_0.png the ship …``; ``img_rgb``, ``mask``).
RISBench's val list refers to images called ``train_…``; that is as published.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segearth.data.rle import encode_mask
from segearth.errors import DataError
from segearth.published.catalogue import REFSEGRS, RISBENCH, Benchmark
from segearth.published.examples import (
    BY_TEMPLATE,
    Example,
    Read,
    answer_with,
    file_below,
    granularity_of,
)
from segearth.published.files import find_root, read_list, read_mask
from segearth.published.report import Report

ASSUMED = {
    "granularity": "instance if the mask is one connected piece, else semantic",
    "reasoning": "explicit: the phrases name what they mean",
}


@dataclass(frozen=True)
class Layout:
    """Where a benchmark's files are called what."""

    benchmark: Benchmark
    images: tuple[str, ...]
    """Names that the folder of images may have."""
    masks: tuple[str, ...]
    suffix: str
    """Of images and masks, where the list does not say."""


REFSEGRS_LAYOUT = Layout(REFSEGRS, ("images",), ("masks",), ".tif")
RISBENCH_LAYOUT = Layout(RISBENCH, ("img_rgb", "images"), ("mask", "masks"), ".png")


def find_splits(source: Path, layout: Layout) -> dict[str, Read]:
    """Find the phrase lists and return a reader for each.

    Args:
        source: The folder of the benchmark, or one above it.
        layout: RefSegRS's or RISBench's.

    Raises:
        DataError: The files are not there.
    """
    root = find_root(source, layout.benchmark, "output_phrase_*.txt")
    images, masks = (_folder(root, names, layout) for names in (layout.images, layout.masks))
    lists = {path.stem.removeprefix("output_phrase_"): path for path in _lists(root)}
    order = [name for name in ("train", "val", "test") if name in lists]
    return {
        split: _reader(lists[split], images, masks, layout)
        for split in [*order, *sorted(lists.keys() - set(order))]
    }


def _lists(root: Path) -> list[Path]:
    return sorted(root.glob("output_phrase_*.txt"))


def _folder(root: Path, names: tuple[str, ...], layout: Layout) -> Path:
    found = next((root / name for name in names if (root / name).is_dir()), None)
    if found is None:
        raise DataError(
            f"the folder {' or '.join(names)} is missing",
            where=str(root),
            hint=f"{layout.benchmark.title} should have: {layout.benchmark.layout}",
        )
    return found


def _reader(phrases: Path, images: Path, masks: Path, layout: Layout) -> Read:
    def read(report: Report) -> Iterator[Example]:
        for number, line in read_list(phrases):
            report.counts.found += 1
            where = f"{phrases.name}, line {number}"
            name, _, phrase = line.partition(" ")
            if not phrase.strip():
                report.leave_out("no phrase", where, f"{line!r} is not a name and a phrase")
                continue
            file = name if Path(name).suffix else name + layout.suffix
            image, mask_file = (file_below(folder, file) for folder in (images, masks))
            if image is None or mask_file is None:
                report.leave_out("name leads outside", where, f"{name!r} is no file of {images}")
                continue
            try:
                mask = read_mask(mask_file, report, where)
            except DataError as error:
                report.leave_out("mask missing or unreadable", where, error.problem)
                continue
            yield Example(
                id=f"{Path(name).stem}-{number}",
                image=image,
                place=image.relative_to(images).as_posix(),
                instruction=phrase.strip(),
                answer=answer_with(phrase),
                masks=[encode_mask(mask)],
                granularity=granularity_of(mask),
                extra=BY_TEMPLATE,
            )

    return read
