"""Draw bar charts with OpenCV, which is there anyway: no plotting library for four pictures."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""(H, W, 3) RGB."""

WIDTH_PX = 1200
MAX_BARS = 40
"""More bars than fit a page are summed up in a last one."""

_ROW_PX = 26
_MARGIN_PX = 24
_HEAD_PX = 64
_LABEL_PX = 330
_COUNT_PX = 110
_TEXT = (40, 40, 40)
_BAR = (60, 110, 170)


def draw_bars(bars: Mapping[str, int], title: str) -> Picture:
    """Draw horizontal bars, one a row, with their counts.

    Args:
        bars: Label to count, from the top. Labels may be of any script.
        title: A line above, with the unit of the counts.

    Returns:
        The picture, `WIDTH_PX` wide and as high as it has rows.
    """
    rows = list(bars.items())
    if len(rows) > MAX_BARS:
        rest = rows[MAX_BARS - 1 :]
        rows = [*rows[: MAX_BARS - 1], (f"{len(rest)} others", sum(count for _, count in rest))]
    height = _HEAD_PX + max(1, len(rows)) * _ROW_PX + _MARGIN_PX
    picture = np.full((height, WIDTH_PX, 3), 255, np.uint8)
    write(picture, title, (_MARGIN_PX, 42), 24)
    longest = max((count for _, count in rows), default=0)
    left = _MARGIN_PX + _LABEL_PX
    room = WIDTH_PX - left - _COUNT_PX - _MARGIN_PX
    for index, (label, count) in enumerate(rows):
        top = _HEAD_PX + index * _ROW_PX
        base = top + 18
        shown = fit(label, _LABEL_PX - 12, 16)
        write(picture, shown, (left - 12 - text_width(shown, 16), base), 16)
        length = round(room * count / longest) if longest else 0
        cv2.rectangle(picture, (left, top + 3), (left + length, top + _ROW_PX - 5), _BAR, -1)
        write(picture, f"{count:,}", (left + length + 8, base), 16)
    if not rows:
        write(picture, "nothing to show", (_MARGIN_PX, _HEAD_PX + 18), 16)
    return picture


def write(
    picture: Picture,
    text: str,
    place: tuple[int, int],
    size_px: int,
    colour: tuple[int, int, int] = _TEXT,
) -> None:
    """Write a line of text; `place` is where its baseline starts, (x, y)."""
    cv2.putText(picture, text, place, colour, _font(), size_px, _WEIGHT)


def text_width(text: str, size_px: int) -> int:
    """Return how many pixels a line of text takes."""
    box = cv2.getTextSize((0, 0), text, (0, 0), _font(), size_px, _WEIGHT)
    return int(box[2])


def fit(text: str, width_px: int, size_px: int) -> str:
    """Shorten a text until it fits, with dots for what is missing."""
    shown = text
    while len(shown) > 1 and text_width(shown, size_px) > width_px:
        shown = shown.rstrip("…")[:-1] + "…"
    return shown


_WEIGHT = 400


def _font() -> cv2.FontFace:
    """Return OpenCV's own font, which it carries inside."""
    return cv2.FontFace("sans")
