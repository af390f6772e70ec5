"""Where a proposer is asked for masks: a grid of points over a view (paper, Sec. 7.2).

A view is the whole image or the crop of an annotated box. Each point alone is one prompt.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from segearth.building.masks.file import Box

SIDE = 4
"""Points a side, over the whole image and over boxes that are not long."""
LONG_FROM = 2.5
"""Long side / short side from which a box gets a single row of points."""


@dataclass(frozen=True)
class View:
    """A part of an image to look for masks in."""

    pixels: NDArray[np.uint8]
    """(h, w, 3) RGB."""
    box: tuple[int, int, int, int] | None = None
    """Where it lies in the image, x0, y0, x1, y1; None for the whole image."""

    @property
    def points(self) -> NDArray[np.float64]:
        """The grid: (n, 2), x and y in pixels from the view's own top left corner."""
        height, width = self.pixels.shape[:2]
        if self.box is None:
            return spread_points(SIDE, SIDE, height, width)
        return spread_points(*local_grid(height, width), height, width)


def local_grid(height: int, width: int) -> tuple[int, int]:
    """Return rows and columns of the grid in a box (paper, Sec. 7.2).

    (ceil(long / short) + 1, 1) if long / short >= 2.5, else (4, 4). The paper writes R first
    without saying how the box lies; the single line of points runs along the long side here,
    because across it they would stand beside each other in the middle of the object.

    Args:
        height: Of the box, pixels, above 0.
        width: Of the box, pixels, above 0.
    """
    long, short = max(height, width), min(height, width)
    if long < LONG_FROM * short:
        return SIDE, SIDE
    count = -(-long // short) + 1  # whole numbers: 2.5 and 3.0 must not depend on rounding
    return (count, 1) if height >= width else (1, count)


def spread_points(rows: int, columns: int, height: float, width: float) -> NDArray[np.float64]:
    """Put points into the middle of the cells of a grid, row by row.

    Args:
        rows: Points down.
        columns: Points across.
        height: What they are spread over, pixels.
        width: The same across.

    Returns:
        (rows * columns, 2), x and y.
    """
    y = (np.arange(rows) + 0.5) * height / rows
    x = (np.arange(columns) + 0.5) * width / columns
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def crop_of(box: Box, height: int, width: int) -> tuple[int, int, int, int] | None:
    """Return the whole pixels that a box touches within an image, or None if there are none."""
    x0, y0 = max(0, floor(box[0])), max(0, floor(box[1]))
    x1, y1 = min(width, ceil(box[2])), min(height, ceil(box[3]))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None
