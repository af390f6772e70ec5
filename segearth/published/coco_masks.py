"""Masks as COCO files have them: polygons, run lengths as a list or as text, or a list of these.

pycocotools draws polygons and packs run lengths, as every other tool does with such files. It
trusts its input, so that numbers are looked at before it sees them: runs have to fill the
picture exactly, and corners may not lie far outside, where drawing takes without end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from segearth.data.rle import Rle, decode_mask
from segearth.errors import DataError
from segearth.published.examples import Mask

MAX_SIDE_PX = 1 << 15
"""Longer sides are taken for damage, not for a picture."""


def read_segmentation(segmentation: Any, height: int, width: int) -> Mask:
    """Turn a ``segmentation`` into a mask.

    Args:
        segmentation: A list of polygons ``[x0, y0, x1, y1, …]`` (their union), run lengths
            ``{"size", "counts"}``, or a list of run lengths (RRSIS-D has one in a list).
        height: Of the image as the file states it, for polygons.
        width: As `height`.

    Returns:
        (H, W) bool. Run lengths have the size that they state themselves, which may differ
        from the image's: whoever uses the mask compares.

    Raises:
        DataError: It is none of these, or its numbers are damaged.
    """
    if isinstance(segmentation, Mapping):
        return _from_runs(segmentation)
    if isinstance(segmentation, list) and segmentation:
        if all(isinstance(item, Mapping) for item in segmentation):
            masks = [_from_runs(item) for item in segmentation]
            if len({mask.shape for mask in masks}) > 1:
                raise DataError("the run lengths of a mask have different sizes")
            return np.asarray(np.logical_or.reduce(masks), bool)
        if all(isinstance(item, list) for item in segmentation):
            return _from_polygons(segmentation, height, width)
    raise DataError("a segmentation is neither polygons nor run lengths")


def read_side(value: object) -> int:
    """Check a height or width.

    Raises:
        DataError: It is no whole number of pixels in a reasonable range.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_SIDE_PX:
        return value
    raise DataError(f"{value!r} is no height or width from 1 to {MAX_SIDE_PX} pixels")


def _from_runs(runs: Mapping[str, Any]) -> Mask:
    """Decode run lengths, down the columns, background first."""
    counts = runs.get("counts")
    text = counts.decode("ascii", "replace") if isinstance(counts, bytes) else counts
    size = runs.get("size")
    if not isinstance(size, list | tuple) or len(size) != 2:
        raise DataError(f"run lengths have the size {size!r}, not [height, width]")
    height, width = (read_side(side) for side in size)
    if isinstance(text, str):
        rle: Rle = {"size": [height, width], "counts": text}
        return decode_mask(rle)
    if not isinstance(text, list):
        raise DataError("run lengths have no counts")
    if not all(type(run) is int and 0 <= run <= height * width for run in text):
        raise DataError("the counts of run lengths are no pixel counts")
    if sum(text) != height * width:
        raise DataError(f"run lengths have {sum(text)} pixels, {height} x {width} are stated")
    columns: Mask = np.repeat(np.arange(len(text)) % 2 == 1, text).reshape(width, height)
    return np.ascontiguousarray(columns.T)


def _from_polygons(polygons: list[Any], height: int, width: int) -> Mask:
    """Draw the union of polygons."""
    from pycocotools import mask as coco

    flat = []
    for polygon in polygons:
        if len(polygon) < 6 or len(polygon) % 2 or not all(map(_is_number, polygon)):
            raise DataError("a polygon is not x0, y0, x1, y1, x2, y2, …")
        corners = np.asarray(polygon, np.float64)
        side = max(height, width)
        if not np.isfinite(corners).all() or corners.min() < -side or corners.max() > 2 * side:
            raise DataError(f"a polygon leaves the image of {height} x {width} pixels far behind")
        flat.append(corners.tolist())
    drawn = coco.merge(coco.frPyObjects(flat, height, width))
    return decode_mask({"size": [height, width], "counts": drawn["counts"].decode("ascii")})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
