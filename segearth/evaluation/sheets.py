"""Draw all candidate masks of one target on a sheet (after the paper's Figures 13 to 16).

The first tile is the truth. Of the others, the selected one has a red frame and the best
against the truth a green one; if they are the same, it has both, red outside.

Axes
    k  candidates    H, W  rows and columns of the picture
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

TILE_PX = 144
"""Longer side of a picture on the sheet."""

SELECTED = (220, 30, 30)  # RGB
BEST = (20, 170, 60)
_TRUTH = (255, 255, 255)
_MASK = np.array((255, 170, 0), np.float32)
_GAP_PX = 6
_WORDS_PX = 16  # room for the line below a tile


def shrink_picture(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shrink or enlarge an RGB picture ``(H, W, 3)`` to the size of a tile."""
    scale = TILE_PX / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def lay_over(tile: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Tint a tile ``(h, w, 3)`` where a mask ``(H, W)`` of the picture is on."""
    size = (tile.shape[1], tile.shape[0])
    cover = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    share = 0.6 * np.asarray(cover)[..., None]
    return np.asarray(np.rint(tile * (1 - share) + _MASK * share), np.uint8)


def draw_sheet(
    truth: NDArray[np.uint8],
    tiles: Sequence[NDArray[np.uint8]],
    words: Sequence[str],
    *,
    selected: int,
    best: int | None,
) -> NDArray[np.uint8]:
    """Put tiles on a sheet, row by row.

    Args:
        truth: The first tile, ``(h, w, 3)``.
        tiles: k more of the same size.
        words: What stands below each of these k; ASCII.
        selected: Which one the model chose.
        best: Which one fits the truth best; None without a truth.

    Returns:
        RGB uint8.
    """
    columns = math.ceil(math.sqrt(len(tiles) + 1))
    rows = math.ceil((len(tiles) + 1) / columns)
    height, width = truth.shape[0] + _WORDS_PX + _GAP_PX, TILE_PX + _GAP_PX
    sheet = np.full((rows * height + _GAP_PX, columns * width + _GAP_PX, 3), 32, np.uint8)
    for place, (tile, line) in enumerate(zip([truth, *tiles], ["truth", *words], strict=True)):
        top = place // columns * height + _GAP_PX
        left = place % columns * width + _GAP_PX
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        corner = (left, top + tile.shape[0] + _WORDS_PX - 4)
        cv2.putText(sheet, line, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.35, _TRUTH, 1, cv2.LINE_AA)
        _frame(sheet, top, left, tile.shape, _frames_of(place - 1, selected, best))
    return sheet


def _frames_of(index: int, selected: int, best: int | None) -> Iterable[tuple[int, int, int]]:
    """Name the frames of a candidate, from outside to inside."""
    if index == selected:
        yield SELECTED
    if index == best:
        yield BEST


def _frame(
    sheet: NDArray[np.uint8],
    top: int,
    left: int,
    size: Sequence[int],
    colours: Iterable[tuple[int, int, int]],
) -> None:
    for step, colour in enumerate(colours):
        inset = 3 * step - 3  # the first one lies in the gap around the tile
        start = (left + inset, top + inset)
        end = (left + size[1] - 1 - inset, top + size[0] - 1 - inset)
        cv2.rectangle(sheet, start, end, colour, 2)
