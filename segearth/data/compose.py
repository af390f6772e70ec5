"""Make new pictures of known ones: mosaics of tiles, and objects pasted onto tiles.

Both multiply the rare and hard questions, "which one" and "all of them here and there",
with real texture and exact masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from segearth.data.augment import crop, resize
from segearth.data.colours import colour_name
from segearth.data.known import KnownPicture
from segearth.data.objects import SceneObject

PASTED = (
    "airplane",
    "small car",
    "truck",
    "storage tank",
    "swimming pool",
    "motorboat",
    "ship",
    "tennis court",
    "house",
    "mobile home",
    "sand bunker",
    "baseball diamond",
    "vehicle",
    "tree",
)
"""Things that look like themselves on other ground. A building's shadow or a bridge's road
would look wrong."""

_LARGEST = 0.6  # of the tile's side
_OVERLAP = 0.02  # of an object's pixels that may cover another pasted one


@dataclass(frozen=True, kw_only=True)
class CutOut:
    """An object cut out of a tile: pixels ``(h, w, 3)``, mask ``(h, w)``, what it is."""

    category: str
    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def cut_out(picture: KnownPicture) -> list[CutOut]:
    """Cut out the things of a tile that can be pasted; those at the border are not whole."""
    height, width = picture.image.shape[:2]
    cuts = []
    for item in picture.objects:
        x, y, w, h = cv2.boundingRect(item.mask.astype(np.uint8))
        whole = x > 0 and y > 0 and x + w < width and y + h < height
        if item.category in PASTED and whole and w * h and max(w, h) < _LARGEST * width:
            box = np.s_[max(0, y - 1) : y + h + 1, max(0, x - 1) : x + w + 1]
            cuts.append(
                CutOut(
                    category=item.category,
                    pixels=picture.image[box].copy(),
                    mask=item.mask[box].copy(),
                )
            )
    return cuts


def paste(ground: KnownPicture, cuts: Sequence[CutOut], rng: np.random.Generator) -> KnownPicture:
    """Paste one to three kinds of objects, several of each, onto a tile.

    Only kinds that are surely absent from the tile are pasted, so they are complete after it.
    What they cover is taken from the tile's own objects.
    """
    kinds = sorted({cut.category for cut in cuts} & set(ground.absent))
    if not kinds:
        return ground
    chosen = rng.choice(kinds, size=min(len(kinds), int(rng.integers(1, 4))), replace=False)
    image = ground.image.copy()
    taken = np.zeros(image.shape[:2], bool)
    pasted: list[SceneObject] = []
    for category in chosen:
        pool = [cut for cut in cuts if cut.category == category]
        for _ in range(int(rng.integers(1, 6))):
            # Mostly the same object again: "the largest" of twins is a question of size.
            mask = _place(image, taken, pool[int(rng.integers(len(pool)))], rng)
            if mask is not None:
                taken |= mask
                pasted.append(
                    SceneObject(
                        category=str(category),
                        mask=mask,
                        kind="thing",
                        colour=colour_name(image, mask),
                    )
                )
    kept = [replace(item, mask=item.mask & ~taken) for item in ground.objects]
    kept = [item for item in kept if item.kind == "stuff" and item.mask.any()]
    absent = set(ground.absent) - {str(category) for category in chosen}
    return replace(ground, image=image, objects=(*kept, *pasted), absent=tuple(sorted(absent)))


def mosaic(tiles: Sequence[KnownPicture], columns: int, tile_px: int) -> KnownPicture:
    """Lay square tiles side by side, row by row.

    A kind is complete in the mosaic if in every tile it is complete or surely absent.
    """
    small = [resize(_square(tile), tile_px) for tile in tiles]
    rows = len(tiles) // columns
    side = np.zeros((rows * tile_px, columns * tile_px, 3), np.uint8)
    placed: list[tuple[int, SceneObject]] = []
    for number, tile in enumerate(small):
        top, left = number // columns * tile_px, number % columns * tile_px
        box = np.s_[top : top + tile_px, left : left + tile_px]
        side[box] = tile.image
        for item in tile.objects:
            mask = np.zeros(side.shape[:2], bool)
            mask[box] = item.mask
            placed.append((number, replace(item, mask=mask, parent=None)))
    known = _kinds_known_everywhere(small)
    objects = _join_stuff([replace(item, complete=item.category in known) for _, item in placed])
    present = {item.category for item in objects}
    absent = set.intersection(*(set(tile.absent) for tile in tiles)) - present
    gsds = {tile.gsd_m for tile in small}
    return KnownPicture(
        image=side,
        objects=tuple(objects),
        absent=tuple(sorted(absent)),
        gsd_m=gsds.pop() if len(gsds) == 1 else None,
    )


def _square(tile: KnownPicture) -> KnownPicture:
    """Cut the middle square out of a tile."""
    height, width = tile.image.shape[:2]
    side = min(height, width)
    return crop(tile, (height - side) // 2, (width - side) // 2, side, side)


def _kinds_known_everywhere(tiles: Sequence[KnownPicture]) -> set[str]:
    known = []
    for tile in tiles:
        incomplete = {item.category for item in tile.objects if not item.complete}
        complete = {item.category for item in tile.objects if item.complete} - incomplete
        known.append(complete | set(tile.absent))
    return set.intersection(*known)


def _join_stuff(objects: Sequence[SceneObject]) -> list[SceneObject]:
    """Join the regions of one kind of stuff: grass here and grass there are the grass."""
    joined: dict[str, SceneObject] = {}
    things = []
    for item in objects:
        if item.kind != "stuff":
            things.append(item)
        elif item.category in joined:
            first = joined[item.category]
            joined[item.category] = replace(first, mask=first.mask | item.mask)
        else:
            joined[item.category] = item
    return [*things, *joined.values()]


def _place(
    image: NDArray[np.uint8], taken: NDArray[np.bool_], cut: CutOut, rng: np.random.Generator
) -> NDArray[np.bool_] | None:
    """Paste one object, turned and scaled; returns its mask, or None if there is no room."""
    pixels, alpha = _turned(cut, float(rng.uniform(0, 360)), float(rng.uniform(0.75, 1.35)))
    height, width = alpha.shape
    rows, columns = image.shape[:2]
    if height >= rows or width >= columns:
        return None
    light = float(rng.uniform(0.85, 1.15))
    for _ in range(6):
        top, left = int(rng.integers(rows - height)), int(rng.integers(columns - width))
        box = np.s_[top : top + height, left : left + width]
        solid = alpha >= 0.5
        if (taken[box] & solid).sum() > _OVERLAP * solid.sum():
            continue
        mixed = image[box] * (1 - alpha[..., None]) + pixels * light * alpha[..., None]
        image[box] = np.clip(mixed, 0, 255).astype(np.uint8)
        mask = np.zeros((rows, columns), bool)
        mask[box] = solid
        return mask
    return None


def _turned(
    cut: CutOut, angle: float, scale: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    height, width = cut.mask.shape
    side = int(np.ceil(np.hypot(height, width) * scale)) + 2
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
    matrix[:, 2] = matrix[:, 2] + (side - np.array([width, height])) / 2
    pixels = cv2.warpAffine(
        cut.pixels.astype(np.float32), matrix, (side, side), borderMode=cv2.BORDER_REPLICATE
    )
    alpha = cv2.warpAffine(cut.mask.astype(np.float32), matrix, (side, side))
    return np.asarray(pixels, np.float32), np.asarray(alpha, np.float32)
