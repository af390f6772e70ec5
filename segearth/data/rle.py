"""Masks as run lengths in COCO's compressed text form, which every toolbox reads.

Runs go down the columns and start with background. Encoding is pycocotools'; decoding is
our own, because pycocotools 2.0.11 takes counts that stop early and returns whatever was
in memory for the rest: a manifest is input from outside and must not do that.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from segearth.errors import DataError


class Rle(TypedDict):
    """A mask: `size` is [height, width], `counts` the compressed runs."""

    size: list[int]
    counts: str


def is_rle(value: object) -> bool:
    """Tell whether a JSON value has the form of a mask (its counts are not read)."""
    if not isinstance(value, dict) or not isinstance(value.get("counts"), str):
        return False
    size = value.get("size")
    return (
        isinstance(size, list)
        and len(size) == 2
        and all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in size)
    )


def encode_mask(mask: NDArray[np.bool_]) -> Rle:
    """Encode a mask.

    Args:
        mask: (H, W), true on the target.

    Returns:
        The run lengths, as text that goes into JSON.
    """
    from pycocotools import mask as coco

    encoded = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in mask.shape], "counts": encoded["counts"].decode()}


def decode_mask(rle: Rle) -> NDArray[np.bool_]:
    """Decode a mask.

    Args:
        rle: The run lengths.

    Returns:
        (H, W) bool.

    Raises:
        DataError: The counts are damaged or do not add up to the size.
    """
    runs = _runs(rle)
    height, width = rle["size"]
    values = np.arange(len(runs)) % 2 == 1
    columns: NDArray[np.bool_] = np.repeat(values, runs).reshape(width, height)
    return np.ascontiguousarray(columns.T)


def decode_crop(rle: Rle) -> tuple[NDArray[np.bool_], int, int]:
    """Decode the part of a mask that its upright bounding box holds.

    For a target that is small in its picture this takes a fraction of `decode_mask`.

    Args:
        rle: The run lengths.

    Returns:
        The crop, (h, w) bool, and the row and column of its first pixel; (0, 0) bool, 0 and
        0 for an empty mask.

    Raises:
        DataError: As for `decode_mask`.
    """
    runs = _runs(rle)
    height = rle["size"][0]
    ends = np.cumsum(runs)
    filled = np.flatnonzero(runs[1::2]) * 2 + 1
    if not len(filled):
        return np.zeros((0, 0), bool), 0, 0
    first = int(ends[filled[0] - 1]) // height
    last = (int(ends[filled[-1]]) - 1) // height
    # The runs up to the first filled one and from the last one on are cut to whole columns.
    inside = runs[: filled[-1] + 1].copy()
    inside[: filled[0]] = 0
    inside[0] = ends[filled[0] - 1] - first * height
    rest = (last + 1) * height - int(ends[filled[-1]])
    values = np.arange(len(inside) + 1) % 2 == 1
    values[-1] = False
    columns = np.repeat(values, np.append(inside, rest)).reshape(-1, height)
    rows = np.flatnonzero(columns.any(axis=0))
    crop = np.ascontiguousarray(columns[:, rows[0] : rows[-1] + 1].T)
    return crop, int(rows[0]), first


def mask_area_px(rle: Rle) -> int:
    """Count a mask's pixels without decoding it.

    Raises:
        DataError: As for `decode_mask`.
    """
    return int(_runs(rle)[1::2].sum())


def _runs(rle: Rle) -> NDArray[np.int64]:
    """Return the lengths of the runs, background first.

    COCO writes each length in groups of five bits, lowest first, as characters from "0" on;
    the sixth bit says that more follow, and the fifth of the last group is the sign. From
    the fourth length on, the number is the difference to the length two before.
    """
    height, width = rle["size"]
    codes = np.frombuffer(rle["counts"].encode("utf-8"), np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero(codes & 32 == 0)
    damaged = DataError(
        f"a mask's counts are damaged (size {height} x {width}, {len(codes)} characters)"
    )
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise damaged
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 10:  # more bits than a picture has pixels: the shift would overflow
        raise damaged
    shifts = 5 * (np.arange(len(codes)) - np.repeat(starts, lengths))
    numbers = np.add.reduceat((codes & 31) << shifts, starts)
    numbers -= np.where(codes[ends] & 16, np.int64(1) << (5 * lengths), 0)
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    if numbers.min() < 0 or int(numbers.sum()) != height * width:
        raise damaged
    return numbers
