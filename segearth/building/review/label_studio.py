"""Review in Label Studio instead: records as tasks with brush masks, annotations as decisions.

Label Studio gets one task a record, the masks as predictions to start from, and decisions
made here as annotations. Beside the tasks lies the labelling configuration they need. It
shows what a browser can (PNG and JPEG, no TIFF), from a local storage whose root is the
manifest's folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from segearth.building.review.brush_rle import decode_brush, encode_brush
from segearth.building.review.decisions import (
    CRITERIA,
    Decision,
    check_fit,
    fingerprint,
    read_event,
)
from segearth.building.review.outcome import Outcome, apply_corrections
from segearth.data.manifest import Record, Rle, decode_mask, encode_mask
from segearth.errors import DataError
from segearth.files import write_text

_STORAGE = "/data/local-files/?d="
_TEXTS = ("instruction", "answer", "note", "reviewer")


def write_tasks(path: Path, results: Sequence[Outcome], folder: Path) -> int:
    """Write all records as tasks, and the configuration beside them.

    Args:
        path: The JSON file to import; the configuration gets its name with ``.xml``.
        results: One a record of the manifest.
        folder: The manifest's folder.

    Returns:
        How many tasks were written.

    Raises:
        DataError: A file cannot be written, or a mask is damaged.
    """
    tasks = [_task(one, folder.resolve()) for one in results]
    most = max((len(one.record.masks) for one in results), default=0)
    write_text(path.with_suffix(".xml"), _configuration(most))
    write_text(path, json.dumps(tasks, ensure_ascii=False) + "\n")
    return len(tasks)


def read_tasks(path: Path, records: Sequence[Record], at: str) -> list[Decision]:
    """Read the annotations of an export from Label Studio ("JSON", not "JSON-MIN").

    Args:
        path: The file.
        records: Of the manifest that the tasks were made of.
        at: Time for annotations that have none, ISO 8601.

    Returns:
        A decision an annotation; cancelled ones are left out.

    Raises:
        DataError: The file is none of ours, a record is unknown or has changed, or an
            annotation would make a bad record; says which task.
    """
    try:
        tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        problem = f"{path.name} cannot be read: {error.strerror or error}"
        raise DataError(problem, where=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path.name} is not valid JSON: {error}", where=str(path)) from error
    if not isinstance(tasks, list):
        raise DataError(f"{path.name} is no list of tasks", where=str(path))
    by_id = {record.id: record for record in records}
    decisions = []
    for number, task in enumerate(tasks, start=1):
        try:
            decisions += list(_decisions(task, by_id, at))
        except DataError as error:
            where = f"{path}, task {number}"
            raise DataError(error.problem, where=where, hint=error.hint) from error
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            raise DataError(
                "this is no task that was exported for review",
                where=f"{path}, task {number}",
                hint="import what --export label-studio wrote, and export it as JSON",
            ) from error
    return decisions


def _task(one: Outcome, folder: Path) -> dict[str, Any]:
    record = one.record
    image = quote(record.image.relative_to(folder).as_posix())
    return {
        "data": {
            "image": _STORAGE + image,
            "record": record.id,
            "fingerprint": fingerprint(record),
            "instruction": record.instruction,
            "answer": record.answer,
        },
        "predictions": [{"model_version": "manifest", "result": _result(record)}],
        "annotations": [
            {"created_at": decision.at, "result": _result_of(record, decision)}
            for decision in one.decisions.values()
        ],
    }


def _result_of(record: Record, decision: Decision) -> list[dict[str, Any]]:
    """Write a decision as the regions, choices and texts of an annotation."""
    result = _result(apply_corrections(record, decision))
    wrong = [name for name, met in decision.rubric.items() if not met]
    if wrong:
        result.append(_item("wrong", "choices", {"choices": wrong}))
    texts = {"note": decision.note or None, "reviewer": decision.reviewer}
    texts |= {"instruction": decision.instruction, "answer": decision.answer}
    for name, text in texts.items():
        if text is not None:
            result.append(_item(name, "textarea", {"text": [text]}))
    return result


def _result(record: Record) -> list[dict[str, Any]]:
    """Write a record's masks as brush regions."""
    return [
        {
            **_item("masks", "brushlabels", {"brushlabels": [f"target {number}"], "format": "rle"}),
            "id": f"target-{number}",
            "original_height": mask["size"][0],
            "original_width": mask["size"][1],
            "image_rotation": 0,
        }
        | {"value": _brush(mask, number)}
        for number, mask in enumerate(record.masks, start=1)
    ]


def _brush(mask: Rle, number: int) -> dict[str, Any]:
    stream = encode_brush(decode_mask(mask))
    return {"format": "rle", "rle": stream, "brushlabels": [f"target {number}"]}


def _item(name: str, kind: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {"from_name": name, "to_name": "image", "type": kind, "value": dict(value)}


def _configuration(most_targets: int) -> str:
    """Return the labelling configuration for records of so many targets."""
    labels = "".join(
        f'    <Label value="target {number}"/>\n' for number in range(1, most_targets + 1)
    )
    points = "".join(
        f'    <Choice value="{name}" hint={quoteattr(text)}/>\n' for name, text in CRITERIA.items()
    )
    texts = "".join(
        f'  <Header value="{name}"/>\n'
        f'  <TextArea name="{name}" toName="image" maxSubmissions="1"/>\n'
        for name in _TEXTS
    )
    return (
        '<View>\n  <Image name="image" value="$image"/>\n'
        '  <Text name="question" value="$instruction"/>\n  <Text name="said" value="$answer"/>\n'
        f'  <BrushLabels name="masks" toName="image">\n{labels}  </BrushLabels>\n'
        f'  <Header value="What is wrong? Nothing: the record is accepted."/>\n'
        f'  <Choices name="wrong" toName="image" choice="multiple">\n{points}  </Choices>\n'
        f"{texts}</View>\n"
    )


def _decisions(task: Any, by_id: Mapping[str, Record], at: str) -> Iterator[Decision]:
    """Read the annotations of one task."""
    data = task["data"]
    record = by_id.get(data["record"])
    if record is None:
        raise DataError(f"there is no record {data['record']!r} in the manifest")
    for annotation in task.get("annotations") or []:
        if annotation.get("was_cancelled"):
            continue
        if data["fingerprint"] != fingerprint(record):
            raise DataError(f"record {record.id!r} has changed since it was exported")
        result = annotation["result"]
        texts = {item["from_name"]: item["value"]["text"][0] for item in _of(result, "textarea")}
        wrong = {name for item in _of(result, "choices") for name in item["value"]["choices"]}
        masks = _masks(record, _of(result, "brushlabels"))
        row = {
            "at": str(annotation.get("created_at") or at),
            "reviewer": texts.get("reviewer") or _annotator(annotation.get("completed_by")),
            "id": record.id,
            "record": data["fingerprint"],
            "rubric": {name: name not in wrong for name in CRITERIA},
            "note": texts.get("note", ""),
            "masks": masks,
        }
        decision = read_event(row | {key: texts[key] for key in _TEXTS[:2] if key in texts})
        assert isinstance(decision, Decision)
        check_fit(decision, record)
        yield decision


def _of(result: Sequence[Any], kind: str) -> list[Any]:
    return [item for item in result if item["type"] == kind]


def _masks(record: Record, regions: Sequence[Any]) -> list[Rle | None]:
    """Join the regions of every target; a target without regions is left as it is."""
    drawn: dict[int, np.ndarray[Any, np.dtype[np.bool_]]] = {}
    for region in regions:
        number = int(region["value"]["brushlabels"][0].removeprefix("target "))
        height, width = record.masks[number - 1]["size"] if number > 0 else (0, 0)
        mask = decode_brush(region["value"]["rle"], height, width)
        drawn[number] = drawn[number] | mask if number in drawn else mask
    masks: list[Rle | None] = [None] * len(record.masks)
    for number, mask in drawn.items():
        if not np.array_equal(mask, decode_mask(record.masks[number - 1])):
            masks[number - 1] = encode_mask(mask)
    return masks if any(masks) else []


def _annotator(completed_by: Any) -> str:
    """Name who annotated, as far as Label Studio says."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("id")
    return f"label-studio {completed_by}" if completed_by is not None else "label-studio"
