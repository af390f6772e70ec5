"""Draw a word cloud: the commoner a word, the larger, from the middle outwards."""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from segearth.data.charts import Picture, text_width, write

WIDTH_PX, HEIGHT_PX = 1200, 700
MAX_WORDS = 100
_LARGEST_PX, _SMALLEST_PX = 96, 14
_GAP_PX = 4
_COLOURS = ((31, 91, 140), (22, 122, 96), (140, 74, 31), (102, 59, 132), (70, 70, 70))


def draw_cloud(words: Mapping[str, int]) -> Picture:
    """Draw words at sizes by the square root of their counts, so that areas compare.

    Every word is put as near to the middle as it fits without touching another. There is no
    chance in it: the same words give the same picture. A word that fits nowhere is tried
    smaller, and left out below the smallest size.

    Args:
        words: Word to count, the commonest first; the first hundred are drawn.

    Returns:
        (700, 1200, 3) RGB.
    """
    picture = np.full((HEIGHT_PX, WIDTH_PX, 3), 255, np.uint8)
    taken = np.zeros((HEIGHT_PX, WIDTH_PX), bool)
    most = max(words.values(), default=1)
    for index, (word, count) in enumerate(list(words.items())[:MAX_WORDS]):
        size = max(_SMALLEST_PX, round(_LARGEST_PX * math.sqrt(count / most)))
        while size >= _SMALLEST_PX:
            place = _free_place(taken, text_width(word, size), size)
            if place is not None:
                x, y = place
                write(picture, word, (x, y + round(0.8 * size)), size, _COLOURS[index % 5])
                break
            size = round(size * 0.8)
    return picture


def _free_place(taken: NDArray[np.bool_], width: int, size: int) -> tuple[int, int] | None:
    """Take the free box that is nearest to the middle; return its upper left corner, (x, y).

    Args:
        taken: (700, 1200) bool, changed: true where a word is.
        width: Of the text, in pixels.
        size: Of the letters, in pixels.
    """
    wide = width + 2 * _GAP_PX
    high = round(1.1 * size) + 2 * _GAP_PX  # of ascenders and descenders together
    if wide > WIDTH_PX or high > HEIGHT_PX:
        return None
    # Sums over all boxes of this size at once, from the sums over all boxes at the corner.
    sums = cv2.integral(taken.view(np.uint8))
    covered = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
    rows = (np.arange(covered.shape[0]) + high / 2 - HEIGHT_PX / 2) * (WIDTH_PX / HEIGHT_PX)
    columns = np.arange(covered.shape[1]) + wide / 2 - WIDTH_PX / 2
    distance = np.where(covered == 0, rows[:, None] ** 2 + columns[None] ** 2, np.inf)
    y, x = divmod(int(distance.argmin()), distance.shape[1])
    if not np.isfinite(distance[y, x]):
        return None
    taken[y : y + high, x : x + wide] = True
    return x + _GAP_PX, y + _GAP_PX
