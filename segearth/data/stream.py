"""An endless stream of pictures and questions, made from annotated tiles.

Every example is decided by its number alone, so that a run can stop anywhere and go on
exactly, with any number of workers. The kinds of pictures and their shares come from the
recipe: tiles as they are with their written questions, tiles and crops with generated ones,
mosaics, tiles with pasted objects, drawn scenes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from segearth.config.recipe import DataRecipe
from segearth.data.augment import crop, drop_crumbs, recolour, resize, rotate, turn
from segearth.data.company import Company
from segearth.data.compose import cut_out, mosaic, paste
from segearth.data.known import KnownPicture, know
from segearth.data.manifest import Record, read_manifest
from segearth.data.paraphrase import join, mirror, paraphrase
from segearth.data.questions import ask
from segearth.data.rle import decode_mask
from segearth.data.samples import Example, Exchange
from segearth.data.targets import AnnotatedImage, read_targets
from segearth.errors import RecipeError
from segearth.geo.raster import open_scene

_T = TypeVar("_T")
TILE_PX = 256
_WRITTEN = 0.55  # share of plain tiles whose written questions are asked, where there are any
_UNSEEN = 0.12  # share of plain tiles that are not annotated: what cannot be there is not there
_LARGEST_PX = 1024  # Dubai's largest are 2,160 px; their classes are wide
_MOST_ABSENT = 3  # questions after absent things, of one picture
_LIKELY = 0.6  # share of absent things that are drawn from those that such a picture often shows
_OFFERED = 8  # absent things that the questions of one picture choose from
_HIDE_GSD = 0.3  # share of examples that do not say how large a pixel is


class Stream:
    """Examples by number."""

    def __init__(self, recipe: DataRecipe, seed: int) -> None:
        """Read the annotations; pictures are read when needed.

        Args:
            recipe: Files and shares.
            seed: Of the whole run.

        Raises:
            RecipeError: There is nothing to learn from.
            DataError: A file cannot be read.
        """
        self.recipe, self.seed = recipe, seed
        self._pictures: dict[Path, KnownPicture] = {}
        tiles = read_targets(Path(recipe.targets)) if recipe.targets else []
        tiles = [tile for tile in tiles if tile.split == "train"]
        self.annotated = [tile for tile in tiles if tile.annotated for _ in range(_shares(tile))]
        self.unseen = [tile for tile in tiles if not tile.annotated]
        self.company = Company(tile for tile in tiles if tile.annotated)
        self.written: dict[Path, list[Record]] = {}
        for record in read_manifest(Path(recipe.train)) if recipe.train else []:
            self.written.setdefault(record.image, []).append(record)
        known = {tile.image for tile in tiles if tile.annotated}
        self.plain = [image for image in self.written if image not in known]
        if not self.written and not self.annotated and recipe.drawn <= 0:
            raise RecipeError(
                "there is nothing to learn from",
                where="data",
                hint="name data.train or data.targets, or set data.drawn above 0",
            )

    def example(self, number: int) -> Example:
        """Make example `number`: always the same for the same recipe and seed."""
        rng = np.random.default_rng((self.seed, number))
        for _ in range(20):  # a picture may yield no question; another will
            example = self._try(rng)
            if example.exchanges:
                return example
        raise RecipeError("no questions can be made of this data", where="data")

    def _try(self, rng: np.random.Generator) -> Example:
        recipe, draw = self.recipe, rng.random()
        real = bool(self.annotated)
        if draw < recipe.drawn or not (real or self.written):
            return self._ask(_draw(rng), rng)
        if real and draw < recipe.drawn + recipe.mosaic:
            return self._ask(self._mosaic(rng), rng)
        if real and draw < recipe.drawn + recipe.mosaic + recipe.paste:
            return self._ask(self._paste(rng), rng)
        return self._tile(rng)

    def _tile(self, rng: np.random.Generator) -> Example:
        if self.unseen and rng.random() < _UNSEEN:
            return self._ask(self._known(_pick(self.unseen, rng)), rng)
        if self.plain and (not self.annotated or rng.random() < 0.5):
            return self._written(_pick(self.plain, rng), rng)
        tile = _pick(self.annotated, rng)
        if tile.image in self.written and rng.random() < _WRITTEN and tile.scene != "dubai":
            return self._written(tile.image, rng)
        picture = self._known(tile)
        height, width = picture.image.shape[:2]
        if self.recipe.rotate and height == width and rng.random() < self.recipe.rotate:
            picture = rotate(picture, float(rng.uniform(-45, 45)))
        if rng.random() < self.recipe.scale or max(picture.image.shape) > 2 * TILE_PX:
            picture = _zoom(picture, rng)
        return self._ask(turn(picture, rng) if self.recipe.flip else picture, rng)

    def _mosaic(self, rng: np.random.Generator) -> KnownPicture:
        columns = int(rng.choice([2, 2, 3]))
        tiles = [_pick(self.annotated, rng) for _ in range(columns * columns)]
        # One theme in a mosaic makes "which one" a question.
        if rng.random() < 0.5:
            theme = tiles[0].scene
            pool = [tile for tile in self.annotated if tile.scene == theme]
            tiles = [_pick(pool, rng) for _ in tiles]
        pictures = []
        for tile in tiles:
            picture = self._known(tile)
            if picture.image.shape[:2] != (TILE_PX, TILE_PX):
                picture = _window(picture, TILE_PX, rng)
            pictures.append(turn(picture, rng))
        return mosaic(pictures, columns, 384 // columns)

    def _paste(self, rng: np.random.Generator) -> KnownPicture:
        pool = self.unseen if self.unseen and rng.random() < 0.6 else self.annotated
        ground = self._known(_pick(pool, rng))
        if ground.image.shape[:2] != (TILE_PX, TILE_PX):
            ground = _window(ground, TILE_PX, rng)
        donors = [self._known(_pick(self.annotated, rng)) for _ in range(6)]
        cuts = [
            cut
            for donor in donors
            if donor.image.shape[:2] == (TILE_PX, TILE_PX)
            for cut in cut_out(donor)
        ]
        return paste(turn(ground, rng), cuts, rng)

    def _known(self, tile: AnnotatedImage) -> KnownPicture:
        """Read a tile once; some 0.5 MB stay in memory for each."""
        if tile.image not in self._pictures:
            self._pictures[tile.image] = _read_known(tile)
        return self._pictures[tile.image]

    def _ask(self, picture: KnownPicture, rng: np.random.Generator) -> Example:
        """Ask generated questions."""
        picture = replace(picture, objects=drop_crumbs(picture.objects))
        questions = ask(
            picture.objects,
            rng,
            self.recipe.questions,
            absent=self._offer(picture, rng),
            closed=picture.closed,
        )
        refused = 0
        chosen = []
        for question in questions:
            refused += not question.masks
            # A tile of which little is known would be asked for little but what is not there.
            if question.masks or refused <= _MOST_ABSENT:
                chosen.append(question)
        exchanges = tuple(
            Exchange(instruction=q.instruction, answer=q.answer, masks=q.masks) for q in chosen
        )
        return _finish(picture.image, exchanges, picture.gsd_m, rng)

    def _offer(self, picture: KnownPicture, rng: np.random.Generator) -> list[str]:
        """Draw some of what is absent: mostly what one would look for in such a picture.

        Whoever is asked for ships in a forest learns to tell words apart, not pictures.
        """
        if not picture.absent:
            return []
        even = np.full(len(picture.absent), 1 / len(picture.absent))
        likely = self.company.expect({item.category for item in picture.objects}, picture.absent)
        shares = (1 - _LIKELY) * even + _LIKELY * (likely if likely.any() else even)
        count = min(_OFFERED, len(picture.absent))
        return [str(name) for name in rng.choice(picture.absent, count, replace=False, p=shares)]

    def _written(self, path: Path, rng: np.random.Generator) -> Example:
        """Ask a tile's written questions, reworded, mirrored and joined."""
        image, records = _pixels(path), self.written[path]  # at full size, as the masks are
        flips = [bool(rng.random() < 0.5) and self.recipe.flip for _ in range(2)]
        exchanges = [made for record in records if (made := _exchange(record, flips, rng))]
        order = rng.permutation(len(exchanges))[: self.recipe.questions]
        chosen = [exchanges[index] for index in order]
        if len(chosen) >= 2 and len(exchanges) > 1 and rng.random() < 0.4:
            chosen += _joined(chosen[0], chosen[1], rng)
        horizontal, vertical = flips
        image = image[:: -1 if vertical else 1, :: -1 if horizontal else 1]
        return _finish(np.ascontiguousarray(image), tuple(chosen), records[0].gsd_m, rng)


def _exchange(record: Record, flips: Sequence[bool], rng: np.random.Generator) -> Exchange | None:
    horizontal, vertical = flips
    instruction, answer = record.instruction, record.answer
    masks = [decode_mask(rle) for rle in record.masks]
    if horizontal or vertical:
        turned = [
            mirror(text, horizontal=horizontal, vertical=vertical) for text in (instruction, answer)
        ]
        if turned[0] is None or turned[1] is None:
            return None
        instruction, answer = turned[0], turned[1]
        step = np.s_[:: -1 if vertical else 1, :: -1 if horizontal else 1]
        masks = [np.ascontiguousarray(mask[step]) for mask in masks]
    return Exchange(instruction=paraphrase(instruction, rng), answer=answer, masks=tuple(masks))


def _joined(first: Exchange, second: Exchange, rng: np.random.Generator) -> list[Exchange]:
    both = join((first.instruction, first.answer), (second.instruction, second.answer), rng)
    if both is None or first.masks is None or second.masks is None:
        return []
    masks = (*first.masks, *second.masks)
    return [Exchange(instruction=both[0], answer=both[1], masks=masks)]


def _draw(rng: np.random.Generator) -> KnownPicture:
    from segearth.data.scenes import draw_scene

    scene = draw_scene(rng, TILE_PX)
    return KnownPicture(
        image=scene.image,
        objects=tuple(scene.objects),
        absent=tuple(scene.absent),
        gsd_m=scene.gsd_m,
        closed=True,
    )


def _zoom(picture: KnownPicture, rng: np.random.Generator) -> KnownPicture:
    """Show a part of the picture, or the whole of it at a coarser resolution."""
    height, width = picture.image.shape[:2]
    if max(height, width) > 2 * TILE_PX:
        picture = _window(picture, int(rng.integers(TILE_PX // 2, min(height, width) + 1)), rng)
    elif rng.random() < 0.6:
        picture = _window(picture, int(rng.integers(TILE_PX * 5 // 8, TILE_PX)), rng)
    else:
        return resize(picture, int(rng.integers(96, 224)))
    return resize(picture, 384) if max(picture.image.shape) > 384 else picture


def _window(picture: KnownPicture, side: int, rng: np.random.Generator) -> KnownPicture:
    height, width = picture.image.shape[:2]
    rows, columns = min(side, height), min(side, width)
    top = int(rng.integers(height - rows + 1))
    left = int(rng.integers(width - columns + 1))
    return crop(picture, top, left, rows, columns)


def _finish(
    image: NDArray[np.uint8],
    exchanges: tuple[Exchange, ...],
    gsd_m: float | None,
    rng: np.random.Generator,
) -> Example:
    hidden = gsd_m is None or rng.random() < _HIDE_GSD
    return Example(image=recolour(image, rng), exchanges=exchanges, gsd_m=None if hidden else gsd_m)


def _shares(tile: AnnotatedImage) -> int:
    """Count how often a picture stands in the pool: a large one shows more than a tile."""
    if not tile.targets:
        return 1
    rows, columns = (int(side) for side in tile.targets[0].mask["size"])
    return max(1, round(math.sqrt(rows * columns) / TILE_PX))


def _pick(pool: Sequence[_T], rng: np.random.Generator) -> _T:
    return pool[int(rng.integers(len(pool)))]


def _pixels(path: Path) -> NDArray[np.uint8]:
    """Read a whole picture the way `segearth predict` does, ``(H, W, 3)``."""
    with open_scene(str(path)) as scene:
        return scene.read(0, 0, scene.height, scene.width).image


def _read_known(tile: AnnotatedImage) -> KnownPicture:
    picture = know(tile, _pixels(tile.image))
    return resize(picture, _LARGEST_PX) if max(picture.image.shape) > _LARGEST_PX else picture


cv2.setNumThreads(1)  # workers share the cores with training
