"""Fit a picture into a square, and bring masks back to the picture.

Long side resized, short side padded (paper, Table 8). A letterbox is a value of numbers:
what it did to the picture it can do to masks, and undo on logits.

Axes
    H, W  rows and columns of the picture    S  side of the square
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Letterbox:
    """Where a picture of `height` x `width` lies in a square of `side` pixels."""

    height: int
    width: int
    side: int
    fitted_height: int
    fitted_width: int
    top: int
    left: int

    def picture(self, image: NDArray[np.uint8], pad_value: int) -> NDArray[np.uint8]:
        """Resize and pad an image ``(H, W, 3)`` to ``(S, S, 3)``."""
        size = (self.fitted_width, self.fitted_height)
        shrinks = self.fitted_height < self.height or self.fitted_width < self.width
        # Area averaging where the picture shrinks: bilinear would skip pixels and alias.
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        fitted = cv2.resize(image, size, interpolation=how)
        square = np.full((self.side, self.side, 3), pad_value, np.uint8)
        square[self._rows, self._columns] = fitted
        return square

    def mask(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Resize and pad a mask ``(H, W)`` to ``(S, S)``; a pixel is on if half of it is."""
        size = (self.fitted_width, self.fitted_height)
        shrinks = self.fitted_height < self.height or self.fitted_width < self.width
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        square = np.zeros((self.side, self.side), bool)
        soft = cv2.resize(mask.astype(np.float32), size, interpolation=how)
        square[self._rows, self._columns] = soft >= 0.5
        return square

    def any_pixel(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Resize and pad a mask so that none of its pixels is lost, ``(S, S)``."""
        square = np.zeros((self.side, self.side), bool)
        square[self._rows, self._columns] = any_pixel_resize(
            mask, self.fitted_height, self.fitted_width
        )
        return square

    def undo(self, logits: Tensor) -> Tensor:
        """Bring logits ``(n, s, s)`` of the square back to the picture, ``(n, H, W)``.

        Bilinear, to the square's own size first, so that the padding is cut at whole pixels.
        """
        square = F.interpolate(
            logits[None].float(), size=(self.side, self.side), mode="bilinear", align_corners=False
        )
        cut = square[:, :, self._rows, self._columns]
        size = (self.height, self.width)
        if cut.shape[-2:] == size:
            return cut[0]
        return F.interpolate(cut, size=size, mode="bilinear", align_corners=False)[0]

    @property
    def _rows(self) -> slice:
        return slice(self.top, self.top + self.fitted_height)

    @property
    def _columns(self) -> slice:
        return slice(self.left, self.left + self.fitted_width)


def letterbox(
    height: int, width: int, side: int, pad: Literal["right-bottom", "centre"] = "right-bottom"
) -> Letterbox:
    """Work out the letterbox of a picture; at least one pixel remains of the short side."""
    scale = side / max(height, width)
    fitted_height = max(1, min(side, int(height * scale + 0.5)))
    fitted_width = max(1, min(side, int(width * scale + 0.5)))
    centred = pad == "centre"
    return Letterbox(
        height=height,
        width=width,
        side=side,
        fitted_height=fitted_height,
        fitted_width=fitted_width,
        top=(side - fitted_height) // 2 if centred else 0,
        left=(side - fitted_width) // 2 if centred else 0,
    )


def squash(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Resize to a square without keeping the aspect, as SigLIP's own processor does.

    Bicubic over all pixels that fall into one of the square's; `cv2.INTER_CUBIC` would look at
    sixteen of them, whatever the size, and alias.

    Args:
        image: RGB uint8 ``(H, W, 3)``.
        side: Of the square, pixels.
    """
    planes = to_tensor(image)[None]
    made = F.interpolate(planes, (side, side), mode="bicubic", antialias=True)
    return np.ascontiguousarray(made[0].permute(1, 2, 0).numpy())


def padded_square(image: NDArray[np.uint8], pad_value: int) -> NDArray[np.uint8]:
    """Put a picture into the middle of the square that its long side makes, unscaled.

    Args:
        image: RGB uint8 ``(H, W, 3)``.
        pad_value: Grey around it.

    Returns:
        ``(S, S, 3)``, S the larger of H and W; the picture itself if it is square.
    """
    height, width = image.shape[:2]
    side = max(height, width)
    if height == width:
        return image
    top, left = (side - height) // 2, (side - width) // 2
    square = np.full((side, side, 3), pad_value, np.uint8)
    square[top : top + height, left : left + width] = image
    return square


def any_pixel_resize(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """Resize a mask; where it shrinks, a pixel is on if any that fall into it is.

    Args:
        mask: ``(H, W)``.
        height: Rows of the result.
        width: Columns of the result.
    """
    rows = np.arange(height) * mask.shape[0] // height
    columns = np.arange(width) * mask.shape[1] // width
    joined = np.logical_or.reduceat(np.logical_or.reduceat(mask, rows, axis=0), columns, axis=1)
    return np.asarray(joined, bool)


def any_overlap_grid(mask: NDArray[np.bool_], cells: int, cell_px: int) -> NDArray[np.bool_]:
    """Shrink a mask to attention cells; a cell is on if any of its pixels is.

    Args:
        mask: In the geometry that the image tower saw, ``(s, s)``; pixels beyond
            ``cells * cell_px`` are not seen by the tower (SigLIP: 378 of 384) and are cut.
        cells: Cells along a side, d.
        cell_px: Pixels along a cell.

    Returns:
        ``(d, d)``. Nearest-neighbour shrinking would lose targets smaller than a cell.
    """
    seen = mask[: cells * cell_px, : cells * cell_px]
    return np.asarray(seen.reshape(cells, cell_px, cells, cell_px).any(axis=(1, 3)))


def to_tensor(image: NDArray[np.uint8]) -> Tensor:
    """Turn an image ``(S, S, 3)`` into a uint8 tensor ``(3, S, S)``."""
    return torch.from_numpy(image.transpose(2, 0, 1).copy())
