"""What is to be seen in an image, before anybody asks: named masks, one image a line.

`targets.jsonl` lies at the top of a training folder. Questions are made from it (positions,
sizes, counts and relations follow from the masks), and images without annotation are listed
too: their scene still tells what is not there.

One JSON object a line: ``image`` (path relative to the file), ``scene``, ``gsd_m`` or null,
``split``, ``annotated``, ``source`` and ``licence`` of the image, ``complete`` and ``absent``
(lists of nouns), ``targets`` (a list of ``phrase``, ``granularity`` and ``mask``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from segearth.data.json_lines import Fault, read_lines
from segearth.data.rle import Rle
from segearth.errors import DataError
from segearth.files import atomic_path


@dataclass(frozen=True, kw_only=True)
class Target:
    """One thing in an image, or everything of a kind."""

    phrase: str
    granularity: str
    """semantic (everything of a kind), instance or part."""
    mask: Rle


@dataclass(frozen=True, kw_only=True)
class AnnotatedImage:
    """An image and what is known to be in it."""

    image: Path
    """Absolute after reading."""
    scene: str
    split: str
    annotated: bool
    """False if nobody has drawn anything: then `targets` is empty, and says nothing."""
    targets: tuple[Target, ...]
    gsd_m: float | None = None
    complete: tuple[str, ...] = ()
    """Singular nouns of which every instance is listed one by one."""
    absent: tuple[str, ...] = ()
    """Singular nouns that are surely not in the image."""
    source: str | None = None
    licence: str | None = None
    """Of the image, in words."""


def read_targets(path: Path) -> list[AnnotatedImage]:
    """Read a `targets.jsonl`.

    Raises:
        DataError: The file cannot be read, or a line is not as described above.
    """
    images = []
    for number, row in read_lines(path):
        try:
            images.append(_image(row, path.parent.resolve()))
        except (KeyError, TypeError) as error:
            problem = row.message if isinstance(row, Fault) else f"not as expected: {error}"
            raise DataError(
                problem,
                where=f"{path}, line {number}",
                hint="write the file again with segearth data aerial",
            ) from error
    return images


def write_targets(path: Path, images: Iterable[AnnotatedImage]) -> None:
    """Write a `targets.jsonl` through a temporary file; image paths become relative to it."""
    folder = path.parent.resolve()
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        for image in images:
            row = {
                "image": image.image.relative_to(folder).as_posix(),
                "scene": image.scene,
                "gsd_m": image.gsd_m,
                "split": image.split,
                "annotated": image.annotated,
                "source": image.source,
                "licence": image.licence,
                "complete": list(image.complete),
                "absent": list(image.absent),
                "targets": [vars(target) for target in image.targets],
            }
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def _image(row: object, folder: Path) -> AnnotatedImage:
    """Make an image of a row; a wrong row raises KeyError or TypeError."""
    if not isinstance(row, dict):
        raise TypeError("a line should be an object")
    return AnnotatedImage(
        image=folder / row["image"],
        scene=row["scene"],
        split=row["split"],
        annotated=row["annotated"],
        targets=tuple(Target(**target) for target in row["targets"]),
        gsd_m=row["gsd_m"],
        complete=tuple(row.get("complete", ())),
        absent=tuple(row.get("absent", ())),
        source=row.get("source"),
        licence=row.get("licence"),
    )
