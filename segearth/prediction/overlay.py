"""Draw `overlay.png`: the scene, small enough for a screen, with coloured targets and a legend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segearth.geo.bit_rows import BitRows

MAX_SIDE_PX = 2048
_LINE_PX = 24
_MIN_WIDTH_PX = 320  # else no phrase fits below a tiny picture
_FILL = 0.4
# Bright, apart from each other and from soil, leaves and water.
_COLOURS = np.array(
    [
        (255, 64, 64), (0, 200, 255), (255, 220, 0), (255, 0, 220), (64, 255, 96),
        (255, 140, 0), (150, 110, 255), (255, 255, 255),
    ],
    np.uint8,
)  # fmt: skip

Picture = NDArray[np.uint8]
"""(H, W, 3) RGB."""


def picture_side(targets: int) -> int:
    """Return how large the scene may be drawn so that the legend still fits."""
    return MAX_SIDE_PX - _LINE_PX * targets


def draw_overlay(picture: Picture, masks: Sequence[BitRows], legend: Sequence[str]) -> Picture:
    """Paint masks over a picture of the scene and list them below.

    Args:
        picture: The whole scene at any smaller size.
        masks: One a target, at the scene's size. A pixel of the picture is painted if the
            mask has any pixel there, so that small things stay visible.
        legend: One line a target.

    Returns:
        The picture with one line added a target.
    """
    painted = picture.copy()
    for index, mask in enumerate(masks):
        small = shrink_any(mask, picture.shape[:2])
        colour = _COLOURS[index % len(_COLOURS)]
        painted[small] = (1 - _FILL) * painted[small] + _FILL * colour
        edges, _ = cv2.findContours(small.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(painted, edges, -1, [int(part) for part in colour], 1)
    return np.vstack([_widen(painted), *_lines(legend, max(_MIN_WIDTH_PX, painted.shape[1]))])


def write_picture(path: Path, picture: Picture) -> None:
    """Write a PNG; by way of memory, because OpenCV does not know UTF-8 names everywhere."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    path.write_bytes(encoded.tobytes())


def shrink_any(mask: BitRows, size: tuple[int, ...]) -> NDArray[np.bool_]:
    """Shrink a mask to (h, w), keeping every pixel that has some of the mask in it."""
    height, width = size
    small = np.zeros((height, width), bool)
    starts = np.arange(width) * mask.width // width
    rows_at_once = max(1, (1 << 22) // mask.width)  # 4 MB
    for row in range(0, mask.height, rows_at_once):
        rows = np.logical_or.reduceat(mask.read(row, rows_at_once), starts, axis=1)
        places = np.arange(row, row + len(rows)) * height // mask.height
        np.logical_or.at(small, places, rows)
    return small


def _widen(picture: Picture) -> Picture:
    """Add white to the right of a picture that is narrower than its legend."""
    missing = max(0, _MIN_WIDTH_PX - picture.shape[1])
    return np.pad(picture, ((0, 0), (0, missing), (0, 0)), constant_values=255)


def _lines(legend: Sequence[str], width: int) -> list[Picture]:
    """Draw a coloured square and a text for each target, black on white."""
    lines = []
    for index, text in enumerate(legend):
        line = np.full((_LINE_PX, width, 3), 255, np.uint8)
        colour = [int(part) for part in _COLOURS[index % len(_COLOURS)]]
        cv2.rectangle(line, (6, 5), (20, 19), colour, -1)
        cv2.rectangle(line, (6, 5), (20, 19), (0, 0, 0), 1)
        # OpenCV's letters are ASCII.
        plain = text.encode("ascii", "replace").decode()
        cv2.putText(line, plain, (28, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
        lines.append(line)
    return lines
