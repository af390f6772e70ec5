"""Draw what is asked about on the image, as thin lines just outside each mask.

The model sees the red, blue and orange-yellow outlines of the paper's Figures 6 to 8. The lines
run outside the mask, so that a small target is framed and not painted over.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segearth.errors import DataError
from segearth.geo.raster import open_scene

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (255, 0, 0),
    "blue": (0, 64, 255),
    "orange-yellow": (255, 180, 0),
}
"""RGB; a group each, in this order."""

_LINE_SHARE = 0.003  # of the longer side


def read_small(image: Path, side_px: int) -> NDArray[np.uint8]:
    """Read any raster as RGB whose longer side is at most `side_px`.

    Returns:
        (H, W, 3) uint8.

    Raises:
        DataError: The image is missing, damaged or no image.
    """
    with open_scene(str(image)) as scene:
        return scene.shrink(side_px).image


def draw_contours(
    image: NDArray[np.uint8], groups: Sequence[NDArray[np.bool_]]
) -> NDArray[np.uint8]:
    """Outline up to three groups of pixels, a colour each.

    Args:
        image: (H, W, 3) RGB uint8; not changed.
        groups: Masks (h, w) bool of the image's proportions; they are scaled to its size,
            and even a mask of one pixel keeps a line around it.

    Returns:
        (H, W, 3) RGB uint8.
    """
    drawn = image.copy()
    height, width = image.shape[:2]
    thickness = max(1, round(_LINE_SHARE * max(height, width)))
    kernel = np.ones((2 * thickness + 1, 2 * thickness + 1), np.uint8)
    for mask, colour in zip(groups, COLOURS.values(), strict=False):
        small = _scaled(mask, height, width)
        grown = np.asarray(cv2.dilate(small, kernel), np.bool_)
        drawn[grown & (small == 0)] = colour
    return drawn


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """Encode (H, W, 3) RGB uint8 without loss."""
    done, encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise DataError("the outlined image cannot be encoded")
    return bytes(encoded.tobytes())


def _scaled(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.uint8]:
    pixels = mask.astype(np.uint8)
    if mask.shape == (height, width):
        return pixels
    rows, columns = mask.shape
    small = np.zeros((height, width), np.uint8)
    # By pixels and not by interpolation, which would lose what is smaller than a pixel.
    ys, xs = np.nonzero(pixels)
    small[ys * height // rows, xs * width // columns] = 1
    if rows < height or columns < width:  # enlarged: close the gaps between the pixels
        larger = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_NEAREST)
        return np.asarray(larger, np.uint8)
    return small
