"""Change a picture without making its questions wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from segearth.data.known import KnownPicture
from segearth.data.objects import SceneObject

_LEAST_LEFT = 0.5  # an object cut by more than this in a crop is no longer that object
_LEAST_PX = 12


def recolour(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Vary light, contrast, colour cast and sharpness, as cameras and seasons do.

    Mild enough that a red car stays red.
    """
    light, cast = rng.uniform(-25, 25), rng.uniform(0.93, 1.07, 3)
    pixels = ((image.astype(np.float32) - 128) * rng.uniform(0.75, 1.3) + 128 + light) * cast
    if rng.random() < 0.25:
        grey = pixels.mean(axis=2, keepdims=True)
        pixels = grey + (pixels - grey) * rng.uniform(0.4, 1.2)
    if rng.random() < 0.3:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.1)))
    if rng.random() < 0.3:
        pixels = pixels + rng.normal(0, rng.uniform(2, 8), pixels.shape)
    return np.asarray(np.clip(pixels, 0, 255), np.uint8)


def turn(picture: KnownPicture, rng: np.random.Generator) -> KnownPicture:
    """Turn by a multiple of 90 degrees and mirror at random.

    For pictures whose questions are made afterwards; written questions name places.
    """
    quarters, mirrored = int(rng.integers(4)), rng.random() < 0.5

    def move(array: NDArray[np.generic]) -> NDArray[np.generic]:
        turned = np.rot90(array, quarters)
        return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)

    return _map(picture, move, picture.gsd_m)


def rotate(picture: KnownPicture, degrees: float) -> KnownPicture:
    """Turn a square picture by any angle and keep the largest upright square that it fills.

    Its side is ``s / (|cos| + |sin|)`` of the old side s: 0.71 s at 45 degrees. What the
    square cuts off is treated as in `crop`.
    """
    side = picture.image.shape[0]
    angle = math.radians(degrees)
    stretch = abs(math.cos(angle)) + abs(math.sin(angle))
    canvas = math.ceil(side * stretch)
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), degrees, 1.0)
    matrix[:, 2] += (canvas - side) / 2  # nothing leaves the canvas, so that `crop` sees it all

    def spun(array: NDArray[np.generic]) -> NDArray[np.generic]:
        pixels = np.asarray(array, np.float32)
        # The outermost pixels mix with what lies beyond: masks end there, colours go on.
        border = cv2.BORDER_CONSTANT if array.dtype == bool else cv2.BORDER_REPLICATE
        turned = cv2.warpAffine(pixels, matrix, (canvas, canvas), borderMode=border)
        return np.asarray(turned >= 0.5 if array.dtype == bool else np.rint(turned), array.dtype)

    kept = math.floor(side / stretch)
    start = (canvas - kept) // 2
    return crop(_map(picture, spun, picture.gsd_m), start, start, kept, kept)


def crop(picture: KnownPicture, top: int, left: int, height: int, width: int) -> KnownPicture:
    """Cut a window; objects mostly outside are dropped, and their kind becomes incomplete."""

    def cut(array: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.ascontiguousarray(array[top : top + height, left : left + width])

    cropped = _map(picture, cut, picture.gsd_m)
    kept: list[SceneObject] = []
    broken: set[str] = set()
    index: dict[int, int] = {}
    for number, (before, after) in enumerate(zip(picture.objects, cropped.objects, strict=True)):
        left_px = int(after.mask.sum())
        if after.kind != "stuff" and 0 < left_px < _LEAST_LEFT * before.mask.sum():
            broken.add(after.category)
        elif left_px >= _LEAST_PX:
            index[number] = len(kept)
            kept.append(after)
        elif left_px:
            broken.add(after.category)
    objects = tuple(
        replace(
            item,
            complete=item.complete and item.category not in broken,
            parent=None if item.parent is None else index.get(item.parent),
        )
        for item in kept
    )
    return replace(cropped, objects=objects)


def resize(picture: KnownPicture, side: int) -> KnownPicture:
    """Scale so that the longer side has `side` pixels; the ground pixel follows."""
    height, width = picture.image.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR

    def scaled(array: NDArray[np.generic]) -> NDArray[np.generic]:
        if array.dtype == bool:
            return np.asarray(cv2.resize(array.astype(np.float32), size, interpolation=how) >= 0.5)
        return np.asarray(cv2.resize(np.asarray(array, np.uint8), size, interpolation=how))

    return _map(picture, scaled, picture.gsd_m / scale if picture.gsd_m else None)


def drop_crumbs(objects: Sequence[SceneObject]) -> tuple[SceneObject, ...]:
    """Leave out objects that have become too small to be seen; their kind is incomplete."""
    small = {item.category for item in objects if item.mask.sum() < _LEAST_PX}
    if not small:
        return tuple(objects)
    kept = [item for item in objects if item.mask.sum() >= _LEAST_PX]
    return tuple(
        replace(item, complete=item.complete and item.category not in small, parent=None)
        for item in kept
    )


def _map(picture: KnownPicture, change: object, gsd_m: float | None) -> KnownPicture:
    assert callable(change)
    objects = tuple(replace(item, mask=change(item.mask)) for item in picture.objects)
    return replace(picture, image=change(picture.image), objects=objects, gsd_m=gsd_m)
