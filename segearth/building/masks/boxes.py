"""Read annotated boxes: our own short JSON form, or COCO detection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from segearth.building.masks.file import Box, is_box
from segearth.data.rle import Rle
from segearth.errors import DataError

_HINT = 'write {"a.png": [{"box": [x0, y0, x1, y1], "category": "ship"}]}, or COCO detection'


class Annotated(NamedTuple):
    """An annotated object."""

    box: Box
    category: str | None
    mask: Rle | None = None
    """Where somebody has drawn one already (SAMRS)."""


class Annotation(Protocol):
    """Boxes by image."""

    def find(self, image: str) -> list[Annotated] | None:
        """Return the objects of an image; None if nobody annotated it.

        Args:
            image: Path below the images' folder, with slashes.

        Raises:
            DataError: Its annotation is unusable.
        """

    def key(self, image: str) -> str | None:
        """Return by what an image's annotation is found, without reading it; None if it has none.

        Args:
            image: As for `find`.
        """


class BoxFile:
    """Boxes of a JSON file, looked up by the image's path or, failing that, its name."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            DataError: It cannot be read, or a box is none; says which.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise DataError(
                f"{path.name} cannot be read: {error.strerror or error}", where=str(path)
            ) from error
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path.name} is no JSON", where=str(path), hint=_HINT) from error
        if not isinstance(document, dict):
            raise DataError("boxes should be a JSON object", where=str(path), hint=_HINT)
        try:
            is_coco = isinstance(document.get("annotations"), list) and "images" in document
            self._boxes = _coco(document) if is_coco else _short(document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"boxes not as expected: {error}", where=str(path), hint=_HINT) from (
                error
            )

    def find(self, image: str) -> list[Annotated] | None:
        """See `Annotation.find`."""
        key = self.key(image)
        return None if key is None else self._boxes[key]

    def key(self, image: str) -> str | None:
        """See `Annotation.key`."""
        return next((name for name in (image, Path(image).name) if name in self._boxes), None)


def _short(document: Mapping[str, Any]) -> dict[str, list[Annotated]]:
    """Read ``{image: [box or {"box", "category"}]}``."""
    boxes: dict[str, list[Annotated]] = {}
    for image, items in document.items():
        boxes[image] = []
        for item in items:
            box = item["box"] if isinstance(item, dict) else item
            category = item.get("category") if isinstance(item, dict) else None
            boxes[image].append(_annotated(box, category, image))
    return boxes


def _coco(document: Mapping[str, Any]) -> dict[str, list[Annotated]]:
    """Read COCO detection; its boxes are x, y, width, height."""
    names = {row["id"]: row["name"] for row in document.get("categories", ())}
    images = {row["id"]: str(row["file_name"]) for row in document["images"]}
    boxes: dict[str, list[Annotated]] = {image: [] for image in images.values()}
    for row in document["annotations"]:
        image = images[row["image_id"]]
        x, y, width, height = row["bbox"]
        category = names.get(row.get("category_id"))
        boxes[image].append(_annotated([x, y, x + width, y + height], category, image))
    return boxes


def _annotated(box: object, category: object, image: str) -> Annotated:
    if not is_box(box):
        raise ValueError(f"{box!r} of {image} is no box [x0, y0, x1, y1]")
    if not isinstance(category, str | None):
        raise ValueError(f"the category {category!r} of {image} should be text")
    assert isinstance(box, list)
    x0, y0, x1, y1 = map(float, box)
    return Annotated((x0, y0, x1, y1), category)
