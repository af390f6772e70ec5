"""Many requests in one file: `REQUESTS.jsonl` in, `predictions.jsonl` out, line by line.

Requests about the same image share its encoding, so they are answered image by image; the
lines wait on disk and are put into the order of the requests at the end.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from segearth.data.json_lines import Fault, read_lines
from segearth.data.manifest import Rle, encode_mask
from segearth.errors import CheckpointError, DataError, SegEarthError
from segearth.geo.gdal import is_local_path
from segearth.geo.raster import open_scene
from segearth.prediction.files import check_instruction
from segearth.prediction.interface import SegmenterLike
from segearth.prediction.jobs import Failure
from segearth.prediction.scene import SceneOptions, Track, ask_scene, silently
from segearth.prediction.staging import staged

RESULT = "predictions.jsonl"


class Request(NamedTuple):
    """One line of the file."""

    id: str
    image: str
    """As GDAL opens it."""
    instruction: str
    gsd_m: float | None


@dataclass(frozen=True)
class RequestsSummary:
    """What became of the requests."""

    path: Path
    """Of `predictions.jsonl`."""
    requests: int
    found: int
    """Targets with at least one pixel, over all requests."""
    failures: tuple[Failure, ...]


def read_requests(path: Path) -> list[Request]:
    """Read requests.

    Args:
        path: JSON Lines with `id`, `image` (relative to the file), `instruction`, and
            `gsd_m` if known; other keys are ignored, so that a manifest will do.

    Raises:
        DataError: The file cannot be read, is empty, or a line is no request.
    """
    requests = []
    for number, row in read_lines(path):
        problem = row.message if isinstance(row, Fault) else _problem(row)
        if problem:
            raise DataError(
                problem,
                where=f"{path}, line {number}",
                hint='a line is {"id": "1", "image": "img.tif", "instruction": "the runway"}',
            )
        assert isinstance(row, dict)
        image, gsd_m = row["image"], row.get("gsd_m")
        inside = is_local_path(image) and ":" not in image
        image = str(path.parent / image) if inside else image
        requests.append(Request(row["id"], image, row["instruction"], gsd_m))
    if not requests:
        raise DataError(f"{path.name} holds no requests", where=str(path))
    return requests


def predict_requests(
    segmenter: SegmenterLike,
    requests: Sequence[Request],
    out: Path,
    *,
    options: SceneOptions | None = None,
    overwrite: bool = False,
    track: Track = silently,
) -> RequestsSummary:
    """Answer requests and write one line for each, in order.

    A line is `{"id", "answer", "targets": [{"phrase", "score", "mask"}]}` with masks as run
    lengths at the image's own size, one for each [SEG] of the answer. A request that fails
    gets an empty answer, no targets, and `error`.

    Args:
        segmenter: The model.
        requests: From `read_requests`.
        out: The folder for `predictions.jsonl`.
        options: How to read the images.
        overwrite: Whether earlier results in `out` may be replaced.
        track: Shows progress.

    Returns:
        Counts and failures.

    Raises:
        UsageError: `out` holds results.
        DataError: `out` cannot be written.
        CheckpointError: The model fails.
    """
    groups: dict[tuple[str, float | None], list[int]] = {}
    for index, request in enumerate(requests):
        groups.setdefault((request.image, request.gsd_m), []).append(index)
    failures: dict[int, Failure] = {}
    found = 0
    with staged(out, overwrite=overwrite) as folder:
        lines = _Lines(folder)
        for group in track(list(groups.values()), "images"):
            asked = [requests[index] for index in group]
            for index, row in zip(
                group, _answer_group(segmenter, asked, lines.scratch, options), strict=True
            ):
                if isinstance(row, SegEarthError):
                    failures[index] = Failure(requests[index].id, row)
                    row = {"answer": "", "targets": [], "error": row.problem}
                found += sum(target.pop("marked") for target in row["targets"])
                lines.put(index, {"id": requests[index].id} | row)
        lines.write(folder / RESULT, len(requests))
    in_order = tuple(failures[index] for index in sorted(failures))
    return RequestsSummary(out / RESULT, len(requests), found, in_order)


def _problem(row: object) -> str | None:
    """Say what keeps a row from being a request."""
    if not isinstance(row, dict):
        return "a request is a JSON object"
    for key in ("id", "image", "instruction"):
        if not isinstance(row.get(key), str):
            return f'"{key}" is missing' if key not in row else f'"{key}" should be text'
    gsd = row.get("gsd_m")
    is_number = isinstance(gsd, int | float) and not isinstance(gsd, bool)
    if gsd is not None and not (is_number and 0 < gsd < float("inf")):
        return f'"gsd_m" should be a number above 0, not {gsd!r}'
    return None


Row = dict[str, Any]


def _answer_group(
    segmenter: SegmenterLike,
    requests: Sequence[Request],
    scratch: Path,
    options: SceneOptions | None,
) -> list[Row | SegEarthError]:
    """Answer requests about one image together, or one by one if that fails."""
    try:
        return list(_answer(segmenter, requests, scratch, options))
    except CheckpointError:
        raise
    except SegEarthError as error:
        if len(requests) == 1:
            return [error]
    # One bad instruction must not spoil its neighbours.
    return [
        row for request in requests for row in _answer_group(segmenter, [request], scratch, options)
    ]


def _answer(
    segmenter: SegmenterLike,
    requests: Sequence[Request],
    scratch: Path,
    options: SceneOptions | None,
) -> list[Row]:
    for request in requests:
        check_instruction(request.instruction)
    known = requests[0].gsd_m
    options = options or SceneOptions()
    options = options if known is None else replace(options, gsd_m=known)
    with open_scene(requests[0].image, bands=options.bands, stretch=options.stretch) as scene:
        instructions = [request.instruction for request in requests]
        answer = ask_scene(segmenter, scene, instructions, scratch, options)
    rows: list[Row] = [{"answer": sentence, "targets": []} for sentence in answer.answers]
    for target in answer.targets:
        mask: Rle = encode_mask(target.mask.read(0, target.mask.height))
        rows[target.question]["targets"].append(
            {
                "phrase": target.phrase,
                "score": round(target.score, 4),
                "mask": mask,
                "marked": target.mask.any,
            }
        )
    return rows


class _Lines:
    """Finished lines on disk, in the order in which they came, found again by number."""

    def __init__(self, folder: Path) -> None:
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self._path = self.scratch / "lines"
        self._places: dict[int, tuple[int, int]] = {}

    def put(self, number: int, row: Row) -> None:
        line = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n").encode()
        with self._path.open("ab") as file:
            self._places[number] = (file.tell(), len(line))
            file.write(line)

    def write(self, path: Path, count: int) -> None:
        with self._path.open("rb") as lines, path.open("wb") as result:
            for number in range(count):
                _copy(lines, result, *self._places[number])


def _copy(source: BinaryIO, result: BinaryIO, start: int, length: int) -> None:
    source.seek(start)
    result.write(source.read(length))
