"""The file between the stages: `masks.jsonl`, one line an image, masks with their origin.

A line is ``{"image", "size": [height, width], "gsd_m", "masks": [...]}``; the image lies
below the file's folder. A mask is ``{"id", "mask": RLE, "proposer", "score", "category",
"boxes", "prompt"}``:

- ``proposer``: who drew it: sam, regions or samrs.
- ``score``: the proposer's own; null for masks that were taken over.
- ``category``: of the annotation, or null.
- ``box_iou``: only if the category is that of a box which the mask fits: how well it does.
- ``boxes``: the annotated boxes that the mask stands for as a whole, ``[x0, y0, x1, y1]``;
  empty where it stands for none.
- ``prompt``: null, or ``{"grid": "global" | "local", "points": [[x, y]], "box"}``, where
  ``box`` is the crop that was looked at, null for the whole image.

A line may have ``complete``: singular nouns of which every instance has a mask.

Coordinates are pixels with (0, 0) at the top left corner of the image: the centre of the
first pixel is (0.5, 0.5). Later stages add keys and keep those they do not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NotRequired, TypedDict

from segearth.data.json_lines import Fault, read_lines
from segearth.data.rle import Rle, is_rle
from segearth.errors import DataError

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels; right and lower end exclusive."""


class Prompt(TypedDict):
    """What a proposer was asked."""

    grid: str
    points: list[list[float]]
    box: list[int] | None


class MaskRow(TypedDict):
    """A mask and where it comes from."""

    id: str
    mask: Rle
    proposer: str
    score: float | None
    category: str | None
    boxes: list[list[float]]
    prompt: Prompt | None
    box_iou: NotRequired[float]
    components: NotRequired[int]
    figures: NotRequired[dict[str, float]]
    judged_by: NotRequired[str | None]
    reasons: NotRequired[list[dict[str, object]]]


class ImageRow(TypedDict):
    """An image and its masks."""

    image: str
    size: list[int]
    gsd_m: float | None
    masks: list[MaskRow]
    complete: NotRequired[list[str]]


def read_masks(path: Path) -> Iterator[ImageRow]:
    """Go through a file of masks.

    Args:
        path: A `masks.jsonl`, or the `kept.jsonl` of a filter.

    Yields:
        Its lines as they are written, checked: keys that other stages rely on are there and
        of the right type, and images stay below the file's folder. Run lengths are not read.

    Raises:
        DataError: The file cannot be read, or a line is wrong; says which.
    """
    folder = path.parent.resolve()
    for number, row in read_lines(path):
        problem = row.message if isinstance(row, Fault) else find_problem(row, folder)
        if problem is not None:
            raise DataError(
                problem,
                where=f"{path}, line {number}",
                hint="write the file with: segearth data masks IMAGES -o FOLDER",
            )
        yield row  # type: ignore[misc]  # find_problem has looked at it


def find_problem(row: object, folder: Path) -> str | None:
    """Tell what keeps a parsed line from being an image with masks, or None.

    Args:
        row: The line.
        folder: Of the file, resolved.
    """
    if not isinstance(row, dict):
        return "a line should be a JSON object"
    image, masks = row.get("image"), row.get("masks")
    if not isinstance(image, str) or not image:
        return '"image" should be a path'
    if not _stays_below(image, folder):
        return f'"image" {image!r} leads out of the file\'s folder'
    if not is_rle({"size": row.get("size"), "counts": ""}):
        return '"size" should be [height, width]'
    if not isinstance(masks, list):
        return '"masks" should be a list'
    complete = row.get("complete", [])
    if not isinstance(complete, list) or not all(isinstance(kind, str) for kind in complete):
        return '"complete" should be a list of text'
    for index, mask in enumerate(masks):
        if problem := _mask_problem(mask, row["size"]):
            return f'"masks"[{index}]: {problem}'
    return None


def _mask_problem(mask: object, size: list[int]) -> str | None:
    if not isinstance(mask, dict):
        return "should be an object"
    rle = mask.get("mask")
    if not is_rle(rle):
        return '"mask" is not {"size": [height, width], "counts": text}'
    assert isinstance(rle, dict)
    if rle["size"] != size:
        return f"the mask is {rle['size']}, the image {size} (height, width)"
    if not isinstance(mask.get("id"), str):
        return '"id" should be text'
    if not isinstance(mask.get("proposer"), str):
        return '"proposer" should be text'
    if not isinstance(mask.get("category"), str | None):
        return '"category" should be text or null'
    boxes = mask.get("boxes")
    if not isinstance(boxes, list) or not all(is_box(box) for box in boxes):
        return '"boxes" should be a list of [x0, y0, x1, y1]'
    return None


def is_box(value: object) -> bool:
    """Tell whether a JSON value is [x0, y0, x1, y1] of finite numbers, x0 < x1 and y0 < y1."""
    if not isinstance(value, list) or len(value) != 4:
        return False
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in value):
        return False
    x0, y0, x1, y1 = value
    limit = float("inf")
    return bool(-limit < x0 < x1 < limit and -limit < y0 < y1 < limit)


def as_line(row: ImageRow) -> str:
    """Write an image's line, its end included."""
    return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"


def _stays_below(image: str, folder: Path) -> bool:
    try:
        return not Path(image).is_absolute() and (folder / image).resolve().is_relative_to(folder)
    except (OSError, ValueError, RuntimeError):  # a NUL character, or links in a circle
        return False
