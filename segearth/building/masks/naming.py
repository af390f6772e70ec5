"""Give proposed masks the names of annotated boxes that they fit, and no other names.

A proposer does not know what it draws. Where somebody has annotated a box with a category,
the mask whose own bounding box is nearly that box is what the box was drawn around: SAMRS
names SAM's masks by their boxes in the same way (Wang et al., NeurIPS 2023). All other masks
keep no name; a vision-language model may find one later (paper, Sec. 7.4, Fig. 8).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from segearth.building.masks.boxes import Annotated
from segearth.building.masks.file import MaskRow
from segearth.data.rle import decode_crop
from segearth.data.vocabulary import covers, singular
from segearth.published.examples import category_words

FITS_FROM = 0.75
"""Intersection over union of the two boxes. Annotators' boxes of small objects are loose, and
half of the box or twice as much of the image is another thing."""


def noun_of(category: str) -> str:
    """Return a category as a singular noun: "Small-Vehicle" is "small vehicle"."""
    return singular(category_words(category))


def name_by_boxes(masks: Sequence[MaskRow], annotated: Sequence[Annotated]) -> list[MaskRow]:
    """Let every named box without a mask give its name to the mask that fits it best.

    One box names one mask, the best pairs first; of equal pairs the earlier mask.

    Args:
        masks: Of one image. Those that have a category already keep it.
        annotated: Objects of the same image; those with a mask of their own name no other.

    Returns:
        The masks in their order; a named one has the box's category, the box in `boxes`, and
        how well they fit in `box_iou`.
    """
    open_masks = [index for index, mask in enumerate(masks) if mask["category"] is None]
    boxes = [item for item in annotated if item.category and item.mask is None]
    named = list(masks)
    if not open_masks or not boxes:
        return named
    fits = _box_ious(
        np.array([_own_box(masks[index]) for index in open_masks], float),
        np.array([item.box for item in boxes], float),
    )
    while (best := float(fits.max())) >= FITS_FROM:
        row, column = (int(place) for place in np.unravel_index(int(fits.argmax()), fits.shape))
        index, item = open_masks[row], boxes[column]
        named[index] = {
            **masks[index],
            "category": item.category,
            "boxes": [list(item.box)],
            "box_iou": round(best, 4),
        }
        fits[row, :] = fits[:, column] = -1
    return named


def complete_kinds(masks: Sequence[MaskRow], annotated: Sequence[Annotated]) -> list[str]:
    """Name the categories of which every annotated object has a mask.

    Args:
        masks: Of one image, named.
        annotated: Every object of its categories that is in the image; whoever calls knows.

    Returns:
        Singular nouns, sorted. None at all if a box has no name: it could be of any category.
    """
    if any(not item.category for item in annotated):
        return []
    drawn = {(mask["category"], tuple(box)) for mask in masks for box in mask["boxes"]}
    lacking = {
        noun_of(str(item.category))
        for item in annotated
        if (item.category, tuple(item.box)) not in drawn
    }
    return without_gaps({noun_of(str(item.category)) for item in annotated}, lacking)


def without_gaps(kinds: Iterable[str], lacking: Container[str]) -> list[str]:
    """Keep the kinds that do not reach one of which a mask is lacking.

    Args:
        kinds: Singular nouns. "Building" also means the houses: without a mask of every house
            nobody can say which masks are all the buildings.
        lacking: Singular nouns.

    Returns:
        Sorted.
    """
    return sorted(kind for kind in kinds if not any(name in lacking for name in covers(kind)))


def _own_box(mask: MaskRow) -> tuple[float, float, float, float]:
    """Return x0, y0, x1, y1 around a mask; all 0 for an empty one."""
    crop, top, left = decode_crop(mask["mask"])
    height, width = crop.shape
    return left, top, left + width, top + height


def _box_ious(ones: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the IoU of every two boxes: (n, 4) and (m, 4) give (n, m)."""
    low = np.maximum(ones[:, None, :2], others[None, :, :2])
    high = np.minimum(ones[:, None, 2:], others[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=-1) for boxes in (ones, others)]
    return np.asarray(shared / np.maximum(areas[0][:, None] + areas[1] - shared, 1e-9))
