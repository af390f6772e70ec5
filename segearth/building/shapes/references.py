"""Measure a reference set: the masks whose shapes are taken as good (Sec. 7.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from segearth.building.masks.file import find_problem
from segearth.building.shapes.measures import measure_shape
from segearth.data.answers import find_phrases
from segearth.data.json_lines import Fault, read_lines
from segearth.data.manifest import find_faults
from segearth.data.rle import Rle, decode_crop
from segearth.data.vocabulary import KINDS, singular
from segearth.errors import DataError


def measure_references(path: Path) -> Iterator[tuple[str | None, dict[str, float]]]:
    """Measure every mask of a manifest or of a file of masks.

    In a manifest the category is the record's `category`, where it has one target and that key;
    else the phrase before a ``[SEG]``, if the vocabulary knows it ("airplanes" is "airplane");
    "the airplane on the left" is a mask without category.

    Args:
        path: A manifest, or a `masks.jsonl` such as the `kept.jsonl` of a review.

    Yields:
        Category or None, and the figures of the largest component; empty masks are left out,
        and so are repeated ones of an image.

    Raises:
        DataError: A line is neither, or a mask is damaged.
    """
    folder = path.parent.resolve()
    seen: set[tuple[str, str]] = set()
    for number, row in read_lines(path):
        where = f"{path}, line {number}"
        for category, rle in _masks_of(row, folder, where):
            assert isinstance(row, dict)
            key = (row["image"], rle["counts"])
            if key in seen:  # several questions of a manifest may have the same target
                continue
            seen.add(key)
            try:
                crop, _, _ = decode_crop(rle)
            except DataError as error:
                raise DataError(error.problem, where=where) from error
            figures = measure_shape(crop).figures
            if figures:
                yield category, figures


def _masks_of(row: object, folder: Path, where: str) -> Sequence[tuple[str | None, Rle]]:
    """Return category and mask of all targets of a line."""
    if isinstance(row, Fault):
        raise DataError(row.message, where=where)
    if isinstance(row, dict) and "answer" in row:
        fault = next(find_faults(row, folder), None)
        if fault is not None:
            raise DataError(fault.message, where=where, hint="list all: segearth data check")
        own = row.get("category")
        if isinstance(own, str) and len(row["masks"]) == 1:
            return [(own, row["masks"][0])]
        names = [singular(phrase) for phrase in find_phrases(row["answer"])]
        known = [name if name in KINDS else None for name in names]
        return list(zip(known, row["masks"], strict=True))
    problem = find_problem(row, folder)
    if problem is not None:
        raise DataError(
            problem, where=where, hint="give a manifest, or the masks.jsonl of segearth data masks"
        )
    assert isinstance(row, dict)
    return [(mask["category"], mask["mask"]) for mask in row["masks"]]
