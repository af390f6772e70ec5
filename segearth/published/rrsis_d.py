"""RRSIS-D: expressions in ``refs(unc).p``, masks in ``instances.json`` (RMSIN, CVPR 2024).

The pair has REFER's form: an entry of the pickle names its annotation and its sentences. A
mask is a list with one run-length object in it. Entry, annotation and image belong to each
other one by one. Published scores use the first sentence of an entry (SegEarth-R1 does);
the XML files beside the images hold some more expressions but miss masks, and are not read.
Some images are a pixel or more taller or wider than their masks (RMSIN issue 12): such
entries are left out and reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from segearth.data.rle import encode_mask
from segearth.errors import DataError
from segearth.published.catalogue import RRSIS_D
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
from segearth.published.files import find_root, read_json
from segearth.published.pickles import read_pickle
from segearth.published.report import Report

ASSUMED = {
    "granularity": "instance: every expression means one object",
    "reasoning": "explicit: the expressions name what they mean",
}
SPLITS = ("train", "val", "test")
SIDE_PX = 800
"""Height and width as published, for entries whose image is not listed."""

_FAR_PX = 1e9

Questions = Literal["first", "all"]
Row = Mapping[str, Any]


def find_splits(source: Path, questions: Questions = "first") -> dict[str, Read]:
    """Read the index and return a reader for each split.

    Args:
        source: The folder of the benchmark, or one above it.
        questions: Whether the first sentence of an entry counts, or all of them.

    Raises:
        DataError: The files are not there or not of the published form.
    """
    root = find_root(source, RRSIS_D, "rrsisd/instances.json", "rrsisd/refs*.p")
    refs = _refs(_one_list(root / "rrsisd"))
    index = _Index(root / "rrsisd" / "instances.json")
    images = next(
        (
            folder
            for name in ("images/rrsisd/JPEGImages", "JPEGImages", "images")
            if (folder := root / name).is_dir()
        ),
        root / "images" / "rrsisd" / "JPEGImages",
    )
    _refuse_odd_splits(refs)
    return {
        split: _reader([ref for ref in refs if ref.get("split") == split], index, images, questions)
        for split in SPLITS
        if any(ref.get("split") == split for ref in refs)
    }


def _one_list(folder: Path) -> Path:
    """Return the one pickle of entries."""
    found = sorted(folder.glob("refs*.p"))
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:5])
        raise DataError(
            f"there are {len(found)} lists of entries: {names}",
            where=str(folder),
            hint="published is refs(unc).p; move the others away",
        )
    return found[0]


def _refuse_odd_splits(refs: list[Row]) -> None:
    odd = sorted({str(ref.get("split")) for ref in refs} - set(SPLITS))
    if odd:
        raise DataError(
            f"refs have the splits {', '.join(odd[:5])}; published are {', '.join(SPLITS)}"
        )


def _refs(path: Path) -> list[Row]:
    """Read the pickle."""
    refs = read_pickle(path)
    if not isinstance(refs, list) or not all(isinstance(ref, dict) for ref in refs):
        raise DataError(f"{path.name} is no list of dictionaries", where=str(path))
    return refs


class _Index:
    """``instances.json`` by id."""

    def __init__(self, path: Path) -> None:
        data = read_json(path)
        if not isinstance(data, dict):
            raise DataError(f"{path.name} is no JSON object", where=str(path))
        self.annotations = _by_id(data, "annotations", path)
        self.images = _by_id(data, "images", path)
        self.categories = _by_id(data, "categories", path)


def _by_id(data: Row, key: str, path: Path) -> dict[int, Row | None]:
    """Return rows by id; None for an id that two of them have."""
    rows = data.get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "id" in row for row in rows):
        raise DataError(f'"{key}" is no list of objects with an id', where=str(path))
    found: dict[int, Row | None] = {}
    for row in rows:
        if isinstance(row["id"], int):
            found[row["id"]] = None if row["id"] in found else row
    return found


def _reader(refs: list[Row], index: _Index, images: Path, questions: Questions) -> Read:
    def read(report: Report) -> Iterator[Example]:
        for ref in refs:
            report.counts.found += 1
            name = f"ref {ref.get('ref_id')}"
            try:
                yield from _examples(ref, name, index, images, questions, report)
            except DataError as error:
                report.leave_out("entry unusable", name, error.problem)

    return read


def _examples(
    ref: Row, name: str, index: _Index, images: Path, questions: Questions, report: Report
) -> Iterator[Example]:
    """Make the examples of an entry."""
    annotation = _look_up(index.annotations, ref.get("ann_id"), "annotations")
    if not annotation:
        raise DataError(f"annotation {ref.get('ann_id')!r} is not in instances.json")
    listed = _look_up(index.images, ref.get("image_id"), "images")
    file = ref.get("file_name") or listed.get("file_name")
    image = file_below(images, file)
    if image is None:
        raise DataError(f"{file!r} is no file of {images.name}")
    height, width = (read_side(listed.get(side, SIDE_PX)) for side in ("height", "width"))
    runs = annotation.get("segmentation")
    mask = read_segmentation(runs, height, width)
    if listed and mask.shape != (height, width):
        stated = f"the image is stated to be {height} x {width}, its mask {_size(mask)}"
        report.note("stated size", name, stated)
    if isinstance(runs, list) and len(runs) > 1:
        report.note("several masks", name, f"its annotation has {len(runs)}, taken together")
    category = _look_up(index.categories, _category_id(annotation, ref), "categories").get("name")
    extra: dict[str, object] = {**BY_TEMPLATE}
    if isinstance(category, str):
        extra["category"] = category_words(category)
    else:
        report.note("no category", name, "instances.json has no name for its category")
    if (box := xyxy(annotation.get("bbox"))) is not None:
        extra["boxes"] = [box]
    else:
        report.note("box unusable", name, f"its box is {annotation.get('bbox')!r}")
    sentences = _sentences(ref)
    if not sentences:
        raise DataError("there is no sentence")
    if len(sentences) < len(ref["sentences"]):
        gone = len(ref["sentences"]) - len(sentences)
        report.note("sentence without text", name, f"{gone} are passed over")
    for number, sentence in enumerate(sentences[: 1 if questions == "first" else None]):
        yield Example(
            id=f"{ref.get('ref_id')}-{number}",
            image=image,
            place=image.relative_to(images).as_posix(),
            instruction=sentence,
            answer=answer_with(str(extra.get("category", sentence))),
            masks=[encode_mask(mask)],
            granularity="instance",
            extra=extra,
        )


def _look_up(rows: Mapping[int, Row | None], key: object, kind: str) -> Row:
    """Return a row, or an empty one.

    Raises:
        DataError: There are two.
    """
    row = rows.get(key, {}) if isinstance(key, int) else {}
    if row is None:
        raise DataError(f"two {kind} have the id {key}")
    return row


def _size(mask: Mask) -> str:
    return f"{mask.shape[0]} x {mask.shape[1]}"


def _category_id(annotation: Row, ref: Row) -> int:
    """Return the category under any of the spellings it has, or -1."""
    rows = ((annotation, "category_id"), (annotation, "categories_id"), (ref, "category_id"))
    return next((row[key] for row, key in rows if isinstance(row.get(key), int)), -1)


def _sentences(ref: Row) -> list[str]:
    """Return the sentences, as they were written ("raw") where that is there."""
    rows = ref.get("sentences")
    texts = [
        row.get("raw") or row.get("sent")
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict)
    ]
    return [" ".join(text.split()) for text in texts if isinstance(text, str) and text.strip()]


def xyxy(box: Any) -> list[float] | None:
    """Turn COCO's [x, y, width, height] into [x0, y0, x1, y1]; None if it is no box."""
    if not isinstance(box, list) or len(box) != 4:
        return None
    if not all(isinstance(side, int | float) and abs(side) < _FAR_PX for side in box):
        return None  # NaN, too, which no JSON file may hold
    x, y, width, height = box
    if width < 0 or height < 0:
        return None
    return [x, y, x + width, y + height]
