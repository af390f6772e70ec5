"""Records and failures: what the question stage hands on.

A record is a line of a manifest (`segearth.data.manifest`); a failure is a line of
`failures.jsonl` and says what could not be written, and why.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from segearth.building.questions.rules import Pair, mark_answer
from segearth.building.questions.subjects import Subject
from segearth.building.questions.tasks import Task
from segearth.data.check import LONG_FROM_WORDS
from segearth.data.images import bring_image
from segearth.data.manifest import FACETS, Record
from segearth.data.rle import Rle, decode_mask, encode_mask
from segearth.errors import DataError
from segearth.files import atomic_path


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Something that has no question now."""

    id: str
    """A task's, or an image's name."""
    image: str
    kind: str
    """image, naming or question; "nothing to ask" is no failure."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a record says it comes from, if its image does not say."""

    provider: str
    model: str
    source: str
    licence: str


def record_of(task: Task, pair: Pair, origin: Origin) -> Record:
    """Make a record of a pair that keeps the rules."""
    answer, order = mark_answer(pair.answer, task.groups)
    fineness = FACETS["granularity"].index
    finest = max(task.groups, key=lambda group: fineness(group.granularity)).granularity
    return new_record(
        task.subject,
        task.id,
        pair.description,
        answer,
        [_union(task.groups[index].masks) for index in order],
        {"granularity": finest, "reasoning": task.style.reasoning},
        origin,
    )


def new_record(
    subject: Subject,
    name: str,
    instruction: str,
    answer: str,
    masks: Sequence[Rle],
    facets: dict[str, str],
    origin: Origin,
) -> Record:
    """Make a record about a subject.

    Args:
        subject: Its image is put below ``images/``.
        name: The record's id.
        instruction: What is asked.
        answer: With its targets marked.
        masks: One per ``[SEG]``.
        facets: `granularity` and `reasoning`; the other two follow from the text.
        origin: Fills what the subject does not say.
    """
    length = "long" if len(instruction.split()) >= LONG_FROM_WORDS else "short"
    multiplicity = ("none", "single")[len(masks)] if len(masks) < 2 else "multiple"
    return Record(
        id=name,
        image=image_place(subject.name),
        instruction=instruction,
        answer=answer,
        masks=tuple(masks),
        facets={
            "granularity": facets["granularity"],
            "multiplicity": multiplicity,
            "reasoning": facets["reasoning"],
            "length": length,
        },
        gsd_m=subject.gsd_m,
        split=subject.split,
        source=subject.source or origin.source or None,
        licence=subject.licence or origin.licence or None,
        extra={"written_by": {"provider": origin.provider, "model": origin.model or None}},
    )


def image_place(name: str) -> Path:
    """Return where an image of a dataset goes: below ``images/``, once.

    Args:
        name: Its path relative to where it was listed, with forward slashes.
    """
    path = PurePosixPath(name)
    return Path(path) if path.parts[0] == "images" else Path("images") / path


def refuse_shared_places(names: Iterable[str]) -> None:
    """Complain of ``a.png`` and ``images/a.png`` in one list: one would replace the other.

    Raises:
        DataError: Names both.
    """
    taken: dict[Path, str] = {}
    for name in names:
        other = taken.setdefault(image_place(name), name)
        if other != name:
            raise DataError(
                f"{other} and {name} would both become {image_place(name).as_posix()}",
                hint="rename one of them",
            )


def take_images(subjects: Iterable[Subject], records: Iterable[Record], out: Path) -> None:
    """Put the images of records below `out`, by hard links where possible.

    Raises:
        DataError: The folder cannot be written to.
    """
    needed = {record.image for record in records}
    for subject in subjects:
        place = image_place(subject.name)
        if place in needed:
            bring_image(subject.image, out / place)


def write_failures(path: Path, failures: Iterable[Failure]) -> None:
    """Write failures, one a line; an empty file says that there are none.

    Raises:
        DataError: The file cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        for failure in failures:
            out.write(json.dumps(asdict(failure), ensure_ascii=False) + "\n")


def _union(masks: Sequence[Rle]) -> Rle:
    if len(masks) == 1:
        return masks[0]
    return encode_mask(np.logical_or.reduce([decode_mask(mask) for mask in masks]))
