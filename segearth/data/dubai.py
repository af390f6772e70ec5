"""The Dubai scenes with colour masks, by Humans in the Loop and the MBRSC.

"Semantic segmentation of aerial imagery": satellite images of Dubai, tile by tile, with a
colour for every pixel's class. Re-published as CC0; the ground size of a pixel is not
stated. Each class that covers enough of an image becomes one semantic target.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segearth.data.answers import mark
from segearth.data.images import link_or_copy, read_rgb
from segearth.data.manifest import Record
from segearth.data.rle import Rle, encode_mask
from segearth.data.targets import AnnotatedImage, Target
from segearth.data.vocabulary import singular
from segearth.errors import DataError

SCENE = "dubai"
SOURCE = "Semantic segmentation of aerial imagery (Humans in the Loop, MBRSC)"
LICENCE = "CC0 as stated by re-publishers"

COLOURS = {
    "buildings": (60, 16, 152),
    "bare land": (132, 41, 246),  # "land" alone could mean everything but water
    "roads": (110, 193, 228),
    "vegetation": (254, 221, 58),
    "water": (226, 169, 41),
}
"""RGB in the mask files. (155, 155, 155) is unlabelled and belongs to no target."""

MIN_SHARE = 0.002
"""A class below this share of the pixels is not made a target."""

_FOLDER = re.compile(r"tile ?(\d+)", re.IGNORECASE)


def find_tiles(source: Path) -> dict[int, Path]:
    """Find the folders ``tile1`` or ``Tile 1`` with `images` and `masks`, up to three levels deep.

    Returns:
        The folders by tile number, in order.
    """
    found = {
        int(match[1]): folder
        for depth in ("*", "*/*", "*/*/*")
        for folder in sorted(source.glob(depth))
        if (match := _FOLDER.fullmatch(folder.name))
        and (folder / "images").is_dir()
        and (folder / "masks").is_dir()
    }
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Scene:
    """An image as published; its colour mask lies beside it."""

    file: Path
    tile: int

    def take_in(self, out: Path) -> tuple[AnnotatedImage, list[Record]]:
        """Put the image into a training folder, and make targets and questions of its mask.

        Args:
            out: The training folder.

        Returns:
            The image in its new place, and a question for every class.

        Raises:
            DataError: The mask is missing, damaged or of another size.
        """
        colours = read_rgb(self.file.parent.parent / "masks" / f"{self.file.stem}.png")
        if read_rgb(self.file).shape != colours.shape:
            raise DataError("image and mask differ in size", where=str(self.file))
        place = out / "images" / SCENE / f"tile{self.tile}" / self.file.name
        link_or_copy(self.file, place)
        masks = {phrase: (colours == colour).all(-1) for phrase, colour in COLOURS.items()}
        absent = [phrase for phrase, mask in masks.items() if not mask.any()]
        image = AnnotatedImage(
            image=place,
            scene=SCENE,
            split="train" if self.tile <= 5 else "val" if self.tile == 7 else "test",
            annotated=True,
            targets=tuple(
                Target(phrase=phrase, granularity="semantic", mask=encode_mask(mask))
                for phrase, mask in masks.items()
                if mask.mean() >= MIN_SHARE
            ),
            absent=tuple(singular(phrase) for phrase in absent),
            source=SOURCE,
            licence=LICENCE,
        )
        name = f"{SCENE}{self.tile}-{self.file.stem}"
        return image, list(class_questions(image, absent, name))


def list_scenes(tiles: Mapping[int, Path]) -> Iterator[Scene]:
    """Go through the images of all tiles.

    Args:
        tiles: The tiles' folders by number.
    """
    for number, folder in tiles.items():
        for path in sorted((folder / "images").glob("*.jpg")):
            yield Scene(path, number)


def class_questions(image: AnnotatedImage, absent: Sequence[str], name: str) -> Iterator[Record]:
    """Ask for each class; where it has no pixel the right answer is that it is not there.

    A class between nothing and `MIN_SHARE` is not asked for: neither answer would be fair.

    Args:
        image: The image with its targets.
        absent: The classes without a pixel.
        name: What the ids start with.
    """
    for target in image.targets:
        this = "These are" if target.phrase.endswith("s") else "This is"
        answer = f"{this} the {mark(target.phrase)}."
        yield _question(image, target.phrase, name, answer, (target.mask,))
    for phrase in absent:
        verb = "are" if phrase.endswith("s") else "is"
        answer = f"There {verb} no {phrase} in this image."
        yield _question(image, phrase, name, answer, ())


def _question(
    image: AnnotatedImage, phrase: str, name: str, answer: str, masks: tuple[Rle, ...]
) -> Record:
    """Make the record of a class."""
    return Record(
        id=f"{name}-{phrase.replace(' ', '-')}",
        image=image.image,
        instruction=f"Segment all {phrase}.",
        answer=answer,
        masks=masks,
        facets={
            "granularity": "semantic",
            "multiplicity": "single" if masks else "none",
            "reasoning": "explicit",
            "length": "short",
        },
        split=image.split,
        source=SOURCE,
        licence=LICENCE,
        extra={"scene": image.scene},
    )
