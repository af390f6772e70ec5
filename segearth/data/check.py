"""Find all mistakes of a manifest at once, so that it is repaired in one go.

Everything `read_manifest` would stop at, and what only shows when images and masks are
looked at: unreadable images, masks of another size, empty masks, facets that contradict
the text, repeated questions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from segearth.data.answers import count_seg
from segearth.data.json_lines import Fault, read_lines
from segearth.data.manifest import FACETS, find_faults
from segearth.data.rle import is_rle, mask_area_px
from segearth.errors import DataError, GeoreferenceError
from segearth.geo.raster import open_scene

LONG_FROM_WORDS = 13
"""An instruction of more than twelve words is long."""

_STRIP_PX = 1 << 24
"""Images are read by strips of so many pixels: checking a scene must not need its memory."""

_MARKED = re.compile(r"<p>\s*[^<>\s][^<>]*</p>\s*\[SEG\]")


class Mistake(NamedTuple):
    """A fault and where it is."""

    kind: str
    line: int
    id: str | None
    """Of the record, if it has one."""
    message: str


@dataclass
class Findings:
    """What a manifest holds, and what is wrong with it."""

    records: int = 0
    targets: int = 0
    images: int = 0
    mistakes: list[Mistake] = field(default_factory=list)

    def by_kind(self) -> dict[str, list[Mistake]]:
        """Group the mistakes, the commonest kind first."""
        groups: dict[str, list[Mistake]] = {}
        for mistake in self.mistakes:
            groups.setdefault(mistake.kind, []).append(mistake)
        return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


Line = tuple[int, object]


def check_manifest(
    path: Path, *, track: Callable[[Sequence[Line]], Iterable[Line]] = iter
) -> Findings:
    """Look for every mistake.

    Args:
        path: The manifest.
        track: Wraps the list of lines that is gone through, to show progress.

    Returns:
        The mistakes in the order of the lines.

    Raises:
        DataError: The file cannot be read at all.
    """
    findings = Findings()
    checker = RowChecker(path.parent.resolve())
    for number, row in track(list(read_lines(path))):
        findings.records += 1
        fields: Mapping[str, Any] = row if isinstance(row, dict) else {}
        name = fields["id"] if isinstance(fields.get("id"), str) else None
        masks = fields.get("masks")
        findings.targets += len(masks) if isinstance(masks, list) else 0
        findings.mistakes += [
            Mistake(kind, number, name, message)
            for kind, message in checker.find_faults(row, number)
        ]
    findings.images = len(checker.images)
    if not findings.records:
        findings.mistakes.append(Mistake("no record", 1, None, "the manifest is empty"))
    return findings


def marks_every_target(answer: str) -> bool:
    """Tell whether every ``[SEG]`` of an answer has its ``<p>phrase </p>`` before it."""
    return count_seg(answer) == len(_MARKED.findall(answer))


class RowChecker:
    """Checks the rows of one manifest, one after the other, and remembers what repeats."""

    def __init__(self, folder: Path) -> None:
        """Start with nothing seen.

        Args:
            folder: The manifest's folder, resolved.
        """
        self.folder = folder
        self.images: dict[str, tuple[int, int] | Fault] = {}
        """(height, width) or fault of every image so far; each is opened once."""
        self._seen: dict[tuple[str, str], int] = {}

    def find_faults(self, row: object, number: int) -> list[Fault]:
        """Tell everything that is wrong with a row.

        Args:
            row: A parsed line, or a `Fault` for a line that could not be parsed.
            number: The line's number, for later rows that repeat this one.
        """
        fields: Mapping[str, Any] = row if isinstance(row, dict) else {}
        faults = [row] if isinstance(row, Fault) else list(find_faults(row, self.folder))
        faults += _image_faults(fields, self.folder, faults, self.images)
        faults += _text_faults(fields)
        faults += _repeated(fields, number, self._seen)
        return faults

    def forget(self, number: int) -> None:
        """Let later rows repeat the latest one, which is no line of the manifest after all."""
        while self._seen and next(reversed(self._seen.values())) == number:
            self._seen.popitem()


def _image_faults(
    fields: Mapping[str, Any],
    folder: Path,
    faults: Sequence[Fault],
    images: dict[str, tuple[int, int] | Fault],
) -> Iterator[Fault]:
    """Open the image and compare the masks with it.

    Args:
        fields: The record.
        folder: The manifest's folder.
        faults: What is known to be wrong: an image outside the folder is not opened.
        images: Size or fault of every image so far; each is opened once.
    """
    image = fields.get("image")
    size: tuple[int, int] | None = None
    if isinstance(image, str) and not any(fault.kind.startswith("image") for fault in faults):
        if image not in images:
            images[image] = _read_size(folder / image)
        found = images[image]
        if isinstance(found, Fault):
            yield found
        else:
            size = found
    masks = fields.get("masks")
    for index, mask in enumerate(masks if isinstance(masks, list) else []):
        if is_rle(mask):
            yield from _mask_faults(mask, f'"masks"[{index}]', size)


def _read_size(path: Path) -> tuple[int, int] | Fault:
    """Read an image to its end; return (height, width), or what is wrong with it."""
    if not path.is_file():
        return Fault("image missing", f"{path.name} does not exist")
    try:
        with open_scene(str(path)) as scene:
            rows = max(1, _STRIP_PX // scene.width)
            for row in range(0, scene.height, rows):
                scene.read(row, 0, min(rows, scene.height - row), scene.width)
            return scene.height, scene.width
    except (DataError, GeoreferenceError) as error:
        return Fault("image unreadable", error.problem)


def _mask_faults(mask: Any, name: str, size: tuple[int, int] | None) -> Iterator[Fault]:
    """Tell what is wrong with a mask that has the form of one."""
    if size is not None and tuple(mask["size"]) != size:
        wanted = f"{size[0]} x {size[1]}"
        found = f"{mask['size'][0]} x {mask['size'][1]}"
        yield Fault("mask size", f"{name} is {found} (height x width), the image is {wanted}")
    try:
        if mask_area_px(mask) == 0:
            yield Fault("mask empty", f"{name} has no pixel")
    except DataError as error:
        yield Fault("mask damaged", f"{name}: {error.problem}")


def _text_faults(fields: Mapping[str, Any]) -> Iterator[Fault]:
    """Compare the answer's marks and the facets with the text."""
    instruction, answer, facets = (fields.get(key) for key in ("instruction", "answer", "facets"))
    targets = count_seg(answer) if isinstance(answer, str) else None
    if isinstance(answer, str) and not marks_every_target(answer):
        yield Fault("phrase missing", "a [SEG] of the answer has no <p>phrase </p> before it")
    if not isinstance(facets, dict):
        return
    for name, values in FACETS.items():
        if name not in facets:
            yield Fault("facet missing", f'facet "{name}" is missing')
        elif facets[name] not in values:
            yield Fault(
                "facet value",
                f'facet "{name}" is {facets[name]!r}; it can be {", ".join(values)}',
            )
    if isinstance(instruction, str):
        words = len(instruction.split())
        yield from _compare("length", facets, _length(words), f"{words} words")
    if targets is not None:
        yield from _compare("multiplicity", facets, _multiplicity(targets), f"{targets} [SEG]")


def _compare(name: str, facets: Mapping[str, object], right: str, because: str) -> Iterator[Fault]:
    """Complain of a facet that contradicts the text; a value that is unknown is told elsewhere."""
    if facets.get(name) in FACETS[name] and facets[name] != right:
        yield Fault(
            f"facet {name}",
            f'facet "{name}" is {facets[name]}, but with {because} it should be {right}',
        )


def _length(words: int) -> str:
    return "long" if words >= LONG_FROM_WORDS else "short"


def _multiplicity(targets: int) -> str:
    return ("none", "single")[targets] if targets < 2 else "multiple"


def _repeated(
    fields: Mapping[str, Any], number: int, seen: dict[tuple[str, str], int]
) -> Iterator[Fault]:
    """Tell whether an earlier line has the same id, or says the same under another id."""
    name = fields.get("id")
    if isinstance(name, str):
        first = seen.setdefault(("id", name), number)
        if first != number:
            yield Fault("duplicate id", f'"id" {name!r} is already on line {first}')
    said = [fields.get(key) for key in ("image", "instruction", "answer", "masks")]
    if None in said:
        return
    first = seen.setdefault(("record", json.dumps(said)), number)
    if first != number:
        yield Fault("duplicate record", f"says the same as line {first}")
