"""Find the records that went worst, and draw a small picture of what went wrong."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from segearth.data.rle import Rle, decode_mask
from segearth.errors import SegEarthError
from segearth.evaluation.scoring import ScoredRecord
from segearth.geo.raster import open_scene

MAX_CASES = 60
"""More would make the report large, and nobody looks at them."""

_SIDE_PX = 320
_TRUTH = (60, 230, 60)  # RGB
_PREDICTED = (255, 60, 60)


def worst_cases(scored: Sequence[ScoredRecord], size: int = MAX_CASES) -> list[ScoredRecord]:
    """Return the records with the lowest mean IoU, worst first; perfect ones never.

    Args:
        scored: All records; among equals the earlier comes first.
        size: At most so many.
    """
    ranked = [(item.mean_iou, item) for item in scored]
    flawed = [(iou, item) for iou, item in ranked if iou is not None and iou < 1]
    return [item for _, item in sorted(flawed, key=lambda pair: pair[0])[:size]]


def draw_case(case: ScoredRecord) -> str | None:
    """Draw the image with the truth in green and the reply in red.

    Returns:
        A JPEG as a data URI, or None if the image cannot be read: predictions can be scored
        where the images are not.
    """
    try:
        with open_scene(str(case.record.image)) as scene:
            canvas = np.ascontiguousarray(scene.shrink(_SIDE_PX).image)
    except SegEarthError:
        return None
    for mask in case.record.masks:
        _outline(canvas, mask, _TRUTH)
    for target in case.prediction.targets:
        _outline(canvas, target.mask, _PREDICTED)
    bgr = cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def _outline(canvas: NDArray[np.uint8], rle: Rle, colour: tuple[int, int, int]) -> None:
    """Draw a mask's border onto a picture that may be smaller than the mask."""
    mask = decode_mask(rle).astype(np.float32)
    size = (canvas.shape[1], canvas.shape[0])
    # Any cover counts: what is thinner than a pixel of the picture still shows.
    small = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 0, np.uint8)
    outlines, _ = cv2.findContours(small, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, outlines, -1, colour, 1)
