"""What the page shows of a record: its picture as PNG, and masks of the same size.

The page draws and corrects masks at the picture's own size, which is what a dataset of
tiles has. A larger scene is shown shrunk, with its masks, and cannot be corrected here.
"""

from __future__ import annotations

import threading

import cv2
import numpy as np

from segearth.data.manifest import Record, Rle, decode_mask, encode_mask
from segearth.errors import DataError
from segearth.geo.raster import open_scene

MAX_SIDE_PX = 4096

_one_reader = (
    threading.Lock()
)  # reading quietly swaps Python's warning filters, one for all threads


def read_png(record: Record) -> bytes:
    """Read a record's image, no larger than `MAX_SIDE_PX`, as a PNG without loss.

    Raises:
        DataError: The image is missing, damaged, or no image.
    """
    with _one_reader, open_scene(str(record.image)) as scene:
        pixels = scene.shrink(MAX_SIDE_PX).image
    fast = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), fast)[1].tobytes()


def is_shrunk(record: Record) -> bool:
    """Tell whether masks are too large to be shown as they are."""
    return any(max(mask["size"]) > MAX_SIDE_PX for mask in record.masks)


def shown_masks(record: Record) -> list[Rle]:
    """Return a record's masks at the size of its picture on the page.

    Raises:
        DataError: A mask is damaged.
    """
    return [_shrink(mask) for mask in record.masks]


def _shrink(mask: Rle) -> Rle:
    """Check a mask; take every n-th pixel of one that is too large, n not always whole."""
    height, width = mask["size"]
    try:
        pixels = decode_mask(mask)
    except DataError as error:
        raise DataError(error.problem, hint="find such masks with: segearth data check") from error
    scale = max(height, width) / MAX_SIDE_PX
    if scale <= 1:
        return mask
    shown = [max(1, round(side / scale)) for side in (height, width)]
    rows, columns = (
        np.arange(n) * side // n for n, side in zip(shown, (height, width), strict=True)
    )
    return encode_mask(pixels[np.ix_(rows, columns)])
