"""Draw masks from the shapes that annotators write: polygons, discs, boxes, region growing.

A target is a list of shapes, applied in order to an empty mask. Coordinates are pixels of
the image, x right, y down, decimals allowed; a shape is an object with one key:

    {"poly": [[x, y], ...]}               add a polygon
    {"circle": [cx, cy, r]}               add a disc
    {"ellipse": [cx, cy, rx, ry, angle]}  add an ellipse, turned by degrees
    {"box": [cx, cy, w, h, angle]}        add a rectangle, turned by degrees
    {"minus": shape}                      take away one of the four above
    {"grabcut": {"poly": ...}}            add the GrabCut foreground inside a loose outline
    {"grow": {"seeds": [[x, y], ...], "tol": 12, "within": shape}}
                                          add what is connected to a seed and looks like it
    {"thresh": {"within": shape, "min": 0, "max": 255}}
                                          add what is inside and has a grey value in the range
    {"clean": r}                          close and open the mask so far, radius r

Outlines are drawn at four times the size; a pixel belongs to a shape if at least half of
it is covered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from segearth.errors import DataError

Shape: TypeAlias = Mapping[str, Any]
Mask: TypeAlias = NDArray[np.bool_]
Image: TypeAlias = NDArray[np.uint8]

_FINE = 4
"""Subpixels a side."""

_GROW_TOLERANCE = 12.0
"""Default distance in Lab, on OpenCV's 8-bit scale."""


def draw_shapes(image: Image, shapes: Sequence[Shape]) -> Mask:
    """Draw one target.

    Args:
        image: (H, W, 3) RGB uint8; `grabcut`, `grow` and `thresh` look at its colours.
        shapes: The shapes, in order.

    Returns:
        (H, W) bool.

    Raises:
        DataError: A shape is unknown or its numbers make no sense.
    """
    mask = np.zeros(image.shape[:2], bool)
    for shape in shapes:
        try:
            mask = _apply(image, mask, shape)
        except (ValueError, TypeError, KeyError, IndexError, OverflowError, cv2.error) as error:
            raise DataError(
                f"shape {str(shape)[:80]} cannot be drawn",
                hint="a shape has one key of poly, circle, ellipse, box, minus, grabcut, grow, "
                "thresh and clean",
            ) from error
    return mask


def _apply(image: Image, mask: Mask, shape: Shape) -> Mask:
    """Return the mask after one more shape."""
    ((key, value),) = shape.items()
    if key == "minus":
        return mask & ~_outline(value, mask.shape)
    if key == "clean":
        return _clean(mask, int(value))
    if key in _BY_COLOUR:
        return mask | _BY_COLOUR[key](image, value)
    return mask | _outline(shape, mask.shape)


def _outline(shape: Shape, size: tuple[int, ...]) -> Mask:
    """Fill a polygon, disc, ellipse or box on a grid of subpixels and thin it out."""
    height, width = size
    fine = np.zeros((height * _FINE, width * _FINE), np.uint8)
    ((key, value),) = shape.items()
    _FILL[key](fine, np.asarray(value, float))
    covered = fine.reshape(height, _FINE, width, _FINE).sum((1, 3), dtype=np.uint8)
    inside: Mask = covered * 2 >= _FINE**2
    return inside


def _fill_corners(fine: Image, corners: NDArray[np.floating]) -> None:
    """Fill a polygon given by (n, 2) corners in pixels."""
    cv2.fillPoly(fine, [_whole(corners * _FINE)], 1)


def _fill_circle(fine: Image, numbers: NDArray[np.floating]) -> None:
    """Fill a disc given by centre and radius in pixels."""
    x, y, radius = _whole(numbers * _FINE).tolist()
    cv2.circle(fine, (x, y), radius, 1, cv2.FILLED)


def _fill_ellipse(fine: Image, numbers: NDArray[np.floating]) -> None:
    """Fill an ellipse given by centre and half axes in pixels and an angle in degrees."""
    x, y, across, down = _whole(numbers[:4] * _FINE).tolist()
    cv2.ellipse(fine, (x, y), (across, down), float(numbers[4]), 0, 360, 1, cv2.FILLED)


def _fill_box(fine: Image, numbers: NDArray[np.floating]) -> None:
    """Fill a rectangle given by centre, sides in pixels and an angle in degrees."""
    x, y, width, height, angle = numbers.tolist()
    _fill_corners(fine, np.asarray(cv2.boxPoints(((x, y), (width, height), angle))))


def _whole(numbers: NDArray[np.floating]) -> NDArray[np.int32]:
    """Round to whole subpixels, as OpenCV wants them."""
    if not np.isfinite(numbers).all() or np.abs(numbers).max() > 1e6:
        raise ValueError("a coordinate is far out of the picture")
    return np.round(numbers).astype(np.int32)


def _clean(mask: Mask, radius: int) -> Mask:
    """Fill small holes, then drop specks, with a disc of the given radius in pixels."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, disc)
    return np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, disc) > 0)


def _grabcut(image: Image, outline: Shape) -> Mask:
    """Return the foreground that GrabCut finds inside an outline in five rounds."""
    inside = _outline(outline, image.shape[:2])
    labels = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    if not inside.any() or inside.all():  # GrabCut needs both sides to learn their colours
        return inside
    cv2.setRNGSeed(0)  # it starts from random clusters; the same file must give the same mask
    models = np.zeros((2, 1, 65))
    bgr = np.ascontiguousarray(image[..., ::-1])
    # The rectangle is not read in this mode, but the binding wants one.
    cv2.grabCut(bgr, labels, (0, 0, 1, 1), models[0], models[1], 5, cv2.GC_INIT_WITH_MASK)
    return np.asarray(inside & ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)))


def _grow(image: Image, options: Shape) -> Mask:
    """Return what is connected to each seed and close to the colour around it.

    The picture is smoothed first, edges kept, so that grain does not stop the growth.
    """
    lab = cv2.cvtColor(cv2.bilateralFilter(image, 5, 25, 5), cv2.COLOR_RGB2LAB).astype(np.float32)
    allowed = np.ones(image.shape[:2], bool)
    if "within" in options:
        allowed = _outline(options["within"], image.shape[:2])
    grown = np.zeros_like(allowed)
    for x, y in np.asarray(options["seeds"], float).astype(int).tolist():
        if not (0 <= x < lab.shape[1] and 0 <= y < lab.shape[0]):
            raise ValueError("a seed is outside the picture")
        around = lab[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].reshape(-1, 3).mean(0)
        alike = np.linalg.norm(lab - around, axis=2) <= options.get("tol", _GROW_TOLERANCE)
        parts = cv2.connectedComponents((alike & allowed).astype(np.uint8))[1]
        if parts[y, x]:
            grown |= parts == parts[y, x]
    return grown


def _threshold(image: Image, options: Shape) -> Mask:
    """Return what lies inside a shape and has a grey value in a range, both ends included."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    in_range = (grey >= options.get("min", 0)) & (grey <= options.get("max", 255))
    return np.asarray(_outline(options["within"], image.shape[:2]) & in_range)


_FILL: dict[str, Callable[[Image, NDArray[np.floating]], None]] = {
    "poly": _fill_corners,
    "circle": _fill_circle,
    "ellipse": _fill_ellipse,
    "box": _fill_box,
}
_BY_COLOUR: dict[str, Callable[[Image, Shape], Mask]] = {
    "grabcut": _grabcut,
    "grow": _grow,
    "thresh": _threshold,
}
