"""Measure the shape of a mask: components, and five figures of the largest one (Sec. 7.3).

The paper names the figures and says that OpenCV computes them; where it leaves a choice,
the choice made here is the one that small objects survive. All five keep their value when
the mask is moved, turned by 90 degrees or mirrored. But for symmetry they are exact on the
pixel grid, so that they can be checked by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, cos, hypot, pi, sin, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

FIGURES = ("eccentricity", "circularity", "solidity", "symmetry", "extent")

_ANGLES, _RADII = 180, 64
"""Samples around and outwards for the symmetry."""

_RAYS = np.exp(2j * pi * np.arange(_ANGLES) / _ANGLES)[:, None] * (np.arange(_RADII) + 0.5)
_RAYS = (_RAYS / _RADII).astype(np.complex64)
_RING_AREAS = np.arange(_RADII) + 0.5  # the area of a sample grows with its radius


@dataclass(frozen=True)
class Shape:
    """What a mask looks like."""

    components: int
    """Parts that do not touch, not even at corners (8-connected)."""
    area_px: int
    """Pixels of the whole mask."""
    figures: dict[str, float]
    """Of the largest component, by the names of `FIGURES`; empty for an empty mask."""


def measure_shape(mask: NDArray[np.bool_]) -> Shape:
    """Count the components and measure the largest.

    - eccentricity: of the ellipse with the same second moments, sqrt(1 - minor^2 / major^2);
      0 for a disc, a square and one pixel, 1 for a line.
    - circularity: 4 pi area / perimeter^2 of the outer border, as `cv2.contourArea` and
      `cv2.arcLength` give them for the polygon through the border pixels' centres. (The
      pixel count with that perimeter would exceed 1 for small objects.) pi/4 for any square;
      0.90 for a large disc, because a digital border is longer than the circle; 0 for a
      line, 1 for one pixel by convention.
    - solidity: pixels / pixels whose centre is in the convex hull of the centres. 1 for
      anything convex, including a line and one pixel.
    - symmetry: see `_symmetry`; 1 if some mirror axis maps the component onto itself.
    - extent: pixels / pixels of the upright bounding box.

    Args:
        mask: (H, W) bool; a crop around the target gives the same values, sooner.

    Returns:
        The counts and figures.
    """
    pixels = np.ascontiguousarray(mask).view(np.uint8)
    outlines, components = _outer_outlines(pixels)
    if not components:
        return Shape(0, 0, {})
    area_px = cv2.countNonZero(pixels)
    if components > 1:
        pixels = _largest(pixels)
        outlines, _ = _outer_outlines(pixels)
    return Shape(components, area_px, _figures(pixels, outlines[0]))


def _outer_outlines(pixels: NDArray[np.uint8]) -> tuple[list[NDArray[np.int32]], int]:
    """Return the outer border of every component, and how many there are.

    With RETR_CCOMP a component that lies in the hole of another counts, too.
    """
    found, tree = cv2.findContours(pixels, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if not len(found):
        return [], 0
    above = np.asarray(tree).reshape(-1, 4)[:, 3].tolist()
    outer = [np.asarray(found[index], np.int32) for index, parent in enumerate(above) if parent < 0]
    return outer, len(outer)


def _largest(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut out the component with the most pixels; the first of equals."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(pixels, connectivity=8)
    label = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    column, row, width, height = stats[label, :4].tolist()
    crop = labels[row : row + height, column : column + width] == label
    return np.ascontiguousarray(crop).view(np.uint8)


def _figures(pixels: NDArray[np.uint8], outline: NDArray[np.int32]) -> dict[str, float]:
    """Measure one component, (H, W) of 0 and 1, with its outer border, (n, 1, 2) of x, y."""
    column, row, width, height = cv2.boundingRect(outline)
    pixels = np.ascontiguousarray(pixels[row : row + height, column : column + width])
    outline = outline - np.array([column, row], np.int32)
    hull = np.asarray(cv2.convexHull(outline), np.int32)[:, 0]
    moments = cv2.moments(pixels)
    area = moments["m00"]
    major, minor, angle = _axes(moments)
    centre = (moments["m10"] / area, moments["m01"] / area)
    perimeter = cv2.arcLength(outline, True)
    around = 4 * pi * cv2.contourArea(outline) / perimeter**2 if perimeter else 1.0
    return {
        "eccentricity": sqrt(max(0.0, 1 - minor / major)) if major else 0.0,
        "circularity": around,
        "solidity": area / _lattice_points(hull),
        "symmetry": _symmetry(pixels, centre, angle, hull),
        "extent": area / (width * height),
    }


def _axes(moments: dict[str, float]) -> tuple[float, float, float]:
    """Return the variances along both principal axes, px^2, and the angle of the first."""
    xx, yy, xy = (moments[name] / moments["m00"] for name in ("mu20", "mu02", "mu11"))
    mean, spread = (xx + yy) / 2, hypot((xx - yy) / 2, xy)
    return mean + spread, max(0.0, mean - spread), atan2(2 * xy, xx - yy) / 2


def _lattice_points(hull: NDArray[np.int32]) -> float:
    """Count the pixel centres in a convex polygon, (n, 2) of x, y, its border included.

    Pick's theorem: area = inner points + border points / 2 - 1.
    """
    steps = np.abs(hull - np.roll(hull, 1, axis=0))
    on_border = int(np.gcd(steps[:, 0], steps[:, 1]).sum())
    return cv2.contourArea(hull) + on_border / 2 + 1


def _symmetry(
    pixels: NDArray[np.uint8],
    centre: tuple[float, float],
    angle: float,
    hull: NDArray[np.int32],
) -> float:
    """Return how well the best mirror axis through the centroid maps a component onto itself.

    The paper calls its symmetry a custom metric for bilateral symmetry and does not define
    it. Ours: the overlap of the component with its mirror image, area in both / area in
    either, for the best of 180 axes through the centroid, 1 degree apart. The principal axes
    are among them, and an axis that maps the component onto itself is one of these two
    (or, where all directions are alike as in a square, no more than half a degree from one
    of the others). In polar coordinates mirroring turns an angle t into s - t, so one
    convolution of the samples with themselves, done by FFT, gives all axes at once.

    Args:
        pixels: (H, W) of 0 and 1.
        centre: x, y of the centroid.
        angle: Of a principal axis, radians.
        hull: (n, 2), x, y; the farthest point of a component is on its hull.

    Returns:
        The overlap, above 0 up to 1.
    """
    offsets = hull - np.array(centre)
    reach = sqrt(float((offsets**2).sum(axis=1).max())) + 1
    places = _RAYS * np.complex64(reach * complex(cos(angle), sin(angle)))
    places += np.complex64(complex(*centre))
    grey = cv2.remap(
        pixels * np.uint8(255),
        np.ascontiguousarray(places.real),
        np.ascontiguousarray(places.imag),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    )
    # Half covered counts. What is so thin that no sample is, is taken as faint as it is.
    samples = np.asarray(grey >= min(127, int(np.max(grey))), np.float32)
    spectrum = np.fft.rfft(samples, axis=0)
    overlaps = np.fft.irfft((spectrum * spectrum) @ _RING_AREAS, _ANGLES)
    alone = float((samples @ _RING_AREAS).sum())
    best = float(overlaps.max())
    return min(1.0, best / (2 * alone - best))
