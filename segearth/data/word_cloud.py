"""Draw a word cloud: the commoner a word, the larger, from the middle outwards."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from segearth.data.charts import Picture, text_width, write

WIDTH_PX, HEIGHT_PX = 1200, 700
MAX_WORDS = 100
_LARGEST_PX, _SMALLEST_PX = 96, 14
_GAP_PX = 4
_COLOURS = ((31, 91, 140), (22, 122, 96), (140, 74, 31), (102, 59, 132), (70, 70, 70))


def draw_cloud(words: Mapping[str, int]) -> Picture:
    """Draw words at sizes by the square root of their counts, so that areas compare.

    Every word is tried along a spiral from the middle and put where it first fits without
    touching another. There is no chance in it: the same words give the same picture. A word
    that fits nowhere is tried smaller, and left out below the smallest size.

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


def _free_place(taken: np.ndarray, width: int, size: int) -> tuple[int, int] | None:
    """Find and take the first free box along the spiral; return its upper left corner."""
    height = round(1.1 * size)  # of ascenders and descenders together
    for centre_x, centre_y in _spiral():
        x, y = centre_x - width // 2, centre_y - height // 2
        if x < _GAP_PX or y < _GAP_PX:
            continue
        if x + width + _GAP_PX > WIDTH_PX or y + height + _GAP_PX > HEIGHT_PX:
            continue
        if not taken[y : y + height, x : x + width].any():
            taken[y - _GAP_PX : y + height + _GAP_PX, x - _GAP_PX : x + width + _GAP_PX] = True
            return x, y
    return None


def _spiral() -> Iterator[tuple[int, int]]:
    """Yield points from the middle outwards, wider than high, until the corners are reached."""
    angle = 0.0
    while (radius := 2.2 * angle) < WIDTH_PX / 2:
        yield (
            round(WIDTH_PX / 2 + radius * math.cos(angle)),
            round(HEIGHT_PX / 2 + radius * math.sin(angle) * HEIGHT_PX / WIDTH_PX),
        )
        angle += 6 / (radius + 6)  # about six pixels further each time
