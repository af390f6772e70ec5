"""Take decisions from a COCO file that was written here and worked on elsewhere.

An object says by its keys ``record``, ``state`` and ``target`` what it belongs to; tools that
keep only ``attributes`` may have them there. A record all of whose targets are still in the file
is accepted, with the masks and texts as they are now; one of which a target was deleted is
rejected for its mask. Records without any object in the file are not decided on: COCO cannot
tell "looked at, nothing is there" from "left out".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segearth.building.review.decisions import (
    CRITERIA,
    Decision,
    check_fit,
    fingerprint,
    read_event,
)
from segearth.data.manifest import Record
from segearth.data.rle import Rle, decode_mask, encode_mask
from segearth.errors import DataError
from segearth.published.coco_masks import read_segmentation
from segearth.published.files import read_json

_HINT = "import what --export coco wrote; the tool in between has to keep its extra keys"
Object = Mapping[str, Any]


def read_coco(path: Path, records: Sequence[Record], at: str, reviewer: str) -> list[Decision]:
    """Read a file.

    Args:
        path: COCO instances, as polygons or run lengths.
        records: Of the manifest that the file was made of.
        at: The time of the decisions, ISO 8601.
        reviewer: Whose they are; the file does not say.

    Returns:
        One decision a record that has objects in the file, in the order of the manifest.

    Raises:
        DataError: The file is none of ours, a record is unknown or has changed, or an object is
            damaged; says which.
    """
    document = read_json(path)
    rows = document.get("annotations") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise DataError('there is no list "annotations"', where=str(path), hint=_HINT)
    by_id = {record.id: record for record in records}
    objects: dict[str, dict[int, list[Object]]] = {}
    for place, row in enumerate(rows, start=1):
        try:
            record, target = _belongs_to(row, by_id)
        except DataError as error:
            where = f"{path}, annotation {place}"
            raise DataError(error.problem, where=where, hint=_HINT) from error
        objects.setdefault(record.id, {}).setdefault(target, []).append(row)
    decisions = []
    for record in records:
        if record.id in objects:
            try:
                decisions.append(_decision(record, objects[record.id], at, reviewer))
            except DataError as error:
                where = f"{path}, record {record.id!r}"
                raise DataError(error.problem, where=where, hint=error.hint) from error
    return decisions


def _belongs_to(row: object, by_id: Mapping[str, Record]) -> tuple[Record, int]:
    """Return the record and the number of the target, from 1, of an object."""
    if not isinstance(row, dict):
        raise DataError("an annotation should be an object")
    record = by_id.get(str(_key(row, "record")))
    if record is None:
        raise DataError(f"there is no record {_key(row, 'record')!r} in the manifest")
    if _key(row, "state") != fingerprint(record):
        raise DataError(f"record {record.id!r} has changed since it was exported")
    target = str(_key(row, "target"))
    if not target.isdecimal() or not 1 <= int(target) <= len(record.masks):
        raise DataError(f"record {record.id!r} has no target {target}")
    return record, int(target)


def _key(row: Object, name: str) -> object:
    """Look a key up, among the attributes too."""
    attributes = row.get("attributes")
    return row.get(name, attributes.get(name) if isinstance(attributes, dict) else None)


def _decision(
    record: Record, targets: Mapping[int, Sequence[Object]], at: str, reviewer: str
) -> Decision:
    deleted = [n for n in range(1, len(record.masks) + 1) if n not in targets]
    row: dict[str, object] = {
        "at": at,
        "reviewer": reviewer,
        "id": record.id,
        "record": fingerprint(record),
        "rubric": {name: name != "mask" or not deleted for name in CRITERIA},
    }
    if deleted:
        row["note"] = f"deleted: target {', '.join(map(str, deleted))}"
    else:
        masks = [_changed(record, n, targets[n]) for n in sorted(targets)]
        row["masks"] = masks if any(masks) else []
        row |= _changed_texts(record, targets[1][0])
    decision = read_event(row)
    assert isinstance(decision, Decision)
    check_fit(decision, record)
    return decision


def _changed(record: Record, target: int, objects: Sequence[Object]) -> Rle | None:
    """Return the union of a target's objects, or None if it is the manifest's mask."""
    before = record.masks[target - 1]
    height, width = before["size"]
    parts = [read_segmentation(item.get("segmentation"), height, width) for item in objects]
    if any(part.shape != (height, width) for part in parts):
        raise DataError(f"target {target} is not of {height} x {width} pixels any more")
    mask = np.logical_or.reduce(parts)
    return None if np.array_equal(mask, decode_mask(before)) else encode_mask(mask)


def _changed_texts(record: Record, item: Object) -> dict[str, object]:
    texts = {name: _key(item, name) for name in ("instruction", "answer")}
    return {
        name: text
        for name, text in texts.items()
        if text is not None and text != getattr(record, name)
    }
