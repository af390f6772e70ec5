"""Read hand-made annotations of image tiles: targets as shapes, questions about them.

Two kinds of line may stand in an annotation file, and are told apart by their keys:

- targets as drawn: ``{"image", "targets": {name: {"phrase", "granularity", "shapes"}},
  "qa": [{"instruction", "answer", "targets": [name, ...], "granularity", "multiplicity",
  "reasoning", "length"}]}``, with `qa` optional. Shapes: see `segearth.data.shapes`;
- a question as a manifest has it, with its masks.

An image is named by its stem: ``"airplane03"`` and ``"images/airplane/airplane03.jpg"`` are
the same tile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from segearth.data.json_lines import Fault, read_lines
from segearth.data.manifest import FACETS, Record, find_faults, record_from
from segearth.data.rle import encode_mask
from segearth.data.shapes import Image, draw_shapes
from segearth.data.targets import Target
from segearth.errors import DataError


@dataclass
class TileAnnotations:
    """What all files together say about one tile."""

    drawings: list[Drawing] = field(default_factory=list)
    questions: list[Record] = field(default_factory=list)


@dataclass(frozen=True)
class Drawing:
    """One line of targets and questions; `where` names it in messages."""

    targets: Mapping[str, Mapping[str, Any]]
    qa: Sequence[Mapping[str, Any]]
    prefix: str
    where: str
    complete: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def read_annotations(paths: Sequence[Path]) -> dict[str, TileAnnotations]:
    """Read annotation files and gather their lines by tile.

    Args:
        paths: The files, in the order in which targets are listed later.

    Returns:
        For every tile that is named, by its stem.

    Raises:
        DataError: A file cannot be read, or a line is of neither kind.
    """
    tiles: dict[str, TileAnnotations] = {}
    for path in paths:
        for number, row in read_lines(path):
            where = f"{path}, line {number}"
            if isinstance(row, Fault):
                raise DataError(row.message, where=where)
            if not isinstance(row, dict) or not isinstance(row.get("image"), str):
                raise DataError('"image" is missing', where=where)
            tile = tiles.setdefault(PurePosixPath(row["image"]).stem, TileAnnotations())
            if "masks" in row:
                fault = next(find_faults(row, path.parent.resolve()), None)
                if fault:
                    raise DataError(fault.message, where=where)
                tile.questions.append(record_from(row, path.parent.resolve()))
            else:
                tile.drawings.append(_drawing(row, path, where))
    return tiles


def draw_targets(image: Image, drawing: Drawing) -> dict[str, Target]:
    """Draw the targets of a line.

    Args:
        image: (H, W, 3) RGB uint8.
        drawing: The line.

    Returns:
        The targets by their names in the file.

    Raises:
        DataError: A shape cannot be drawn, or nothing is left of a target.
    """
    drawn = {}
    for name, target in drawing.targets.items():
        try:
            mask = draw_shapes(image, target["shapes"])
        except DataError as error:
            raise DataError(
                f"target {name}: {error.problem}", where=drawing.where, hint=error.hint
            ) from error
        if not mask.any():
            raise DataError(f"target {name} has no pixel in the image", where=drawing.where)
        drawn[name] = Target(
            phrase=target["phrase"], granularity=target["granularity"], mask=encode_mask(mask)
        )
    return drawn


def questions_of(
    drawing: Drawing, drawn: Mapping[str, Target], tile: str, image: Path
) -> list[Record]:
    """Make records of a line's own questions.

    Args:
        drawing: The line.
        drawn: Its targets, drawn.
        tile: The tile's stem.
        image: Where the image will lie.

    Returns:
        One record a question; their ids hold the annotation file's name, and are unique as
        long as a file names a tile once.
    """
    return [
        Record(
            id=f"{tile}-{drawing.prefix}-{index}",
            image=image,
            instruction=question["instruction"],
            answer=question["answer"],
            masks=tuple(drawn[name].mask for name in question["targets"]),
            facets={name: question[name] for name in FACETS},
        )
        for index, question in enumerate(drawing.qa)
    ]


def _drawing(row: Mapping[str, Any], path: Path, where: str) -> Drawing:
    """Check a line of targets, so that nothing below meets a missing key."""
    targets, questions = row.get("targets"), row.get("qa", [])
    if not isinstance(targets, dict) or not isinstance(questions, list):
        raise DataError('"targets" should be an object and "qa" a list', where=where)
    for name, target in targets.items():
        _require(target, {"phrase": str, "granularity": str, "shapes": list}, name, where)
    text = dict.fromkeys(("instruction", "answer", *FACETS), str)
    for index, question in enumerate(questions):
        _require(question, {**text, "targets": list}, f"qa {index}", where)
        unknown = [name for name in question["targets"] if name not in targets]
        if unknown:
            raise DataError(f"qa {index} asks for {unknown[0]!r}, which is no target", where=where)
    nouns = {key: row.get(key, []) for key in ("complete", "absent")}
    if not all(isinstance(value, list) for value in nouns.values()):
        raise DataError('"complete" and "absent" should be lists of nouns', where=where)
    return Drawing(
        targets,
        questions,
        path.stem,
        where,
        complete=tuple(map(str, nouns["complete"])),
        absent=tuple(map(str, nouns["absent"])),
    )


def _require(value: object, keys: Mapping[str, type], name: str, where: str) -> None:
    """Raise unless a value is an object that has all keys with their types."""
    for key, kind in keys.items():
        if not isinstance(value, dict) or not isinstance(value.get(key), kind):
            raise DataError(f'{name}: "{key}" is missing or of a wrong type', where=where)
