"""Name the colour of an object, if people would agree on it.

The median of the mask is judged in hue, saturation and brightness. Between two names there is
a gap where no name is given: a wrong colour word makes a question unanswerable.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_MIN_PX = 12  # fewer pixels are mostly edge
_AGREE = 0.55  # share of the pixels that must be near the median

# OpenCV's hue runs from 0 to 180. Each name: first and last hue that is clearly it.
_HUES = (
    ("red", 0, 5),
    ("orange", 9, 17),
    ("yellow", 22, 32),
    ("green", 38, 85),
    ("blue", 95, 128),
    ("red", 172, 180),
)


def colour_name(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> str | None:
    """Name the dominant colour of a mask.

    Args:
        image: (H, W, 3) uint8, RGB.
        mask: (H, W) bool.

    Returns:
        white, grey, black, beige, brown, red, orange, yellow, green or blue; None if the
        mask is tiny, many-coloured or between two names.
    """
    pixels = image[mask]
    if len(pixels) < _MIN_PX:
        return None
    median = np.median(pixels, axis=0)
    spread = np.abs(pixels.astype(np.float32) - median).max(axis=1)
    if (spread < 48).mean() < _AGREE:
        return None
    return name_rgb((float(median[0]), float(median[1]), float(median[2])))


def name_rgb(rgb: tuple[float, float, float]) -> str | None:
    """Name one colour, each channel from 0 to 255; None between two names."""
    swatch = np.array([[rgb]], dtype=np.float32) / 255
    hue, saturation, value = cv2.cvtColor(swatch, cv2.COLOR_RGB2HSV)[0, 0]
    hue /= 2  # float images have degrees
    if value < 0.2:
        return "black"
    if saturation < 0.12:
        return _name_grey(float(value))
    if saturation < 0.2:
        return None
    if hue < 22 and (saturation < 0.62 or value < 0.5):
        return _name_earth(float(hue), float(saturation), float(value))
    if saturation < 0.3 or value < 0.28:
        return None
    for name, first, last in _HUES:
        if first <= hue <= last:
            return name
    return None


def _name_grey(value: float) -> str | None:
    if value > 0.84:
        return "white"
    return "grey" if 0.36 < value < 0.7 else None


def _name_earth(hue: float, saturation: float, value: float) -> str | None:
    """Tell the muted reds and oranges apart: sand, bricks and soil."""
    if hue < 5 and saturation > 0.5 and value > 0.4:
        return "red"
    if value > 0.68 and saturation < 0.42 and hue > 8:
        return "beige"
    if value < 0.58 and hue > 4 and saturation > 0.28:
        return "brown"
    return None
