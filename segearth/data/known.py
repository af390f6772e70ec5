"""What is known about an annotated tile, in the terms from which questions are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from segearth.data.colours import colour_name
from segearth.data.objects import SceneObject
from segearth.data.rle import decode_mask
from segearth.data.targets import AnnotatedImage
from segearth.data.vocabulary import kind_of, singular
from segearth.data.vocabulary_absent import impossible_in

_LEAST_PX = 16  # a smaller piece of a mask is a crumb of drawing, not an object
_MOST_PIECES = 15
_COVERED = 0.9  # instances that make up so much of "all of a kind" are all of them


@dataclass(frozen=True, kw_only=True)
class KnownPicture:
    """A picture and everything that questions can be made from.

    Attributes:
        image: RGB uint8 ``(H, W, 3)``.
        objects: Masks ``(H, W)``.
        absent: Categories that are surely not in the picture.
        gsd_m: Ground size of a pixel, metres.
        closed: The objects are all there is (drawn scenes).
    """

    image: NDArray[np.uint8]
    objects: tuple[SceneObject, ...]
    absent: tuple[str, ...]
    gsd_m: float | None
    closed: bool = False


def know(annotated: AnnotatedImage, image: NDArray[np.uint8]) -> KnownPicture:
    """Turn annotations into objects.

    A kind of which "everything" was drawn is complete: its instances are those drawn one by
    one if they make up the whole, else the separate pieces of the whole mask. Of other kinds
    only some were drawn; they stay incomplete, and no question counts on them.
    """
    whole: dict[str, NDArray[np.bool_]] = {}
    single: dict[str, list[NDArray[np.bool_]]] = {}
    for target in annotated.targets:
        mask, category = decode_mask(target.mask), singular(target.phrase)
        if target.granularity == "semantic":
            whole[category] = whole[category] | mask if category in whole else mask
        else:
            single.setdefault(category, []).append(mask)
    objects: list[SceneObject] = []
    for category, mask in whole.items():
        pieces = _pieces(category, mask, single.get(category, []))
        crowd = kind_of(category) == "thing" and pieces[0] is mask
        made = [_object(category, piece, image, complete=True) for piece in pieces]
        objects += [replace(item, crowd=crowd) for item in made]
    for category in sorted(single.keys() - whole.keys()):
        complete = category in annotated.complete
        objects += [_object(category, m, image, complete=complete) for m in single[category]]
    present = {item.category for item in objects}
    absent = {*impossible_in(annotated.scene), *annotated.absent} - present
    return KnownPicture(
        image=image,
        objects=tuple(_with_parents(objects)),
        absent=tuple(sorted(absent)),
        gsd_m=annotated.gsd_m,
    )


def _pieces(
    category: str, whole: NDArray[np.bool_], single: Sequence[NDArray[np.bool_]]
) -> list[NDArray[np.bool_]]:
    if kind_of(category) == "stuff":
        return [whole]
    if single:
        union = np.logical_or.reduce(single)
        if (union & whole).sum() >= _COVERED * whole.sum():
            return list(single)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(whole.astype(np.uint8))
    large = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] >= _LEAST_PX]
    if not large or len(large) > _MOST_PIECES:
        return [whole]
    return [labels == n for n in large]


def _object(
    category: str, mask: NDArray[np.bool_], image: NDArray[np.uint8], *, complete: bool
) -> SceneObject:
    kind = kind_of(category)
    return SceneObject(
        category=category,
        mask=mask,
        kind=kind,
        colour=colour_name(image, mask) if kind == "thing" else None,
        complete=complete,
    )


def _with_parents(objects: Sequence[SceneObject]) -> list[SceneObject]:
    """Give each part the smallest thing that holds nearly all of it."""
    result = []
    for item in objects:
        if item.kind != "part":
            result.append(item)
            continue
        area = item.mask.sum()
        holders = [
            (other.mask.sum(), index)
            for index, other in enumerate(objects)
            if other.kind == "thing" and (other.mask & item.mask).sum() >= 0.8 * area
        ]
        result.append(replace(item, parent=min(holders)[1]) if holders else item)
    return result
