"""What is known about a picture: its objects, and where each of them lies.

A question can be made from nothing but this list. `SceneObject` is what a drawn scene or an
annotated tile says; `Placed` is the same object measured, with all positions as fractions of
the picture, so that one margin fits every picture size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Kind = Literal["thing", "stuff", "part"]


@dataclass(frozen=True, kw_only=True)
class SceneObject:
    """One object of a picture.

    Attributes:
        category: Singular noun, ``"airplane"``, ``"small car"``; stuff: ``"grass"``, ``"sea"``.
            A region that is a crowd by nature keeps its plural (``"trees"``, ``"bushes"``).
        mask: (H, W) bool, its visible pixels.
        kind: A countable thing, a stuff region or a part of another object.
        colour: A plain colour word, if the colour is clear.
        parent: Index in the list of the object that a part belongs to.
        complete: Every object of this category in the picture is in the list. For a part:
            every part of this category on its parent is.
        crowd: The mask holds several objects that nobody has told apart (a full car park drawn
            in one piece). Only all of them together can be asked for.
    """

    category: str
    mask: NDArray[np.bool_]
    kind: Kind
    colour: str | None = None
    parent: int | None = None
    complete: bool = True
    crowd: bool = False


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A measured object. Lengths are fractions of the picture's width or height.

    Attributes:
        index: Its place in the list of objects.
        category: As in `SceneObject`; so are kind, colour, parent, complete and crowd.
        x: Centroid, 0 left to 1 right.
        y: Centroid, 0 top to 1 bottom.
        left: First column; `right`, `top` and `bottom` likewise.
        area_px: Pixels of the mask.
    """

    index: int
    category: str
    kind: Kind
    colour: str | None
    parent: int | None
    complete: bool
    crowd: bool
    x: float
    y: float
    left: float
    top: float
    right: float
    bottom: float
    area_px: int

    @property
    def width(self) -> float:
        """Width of the bounding box."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Height of the bounding box."""
        return self.bottom - self.top

    @property
    def compact(self) -> bool:
        """Tell whether one point says where it is: neither long nor spread over the picture."""
        return self.width <= 0.62 and self.height <= 0.62


def is_group(members: Sequence[Placed]) -> bool:
    """Tell whether the members together are more than one object."""
    return len(members) > 1 or members[0].crowd


def measure(objects: Sequence[SceneObject]) -> list[Placed]:
    """Measure every object that has at least one pixel.

    Args:
        objects: Masks (H, W), all of one size.

    Returns:
        One `Placed` per non-empty mask, in order.
    """
    placed = (_measure_one(index, item) for index, item in enumerate(objects))
    return [item for item in placed if item is not None]


def _measure_one(index: int, item: SceneObject) -> Placed | None:
    mask = np.ascontiguousarray(item.mask).view(np.uint8)
    left, top, width, height = cv2.boundingRect(mask)
    if width == 0:
        return None
    # Moments of the box alone: most objects are much smaller than the picture.
    box = np.ascontiguousarray(mask[top : top + height, left : left + width])
    moments = cv2.moments(box, binaryImage=True)
    rows, columns = mask.shape
    return Placed(
        index=index,
        category=item.category,
        kind=item.kind,
        colour=item.colour,
        parent=item.parent,
        complete=item.complete,
        crowd=item.crowd,
        x=(left + moments["m10"] / moments["m00"] + 0.5) / columns,
        y=(top + moments["m01"] / moments["m00"] + 0.5) / rows,
        left=left / columns,
        top=top / rows,
        right=(left + width) / columns,
        bottom=(top + height) / rows,
        area_px=int(moments["m00"]),
    )
