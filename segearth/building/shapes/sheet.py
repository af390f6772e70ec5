"""A contact sheet: what a filter kept and what it rejected, for the eye."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segearth.building.masks.file import MaskRow
from segearth.data.images import write_png
from segearth.data.rle import decode_mask
from segearth.errors import SegEarthError
from segearth.geo.raster import open_scene

PLACES = 48
"""Masks of each kind on a sheet; more are drawn by lot."""

_COLUMNS = 8
_SIDE_PX = 144
_LABEL_PX = 16
_HEAD_PX = 24
_KEPT, _REJECTED = (60, 200, 60), (230, 60, 60)  # RGB

Shown = tuple[str, MaskRow]


class Sample:
    """A fair sample of a stream of unknown length (Vitter 1985, Algorithm R)."""

    def __init__(self) -> None:
        """Start with nothing; the draw is the same every time."""
        self.items: list[Shown] = []
        self._seen = 0
        self._rng = np.random.default_rng(0)

    def offer(self, item: Shown) -> None:
        """Take an image's path and one of its masks into account."""
        self._seen += 1
        if len(self.items) < PLACES:
            self.items.append(item)
        elif (place := int(self._rng.integers(self._seen))) < PLACES:
            self.items[place] = item


def draw_sheet(path: Path, folder: Path, kept: list[Shown], rejected: list[Shown]) -> None:
    """Draw kept masks in green above rejected ones in red, with category and first reason.

    Args:
        path: The PNG to write.
        folder: Where the image paths start.
        kept: Image and mask, at most `PLACES`.
        rejected: The same.

    Raises:
        DataError: The file cannot be written. An image that cannot be read is shown grey.
    """
    parts = []
    for title, shown, colour in (
        (f"kept ({len(kept)} shown)", kept, _KEPT),
        (f"rejected ({len(rejected)} shown)", rejected, _REJECTED),
    ):
        rows = max(1, -(-len(shown) // _COLUMNS))
        cell = _SIDE_PX + _LABEL_PX
        part = np.full((_HEAD_PX + rows * cell, _COLUMNS * _SIDE_PX, 3), 32, np.uint8)
        _write(part, title, (6, 17), colour, 0.5)
        for place, (image, mask) in enumerate(shown):
            top, left = _HEAD_PX + place // _COLUMNS * cell, place % _COLUMNS * _SIDE_PX
            square = part[top : top + _SIDE_PX, left : left + _SIDE_PX]
            square[:] = _thumbnail(folder, image, mask, colour)
            _write(part, _label(mask), (left + 3, top + cell - 5), (220, 220, 220), 0.35)
        parts.append(part)
    write_png(path, np.concatenate(parts))


def _thumbnail(
    folder: Path, image: str, mask: MaskRow, colour: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Cut a square around a mask out of its image and draw the mask's border."""
    pixels = decode_mask(mask["mask"])
    height, width = pixels.shape
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    if not len(rows):
        rows, columns = np.array([0, height - 1]), np.array([0, width - 1])
    side = int(1.3 * max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1)) + 4
    side = min(side, max(height, width))
    top = _start((rows[0] + rows[-1] + 1) // 2, side, height)
    left = _start((columns[0] + columns[-1] + 1) // 2, side, width)
    crop = pixels[top : top + side, left : left + side]
    canvas = np.full((*crop.shape, 3), 128, np.uint8)
    try:
        with open_scene(str(folder / image)) as scene:
            if (scene.height, scene.width) == pixels.shape:
                canvas = scene.read(top, left, *crop.shape).image
    except SegEarthError:
        pass
    scale = _SIDE_PX / max(crop.shape)
    size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
    smoothly = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    shown = np.ascontiguousarray(cv2.resize(canvas, size, interpolation=smoothly))
    # Any cover counts, so that what is thinner than a pixel of the sheet still shows.
    cover = cv2.resize(crop.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    outlines, _ = cv2.findContours(
        (cover > 0).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(shown, outlines, -1, colour, 1)
    square = np.full((_SIDE_PX, _SIDE_PX, 3), 32, np.uint8)
    square[: shown.shape[0], : shown.shape[1]] = shown
    return square


def _start(middle: int, side: int, length: int) -> int:
    """Place a window of `side` around `middle` within `length`."""
    return int(max(0, min(middle - side // 2, length - side)))


def _label(mask: MaskRow) -> str:
    """Say what it is and the first reason against it."""
    words = [mask["category"] or mask["proposer"]]
    for reason in mask.get("reasons", [])[:1]:
        value = reason["value"]
        words.append(f"{reason['check']} {value:.2g}")
    # OpenCV's letters are ASCII; the file has the words as they are.
    return ": ".join(words).encode("ascii", "replace").decode()[:24]


def _write(
    canvas: NDArray[np.uint8],
    text: str,
    place: tuple[int, int],
    colour: tuple[int, int, int],
    size: float,
) -> None:
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
