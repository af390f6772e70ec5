"""Records as they are published: boxes from masks, facets that follow from the text, no gaps.

Boxes come from the masks as in the paper (Sec. 3.1, stage 4): the smallest upright rectangle,
``[x0, y0, x1, y1]`` in pixels, first column and row and one past the last.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from segearth.data.check import LONG_FROM_WORDS
from segearth.data.manifest import FACETS, Record
from segearth.data.rle import Rle, decode_mask
from segearth.errors import DataError

_CARRIED = ("granularity", "reasoning")


def box_px(mask: Rle) -> list[int] | None:
    """Return the box of a mask, or None if it has no pixel.

    Raises:
        DataError: The mask is damaged.
    """
    pixels = decode_mask(mask)
    columns, rows = np.flatnonzero(pixels.any(axis=0)), np.flatnonzero(pixels.any(axis=1))
    if not len(columns):
        return None
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def published(record: Record, image: Path, split: str, sha256: str, licence: str) -> Record:
    """Complete a record.

    Args:
        record: With `granularity` and `reasoning`, which nobody can compute.
        image: Where the image will be, relative to the dataset.
        split: train, val or test.
        sha256: Of the image's file.
        licence: For records that do not say one.

    Returns:
        The record with boxes (``boxes_px``), the image's hash, and `length` and `multiplicity`
        as the text and the masks have them.

    Raises:
        DataError: Something is missing or broken; the problem says what.
    """
    boxes = [box_px(mask) for mask in record.masks]
    if None in boxes:
        raise DataError("a mask has no pixel")
    for name in _CARRIED:
        if record.facets.get(name) not in FACETS[name]:
            raise DataError(f'the facet "{name}" is not one of {", ".join(FACETS[name])}')
    if not (record.licence or licence):
        raise DataError("there is no licence; --licence gives one to records without")
    words = len(record.instruction.split())
    multiplicity = ("none", "single")[len(boxes)] if len(boxes) < 2 else "multiple"
    return replace(
        record,
        image=image,
        split=split,
        licence=record.licence or licence,
        facets={
            "granularity": record.facets["granularity"],
            "multiplicity": multiplicity,
            "reasoning": record.facets["reasoning"],
            "length": "long" if words >= LONG_FROM_WORDS else "short",
        },
        extra={**record.extra, "boxes_px": boxes, "image_sha256": sha256},
    )
