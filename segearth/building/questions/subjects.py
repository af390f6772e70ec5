"""What questions are asked about: images with masks, named or not, read from either stage before.

A line of a `targets.jsonl` (`segearth.data.targets`) holds ``targets`` with a phrase each. A
line of a `kept.jsonl` or `masks.jsonl` holds ``masks`` (`segearth.building.masks.file`), with
a ``category`` where the source knew one; it becomes a noun ("Small-Vehicle": "small vehicle").
A mask without a category has no name until a model gives it one. Both files may carry
``scene``, ``split``, ``gsd_m``, ``source``, ``licence``, ``complete`` and ``absent``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from segearth.building.masks.naming import noun_of
from segearth.building.questions.texts import fault_of_name, is_writable
from segearth.data.json_lines import Fault, read_lines
from segearth.data.manifest import FACETS
from segearth.data.rle import Rle, is_rle, mask_area_px
from segearth.data.vocabulary import kind_of, singular
from segearth.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Region:
    """One mask of an image."""

    mask: Rle
    category: str | None
    """Singular noun; None if nobody has named it yet."""
    granularity: str
    """semantic (everything of a kind), instance or part."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """An image and its masks."""

    image: Path
    """Absolute."""
    name: str
    """The same, relative to the file it was listed in, with forward slashes."""
    regions: tuple[Region, ...]
    scene: str = ""
    split: str | None = None
    gsd_m: float | None = None
    source: str | None = None
    licence: str | None = None
    complete: tuple[str, ...] = ()
    """Singular nouns of which every instance is listed."""
    absent: tuple[str, ...] = ()
    """Singular nouns that are surely not in the image."""


class _Wrong(Exception):
    """A line is not as described above; the text says why."""


def read_subjects(path: Path) -> list[Subject]:
    """Read all images of a `targets.jsonl` or `kept.jsonl`, in order.

    Args:
        path: The JSON Lines file; images are relative to its folder and may not leave it.

    Returns:
        One subject a line; masks without a pixel are left out. An image listed twice is refused.

    Raises:
        DataError: The file cannot be read or holds no line, or a line is not as described.
    """
    folder = path.parent.resolve()
    subjects: dict[str, Subject] = {}
    for number, row in read_lines(path):
        try:
            subject = _subject(row, folder)
            if subject.name in subjects:
                raise _Wrong(f"the image {subject.name!r} is listed twice")
        except _Wrong as wrong:
            raise DataError(
                str(wrong),
                where=f"{path}, line {number}",
                hint="a line holds an image with its targets or masks, as the stages before write",
            ) from wrong
        subjects[subject.name] = subject
    if not subjects:
        raise DataError(f"{path.name} lists no image", where=str(path))
    return list(subjects.values())


def _subject(row: object, folder: Path) -> Subject:
    if isinstance(row, Fault):
        raise _Wrong(row.message)
    if not isinstance(row, dict):
        raise _Wrong("a line should be a JSON object")
    image = _inside(row.get("image"), folder)
    return Subject(
        image=image,
        name=image.relative_to(folder).as_posix(),
        regions=tuple(_regions(row)),
        scene=_text(row, "scene") or "",
        split=_text(row, "split"),
        gsd_m=_gsd_m(row.get("gsd_m")),
        source=_text(row, "source"),
        licence=_text(row, "licence"),
        complete=tuple(map(noun_of, _names(row, "complete"))),
        absent=_names(row, "absent"),
    )


def _gsd_m(value: object) -> float | None:
    """Return metres a pixel. Python's JSON also knows NaN, Infinity and integers of any size."""
    if value is None:
        return None
    if (
        not isinstance(value, int | float)
        or isinstance(value, bool)
        or not 0 < value <= sys.float_info.max
    ):
        raise _Wrong(f'"gsd_m" should be a finite number above 0, not {value!r}')
    return float(value)


def _inside(name: object, folder: Path) -> Path:
    """Return the image's path unless it leaves the folder, links and ``..`` followed."""
    if not isinstance(name, str) or not name.strip():
        raise _Wrong('"image" should be the path of an image')
    if not is_writable(name):
        raise _Wrong(f'"image" {name!r} is no path that UTF-8 can write')
    try:
        path = (folder / name).resolve()
    except (OSError, ValueError, RuntimeError) as error:  # NUL, or links in a circle
        raise _Wrong(f'"image" {name!r} is no path') from error
    if Path(name).is_absolute() or not path.is_relative_to(folder):
        raise _Wrong(f'"image" {name!r} leads out of the folder of the file')
    return path


def _regions(row: Mapping[str, Any]) -> Iterator[Region]:
    if "targets" not in row and "masks" not in row:
        raise _Wrong('there is neither "targets" nor "masks"')
    key = "targets" if "targets" in row else "masks"
    if not isinstance(row[key], list):
        raise _Wrong(f'"{key}" should be a list')
    sizes = set()
    for item in row[key]:
        region = _region(item)
        sizes.add(tuple(region.mask["size"]))
        if len(sizes) > 1:
            raise _Wrong("the masks are of different sizes")
        try:
            if mask_area_px(region.mask):
                yield region
        except DataError as error:
            raise _Wrong(error.problem) from error


def _region(item: object) -> Region:
    if not isinstance(item, dict):
        raise _Wrong("a target or mask should be an object")
    mask = item.get("mask")
    if not is_rle(mask):
        raise _Wrong('a mask is not {"size": [height, width], "counts": text}')
    name = item.get("phrase", item.get("category"))
    if name is not None and (not isinstance(name, str) or not name.strip()):
        raise _Wrong(f"a mask is named {name!r}; a name is text")
    if name is not None and (fault := fault_of_name(name)):
        raise _Wrong(fault)
    category = None
    if name is not None:
        category = singular(name) if "phrase" in item else noun_of(name)
    granularity = item.get("granularity") or granularity_of(category)
    if granularity not in FACETS["granularity"]:
        raise _Wrong(f'"granularity" {granularity!r} should be one of {FACETS["granularity"]}')
    return Region(mask=cast(Rle, mask), category=category, granularity=granularity)


def granularity_of(category: str | None) -> str:
    """Return the granularity of a single mask of a category, as far as its name tells."""
    kind = kind_of(category) if category else "thing"
    return {"thing": "instance", "stuff": "semantic", "part": "part"}[kind]


def _text(row: Mapping[str, Any], key: str) -> str | None:
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise _Wrong(f'"{key}" should be text, not {value!r}')
    if value is not None and not is_writable(value):
        raise _Wrong(f'"{key}" {value!r} holds half of a character pair, which UTF-8 cannot write')
    return value


def _names(row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = row.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _Wrong(f'"{key}" should be a list of text')
    for fault in filter(None, map(fault_of_name, value)):
        raise _Wrong(f'in "{key}", {fault}')
    return tuple(value)
