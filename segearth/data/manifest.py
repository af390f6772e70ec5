"""Read and write manifests: JSON Lines that say what is asked of which image, and what is right.

One record a line; the keys are those of `Record`. Reading is strict about the form of a
record (keys, types, one mask per ``[SEG]``, unique ids, images that stay inside the
manifest's folder) and never opens an image: `segearth.data.check` does that, and tells
all mistakes instead of the first. Keys that are not known here are kept in `Record.extra`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segearth.data.answers import count_seg
from segearth.data.json_lines import Fault, read_lines
from segearth.data.rle import Rle, decode_mask, encode_mask, is_rle
from segearth.errors import DataError
from segearth.files import atomic_path

__all__ = [
    "FACETS",
    "Record",
    "Rle",
    "decode_mask",
    "encode_mask",
    "find_faults",
    "read_manifest",
    "record_from",
    "row_of",
    "write_manifest",
]

FACETS: Mapping[str, tuple[str, ...]] = {
    "granularity": ("semantic", "instance", "part"),
    "multiplicity": ("single", "multiple", "none"),
    "reasoning": ("explicit", "implicit"),
    "length": ("short", "long"),
}

_REQUIRED = {
    "id": str,
    "image": str,
    "instruction": str,
    "answer": str,
    "masks": list,
    "facets": dict,
}
_OPTIONAL_TEXT = ("split", "source", "licence")
_KNOWN = {*_REQUIRED, *_OPTIONAL_TEXT, "gsd_m"}
_CHECK_HINT = "list every mistake at once with: segearth data check {}"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One question about one image, with its answer and masks."""

    id: str
    image: Path
    """Absolute after reading."""
    instruction: str
    answer: str
    masks: tuple[Rle, ...]
    """One per ``[SEG]`` of the answer, in order."""
    facets: dict[str, str]
    gsd_m: float | None = None
    """Ground size of a pixel in metres."""
    split: str | None = None
    source: str | None = None
    licence: str | None = None
    extra: dict[str, object] = field(default_factory=dict)


def read_manifest(path: Path) -> list[Record]:
    """Read all records of a manifest, in order.

    Args:
        path: The ``.jsonl`` file. Blank lines are skipped.

    Returns:
        The records, with absolute image paths. An empty file gives an empty list.

    Raises:
        DataError: The file cannot be read, or a line is not a record; says which line and key.
    """
    folder = path.parent.resolve()
    records = []
    line_of_id: dict[str, int] = {}
    for number, row in read_lines(path):
        fault = row if isinstance(row, Fault) else next(find_faults(row, folder), None)
        if fault is None:
            record = record_from(row, folder)
            first = line_of_id.setdefault(record.id, number)
            if first == number:
                records.append(record)
                continue
            fault = Fault("duplicate id", f'"id" {record.id!r} is already on line {first}')
        raise DataError(
            fault.message, where=f"{path}, line {number}", hint=_CHECK_HINT.format(path)
        )
    return records


def find_faults(row: object, folder: Path) -> Iterator[Fault]:
    """Tell what keeps a row from being a record, without opening its image.

    Args:
        row: A parsed line.
        folder: The manifest's folder, resolved.

    Yields:
        The mistakes; those that depend on a broken key are left out.
    """
    if not isinstance(row, dict):
        yield Fault("not a record", f"a record is a JSON object, this is {_kind(row)}")
        return
    broken = {fault.kind: fault for fault in _key_faults(row)}
    yield from broken.values()
    if isinstance(row.get("image"), str) and not _stays_inside(row["image"], folder):
        yield Fault(
            "image outside",
            f'"image" {row["image"]!r} leads out of the manifest\'s folder',
        )
    masks, answer = row.get("masks"), row.get("answer")
    if not isinstance(masks, list):
        return
    for index, mask in enumerate(masks):
        if not is_rle(mask):
            yield Fault(
                "mask is no RLE",
                f'"masks"[{index}] is not {{"size": [height, width], "counts": text}}',
            )
    if isinstance(answer, str) and count_seg(answer) != len(masks):
        yield Fault(
            "mask count",
            f"the answer has {count_seg(answer)} [SEG] but there are {len(masks)} masks",
        )


def write_manifest(path: Path, records: Iterable[Record]) -> None:
    """Write records, one a line, through a temporary file.

    Args:
        path: The file to write; its folder must exist. Images are written relative to it.
        records: The records; a relative image path is taken from the manifest's folder.

    Raises:
        DataError: An image lies outside the manifest's folder, or writing fails.
    """
    with atomic_path(path) as temporary:
        write_records(temporary, records)


def write_records(file: Path, records: Iterable[Record]) -> None:
    """Write records, one a line, into a file that is not a manifest before its caller says so.

    Args:
        file: Written from its beginning; images are named relative to its folder.
        records: As for `write_manifest`.

    Raises:
        DataError: An image lies outside the folder.
    """
    folder = file.parent.resolve()
    with file.open("w", encoding="utf-8", newline="\n") as out:
        for record in records:
            out.write(json.dumps(row_of(record, folder), ensure_ascii=False) + "\n")


def _key_faults(row: Mapping[str, object]) -> Iterator[Fault]:
    """Tell which keys are missing or of the wrong type."""
    for key, kind in _REQUIRED.items():
        if key not in row:
            yield Fault(f"{key} missing", f'"{key}" is missing')
        elif not isinstance(row[key], kind):
            yield Fault(f"{key} type", f'"{key}" should be {_NAMES[kind]}, not {_kind(row[key])}')
        elif kind is str and key != "instruction" and not str(row[key]).strip():
            yield Fault(f"{key} empty", f'"{key}" is empty')
    facets = row.get("facets")
    if isinstance(facets, dict) and not all(isinstance(value, str) for value in facets.values()):
        yield Fault("facets type", '"facets" should hold text only')
    for key in _OPTIONAL_TEXT:
        if not isinstance(row.get(key), str | None):
            yield Fault(f"{key} type", f'"{key}" should be text, not {_kind(row[key])}')
    gsd = row.get("gsd_m")
    if gsd is not None and not _is_length(gsd):
        yield Fault("gsd_m type", f'"gsd_m" should be a number above 0, not {gsd!r}')


def _is_length(value: object) -> bool:
    """Tell whether a value is a positive, finite number."""
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")
    )


def _stays_inside(image: str, folder: Path) -> bool:
    """Tell whether an image path stays below the folder, links and ``..`` followed."""
    try:
        return (folder / image).resolve().is_relative_to(folder) and not Path(image).is_absolute()
    except (OSError, ValueError, RuntimeError):  # a NUL character, or links that go in a circle
        return False


def record_from(row: object, folder: Path) -> Record:
    """Make a record of a parsed line in which `find_faults` finds nothing.

    Args:
        row: The line.
        folder: The manifest's folder; the image path becomes absolute.
    """
    assert isinstance(row, dict)  # `find_faults` has seen to it
    gsd = row.get("gsd_m")
    return Record(
        id=row["id"],
        image=folder / row["image"],
        instruction=row["instruction"],
        answer=row["answer"],
        masks=tuple(row["masks"]),
        facets=row["facets"],
        gsd_m=None if gsd is None else float(gsd),
        split=row.get("split"),
        source=row.get("source"),
        licence=row.get("licence"),
        extra={key: value for key, value in row.items() if key not in _KNOWN},
    )


def row_of(record: Record, folder: Path) -> dict[str, object]:
    """Make the JSON object of a record; keys without a value are left out.

    Args:
        record: The record; a relative image path is taken from `folder`.
        folder: The manifest's folder, resolved.

    Raises:
        DataError: The image lies outside the folder.
    """
    image = folder / record.image
    if not image.resolve().is_relative_to(folder):
        raise DataError(
            f"{record.image} is not below the manifest's folder",
            where=f'record "{record.id}" of a manifest in {folder}',
            hint="put the images beside the manifest",
        )
    relative = image if image.is_relative_to(folder) else image.resolve()
    optional = {
        "gsd_m": record.gsd_m,
        "split": record.split,
        "source": record.source,
        "licence": record.licence,
    }
    return {
        "id": record.id,
        "image": relative.relative_to(folder).as_posix(),
        "instruction": record.instruction,
        "answer": record.answer,
        "masks": list(record.masks),
        "facets": record.facets,
        **{key: value for key, value in optional.items() if value is not None},
        **{key: value for key, value in record.extra.items() if key not in _KNOWN},
    }


_NAMES: dict[type, str] = {str: "text", list: "a list", dict: "an object"}


def _kind(value: object) -> str:
    """Name a JSON value's type in plain words."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return _NAMES.get(type(value), "a number")
