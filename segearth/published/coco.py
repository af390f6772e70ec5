"""COCO instances: one question a category of an image, one mask for all of its objects.

A COCO file has boxes, polygons or run lengths, and categories, but no language; the
instruction is made from the category's name. Each JSON file is a split:
``instances_val2017.json`` becomes ``val2017.jsonl``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segearth.data.rle import encode_mask
from segearth.errors import DataError, UsageError
from segearth.published.catalogue import COCO
from segearth.published.coco_masks import read_segmentation, read_side
from segearth.published.examples import (
    BY_TEMPLATE,
    Example,
    Mask,
    Read,
    answer_with,
    category_words,
    file_below,
)
from segearth.published.files import read_json
from segearth.published.report import Report
from segearth.published.rrsis_d import xyxy

ASSUMED = {
    "granularity": "instance where the image has one object of the category, else semantic",
    "reasoning": "explicit: the instruction names the category",
}
NOT_EVERY = "one of its objects has no usable mask, and a record asks for every one"
Row = Mapping[str, Any]
_TWICE = object()  # in place of a category's name: two have this id


def find_splits(source: Path) -> dict[str, Read]:
    """Find the JSON files and return a reader for each.

    Args:
        source: A JSON file, or a folder with some in it or in its `annotations`.

    Raises:
        DataError: There are none.
    """
    if not source.exists():
        raise DataError(f"{source} does not exist", hint="give a COCO JSON file, or its folder")
    if source.is_file():
        files, root = [source], source.parent
    else:
        files = sorted((source / "annotations").glob("*.json")) or sorted(source.glob("*.json"))
        # COCO's own folder has captions and key points beside them.
        files = [file for file in files if file.name.startswith("instances")] or files
        root = source
    if not files:
        raise DataError(f"{source} holds no JSON files", hint=f"it should have: {COCO.layout}")
    if root.name == "annotations":
        root = root.parent
    splits = {_split(file): _reader(file, root) for file in files}
    if len(splits) < len(files):
        raise UsageError(
            "two JSON files would give manifests of the same name",
            where=str(source),
            hint="rename one, or convert one file at a time",
        )
    return splits


def _split(file: Path) -> str:
    """Name a file's split."""
    name = re.sub(r"^(instances|annotations)[_-]|[_-](instances|annotations)$", "", file.stem)
    return re.sub(r"[^\w-]+", "_", name)


def _reader(file: Path, root: Path) -> Read:
    def read(report: Report) -> Iterator[Example]:
        data = read_json(file)
        images = _rows(data, "images", file)
        categories: dict[str, object] = {}
        for row in _rows(data, "categories", file):
            key = str(row.get("id"))
            categories[key] = _TWICE if key in categories else row.get("name")
        by_image: dict[object, list[Row]] = {}
        for row in _rows(data, "annotations", file):
            by_image.setdefault(str(row.get("image_id")), []).append(row)
        times = Counter(str(row.get("id")) for row in images)
        stray = by_image.keys() - times.keys()
        for image_id in sorted(map(str, stray)):
            report.leave_out(
                "annotation without image", f"image {image_id}", f"no image has the id {image_id}"
            )
        for row in images:
            found = by_image.get(str(row.get("id")), [])
            report.counts.found += len(found)
            if times[str(row.get("id"))] > 1:
                said = f"{times[str(row.get('id'))]} images have this id"
                report.leave_out("image id twice", f"image {row.get('id')}", said)
                continue
            yield from _of_image(row, found, categories, root, _split(file), report)

    return read


def _rows(data: Any, key: str, file: Path) -> list[Row]:
    rows = data.get(key) if isinstance(data, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f'"{key}" is no list of objects', where=str(file))
    return rows


def _folders(root: Path, split: str) -> list[Path]:
    """Return where images may lie, best first."""
    names = (f"images/{split}", "images", split, "JPEGImages", ".")
    return [root / name for name in names if (root / name).is_dir()]


def _place(image: Path, root: Path) -> str:
    """Return where an image goes: as it lies below the source, without a first "images"."""
    parts = image.relative_to(root).parts
    return Path(*parts[1:] if parts[0] == "images" and len(parts) > 1 else parts).as_posix()


def _category(categories: Mapping[str, object], annotation: Row) -> str:
    """Return the words for an annotation's category.

    Raises:
        DataError: It has none, or a name without a word.
    """
    key = annotation.get("category_id")
    name = categories.get(str(key))
    if name is _TWICE:
        raise DataError(f"two categories have the id {key!r}")
    words = category_words(name).strip() if isinstance(name, str) else ""
    if not words:
        raise DataError(
            f"there is no category {key!r}" if name is None else f"its category is {name!r}"
        )
    return words


def _of_image(
    row: Row,
    annotations: list[Row],
    categories: Mapping[str, object],
    root: Path,
    split: str,
    report: Report,
) -> Iterator[Example]:
    """Make the examples of an image, one a category."""
    file = row.get("file_name")
    places = [path for folder in _folders(root, split) if (path := file_below(folder, file))]
    if not places:
        report.leave_out(
            "name leads outside", f"image {row.get('id')}", f"{file!r} is no file name"
        )
        return
    image = next(filter(Path.is_file, places), places[0])
    if not annotations:
        report.note("image without objects", str(file), "no annotation belongs to it")
    found: dict[str, list[tuple[Mask, Row]]] = {}
    gaps: set[str] = set()  # categories of which not every object is there
    for annotation in annotations:
        name = f"annotation {annotation.get('id')}"
        try:
            words = _category(categories, annotation)
        except DataError as error:
            report.leave_out("annotation unusable", name, error.problem)
            continue
        try:
            height, width = (read_side(row.get(side)) for side in ("height", "width"))
            mask = read_segmentation(annotation.get("segmentation"), height, width)
            if not mask.any():
                raise DataError("it covers no pixel")
        except DataError as error:
            report.leave_out("annotation unusable", name, error.problem)
            gaps.add(words)
            continue
        if mask.shape != (height, width):
            said = f"the image is stated to be {height} x {width}, the mask {mask.shape}"
            report.note("stated size", name, said)
        if annotation.get("iscrowd"):
            report.note("crowd", name, "a region of many objects, taken as part of its category")
        found.setdefault(words, []).append((mask, annotation))
    for words, objects in sorted(found.items()):
        if words in gaps:
            report.leave_out("not every object", f"{file} {words}", NOT_EVERY)
            continue
        if len({mask.shape for mask, _ in objects}) > 1:
            report.leave_out("mask size", f"{file} {words}", "its masks differ in size")
            continue
        boxes = [box for _, annotation in objects if (box := xyxy(annotation.get("bbox")))]
        crowd = any(annotation.get("iscrowd") for _, annotation in objects)
        yield Example(
            id=f"{row.get('id')}-{words.replace(' ', '-')}",
            image=image,
            place=_place(image, root),
            instruction=f"Segment every {words}.",
            answer=answer_with(words),
            masks=[encode_mask(np.logical_or.reduce([mask for mask, _ in objects]))],
            granularity="instance" if len(objects) == 1 and not crowd else "semantic",
            extra={**BY_TEMPLATE, "category": words, "boxes": boxes},
        )
