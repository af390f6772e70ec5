"""Write reviewed records in COCO's format, which detection toolboxes read.

COCO knows pictures, categories and objects, no questions: a category is the phrase by which
an answer names a target, and the question and answer stand on the object as extra keys, with
the record's id and state and the number of the target, so that a file that was worked on
elsewhere can come back (`segearth.building.review.coco_back`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segearth.building.review.decisions import fingerprint
from segearth.building.review.outcome import Outcome
from segearth.data.answers import find_phrases
from segearth.data.manifest import Record
from segearth.data.rle import mask_area_px
from segearth.files import write_text
from segearth.geo.raster import open_scene


def write_coco(path: Path, results: Sequence[Outcome], folder: Path) -> int:
    """Write the accepted records with their corrections.

    Args:
        path: The JSON file.
        results: One a record of the manifest.
        folder: The manifest's folder; file names are relative to it.

    Returns:
        How many objects were written. A picture whose accepted questions have no target is
        written without objects.

    Raises:
        DataError: The file cannot be written, or a mask is damaged.
    """
    accepted = [one for one in results if one.state == "accepted"]
    document = coco_document(accepted, folder.resolve())
    write_text(path, json.dumps(document, ensure_ascii=False) + "\n")
    return len(document["annotations"])


def coco_document(accepted: Sequence[Outcome], folder: Path) -> dict[str, Any]:
    """Return the JSON object; ids count from 1, boxes are [x, y, width, height] in pixels."""
    from pycocotools import mask as coco

    images: dict[str, dict[str, Any]] = {}
    categories: dict[str, int] = {}
    annotations: list[dict[str, Any]] = []
    for one in accepted:
        record, state = one.corrected, fingerprint(one.record)
        name = record.image.relative_to(folder).as_posix()
        image = images.setdefault(name, _image(len(images) + 1, name, record))
        phrases = find_phrases(record.answer)
        for number, (mask, phrase) in enumerate(zip(record.masks, phrases, strict=True), start=1):
            area_px = mask_area_px(mask)  # refuses a damaged mask, which pycocotools does not
            rle = {"size": mask["size"], "counts": mask["counts"].encode()}
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image["id"],
                    "category_id": categories.setdefault(phrase, len(categories) + 1),
                    "segmentation": mask,
                    "area": area_px,
                    "bbox": [float(side) for side in coco.toBbox(rle)],
                    "iscrowd": 0,
                    "record": record.id,
                    "state": state,
                    "target": number,
                    "instruction": record.instruction,
                    "answer": record.answer,
                }
            )
    return {
        "info": {"description": "reviewed with segearth"},
        "images": list(images.values()),
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
        "annotations": annotations,
    }


def _image(number: int, name: str, record: Record) -> dict[str, Any]:
    """Describe a picture; its size is that of the masks, or is looked up if there are none."""
    if record.masks:
        height, width = record.masks[0]["size"]
    else:
        with open_scene(str(record.image)) as scene:
            height, width = scene.height, scene.width
    return {"id": number, "file_name": name, "height": height, "width": width}
