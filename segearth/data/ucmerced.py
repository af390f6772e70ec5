"""The tiles of the UC Merced Land Use dataset: where they lie and which half they belong to.

Yang and Newsam, "Bag-of-visual-words and spatial extensions for land-use classification",
ACM GIS 2010. 21 scenes with 100 tiles each of 256 x 256 px, 0.3 m a pixel, cut from the
USGS National Map Urban Area Imagery (public domain).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from segearth.data.annotations import TileAnnotations, draw_targets, questions_of
from segearth.data.images import link_or_copy, read_rgb, write_png
from segearth.data.manifest import Record
from segearth.data.targets import AnnotatedImage, Target
from segearth.errors import DataError

SOURCE = "UC Merced Land Use"
LICENCE = "image: USGS, public domain"
GSD_M = 0.3
SIDE_PX = 256
"""A few of the original tiles are some pixels smaller; annotations refer to 256 x 256."""

SCENES = frozenset(
    [
        "agricultural",
        "airplane",
        "baseballdiamond",
        "beach",
        "buildings",
        "chaparral",
        "denseresidential",
        "forest",
        "freeway",
        "golfcourse",
        "harbor",
        "intersection",
        "mediumresidential",
        "mobilehomepark",
        "overpass",
        "parkinglot",
        "river",
        "runway",
        "sparseresidential",
        "storagetanks",
        "tenniscourt",
    ]
)

_TILE = re.compile(r"(?P<scene>[a-z]+)(?P<index>\d{2})")
_SUFFIXES = (".tif", ".png", ".jpg")


def find_images(source: Path) -> Path | None:
    """Find the folder that holds one folder a scene, at most three levels below `source`.

    The dataset unpacks to ``Images/airplane/airplane00.tif``; the name and depth of what is
    above the scenes do not matter.

    Returns:
        The folder, or None.
    """
    level = [source]
    for _ in range(4):
        below = [child for folder in level for child in sorted(folder.iterdir()) if child.is_dir()]
        for folder in below:
            if folder.name in SCENES and any(folder.glob(f"{folder.name}[0-9][0-9].*")):
                return folder.parent
        level = [folder for folder in below if not folder.name.startswith(".")]
    return None


@dataclass(frozen=True)
class Tile:
    """A tile as published, with what is annotated in it."""

    file: Path
    known: TileAnnotations

    def take_in(self, out: Path) -> tuple[AnnotatedImage, list[Record]]:
        """Put the tile into a training folder and draw its targets.

        Args:
            out: The training folder.

        Returns:
            The image in its new place, and the questions about it.
        """
        name = self.file.stem
        scene, split = scene_and_split(name)
        place = out / "images" / scene / self.file.name
        pixels = read_rgb(self.file)
        if pixels.shape[:2] == (SIDE_PX, SIDE_PX):
            link_or_copy(self.file, place)
        else:
            place = place.with_suffix(".png")
            pixels = np.asarray(
                cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8
            )
            write_png(place, pixels)

        targets: list[Target] = []
        questions = [replace(question, image=place) for question in self.known.questions]
        for drawing in self.known.drawings:
            drawn = draw_targets(pixels, drawing)
            # Two files may draw the same thing; listing it twice would count it twice.
            targets += [target for target in drawn.values() if target not in targets]
            questions += questions_of(drawing, drawn, name, place)
        image = AnnotatedImage(
            image=place,
            scene=scene,
            split=split,
            annotated=bool(targets),
            targets=tuple(targets),
            gsd_m=GSD_M,
            source=SOURCE,
            licence=LICENCE,
            complete=tuple(n for drawing in self.known.drawings for n in drawing.complete),
            absent=tuple(n for drawing in self.known.drawings for n in drawing.absent),
        )
        return image, [_signed(question, image) for question in questions]


def list_tiles(images: Path, annotations: Mapping[str, TileAnnotations]) -> Iterator[Tile]:
    """Go through the tiles in the order of scene and index.

    Args:
        images: The folder with one folder a scene.
        annotations: What is known of each tile, by its stem.

    Raises:
        DataError: An annotated tile is not there.
    """
    files = {
        path.stem: path
        for scene in sorted(SCENES)
        for path in sorted((images / scene).glob(f"{scene}[0-9][0-9].*"))
        if path.suffix.lower() in _SUFFIXES
    }
    missing = sorted(set(annotations) - set(files))
    if missing:
        raise DataError(
            f"{len(missing)} annotated tiles are not there, such as {', '.join(missing[:3])}",
            where=str(images),
        )
    for name, path in files.items():
        yield Tile(path, annotations.get(name, TileAnnotations()))


def scene_and_split(tile: str) -> tuple[str, str]:
    """Tell a tile's scene and split from its stem.

    Tiles with neighbouring numbers often show the same place, so the split goes by blocks:
    00-61 train, 62-65 a gap that is in neither, 66-79 val. 80-99 are kept apart as test.
    """
    match = _TILE.fullmatch(tile)
    if match is None:
        raise DataError(f"{tile} is not the name of a UC Merced tile, such as airplane00")
    index = int(match["index"])
    split = "train" if index < 62 else "gap" if index < 66 else "val" if index < 80 else "test"
    return match["scene"], split


def _signed(question: Record, image: AnnotatedImage) -> Record:
    """Say of a question where its image comes from, unless the annotators did."""
    return replace(
        question,
        gsd_m=question.gsd_m or GSD_M,
        split=image.split,
        source=question.source or SOURCE,
        licence=question.licence or LICENCE,
        extra={**question.extra, "scene": image.scene},
    )
