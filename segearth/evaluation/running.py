"""Let a model answer the records of a manifest.

Two protocols, which must not be mixed in one table:

- generate: the model gets image and instruction, and what it says decides how many masks
  there are. This is what a user gets.
- teacher-forced: the model gets the true answer too, and only draws at its ``[SEG]``. This
  is how SegEarth-R2, MMR and LISA measure: mask quality alone. Counting targets and
  noticing that one is absent cannot go wrong, so neither is reported.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from segearth.data.manifest import Record
from segearth.data.rle import encode_mask
from segearth.errors import DataError, GeoreferenceError, UsageError
from segearth.evaluation.predictions import PredictedTarget, Prediction
from segearth.geo.raster import open_scene

if TYPE_CHECKING:
    from segearth.model.candidates import Candidates

AnswerProtocol: TypeAlias = Literal["generate", "teacher-forced"]
PROTOCOLS: tuple[AnswerProtocol, ...] = get_args(AnswerProtocol)

Group: TypeAlias = list[int]
"""Indices of the records on one image."""


class SegmenterLike(Protocol):
    """What evaluation needs of a model; `segearth.model.segmenter.Segmenter` is one."""

    @property
    def name(self) -> str:
        """What the model is called in reports."""

    def encode(self, image: NDArray[np.uint8], gsd_m: float | None = None) -> Any:
        """Look at an image, (H, W, 3) RGB uint8."""

    def reply(self, encoded: Any, instruction: str) -> Any:
        """Answer; the result has `answer` and `phrases`, one a target."""

    def teach(self, encoded: Any, instruction: str, answer: str, /) -> Any:
        """Take a given answer as the model's own."""

    def masks(self, encoded: Any, reply: Any) -> Any:
        """Draw; the result has `logits` (n, H, W) at the image's size, and `scores` (n,)."""


class Watcher(Protocol):
    """Looks at all candidates of a reply; `CandidateStudy.watch` is one."""

    def __call__(
        self,
        index: int,
        record: Record,
        image: NDArray[np.uint8],
        prediction: Prediction,
        candidates: Candidates,
        /,
    ) -> None:
        """Look at one record."""


def run_model(
    segmenter: SegmenterLike,
    records: Sequence[Record],
    protocol: AnswerProtocol,
    *,
    track: Callable[[Sequence[Group]], Iterable[Group]] = iter,
    watch: Watcher | None = None,
) -> Iterator[tuple[int, Prediction]]:
    """Answer all records; those on the same image share its encoding.

    Args:
        segmenter: The model.
        records: What to answer.
        protocol: Whether answers are generated or given.
        track: Wraps the list of images that is gone through, to show progress.
        watch: Gets every reply with a target, with all its candidates; `segmenter` is a
            `Segmenter` then. Its time is not the model's.

    Yields:
        The record's index and its reply, image by image. The time that an image's encoding
        took is shared out among its records.

    Raises:
        DataError: An image cannot be read, or a mask has another size; names the record.
    """
    groups: dict[tuple[Path, float | None], Group] = {}
    for index, record in enumerate(records):
        groups.setdefault((record.image, record.gsd_m), []).append(index)
    for group in track(list(groups.values())):
        first = records[group[0]]
        image = _read_image(first)
        for index in group:
            _require_size(records[index], image.shape[:2])
        start = time.perf_counter()
        encoded = segmenter.encode(image, first.gsd_m)
        share_s = (time.perf_counter() - start) / len(group)
        for index in group:
            record = records[index]
            reply, seconds = _reply(segmenter, encoded, record, protocol)
            drawn, candidates, start = None, None, time.perf_counter()
            if reply.phrases and watch is not None:
                candidates = segmenter.candidates(encoded, reply)  # type: ignore[attr-defined]
                drawn = candidates.selected()
            elif reply.phrases:
                drawn = segmenter.masks(encoded, reply)
            targets = _targets(reply.phrases, drawn)
            seconds += share_s + time.perf_counter() - start
            prediction = Prediction(
                id=record.id, answer=reply.answer, targets=targets, seconds=seconds
            )
            if watch is not None and candidates is not None:
                watch(index, record, image, prediction, candidates)
            yield index, prediction


def _read_image(record: Record) -> NDArray[np.uint8]:
    """Read a record's image the way `segearth predict` does, (H, W, 3) RGB uint8."""
    try:
        with open_scene(str(record.image)) as scene:
            return scene.read(0, 0, scene.height, scene.width).image
    except (DataError, GeoreferenceError) as error:
        raise DataError(
            error.problem, where=f'{record.image}, record "{record.id}"', hint=error.hint
        ) from error


def require_images(records: Sequence[Record]) -> None:
    """Look at the header of every image before hours are spent on what needs them.

    Raises:
        DataError: An image cannot be opened, or a mask has another size; names the record.
    """
    sizes: dict[Path, tuple[int, int]] = {}
    for record in records:
        if record.image not in sizes:
            try:
                with open_scene(str(record.image)) as scene:
                    sizes[record.image] = (scene.height, scene.width)
            except (DataError, GeoreferenceError) as error:
                raise DataError(
                    error.problem, where=f'{record.image}, record "{record.id}"', hint=error.hint
                ) from error
        _require_size(record, sizes[record.image])


def _require_size(record: Record, size: tuple[int, ...]) -> None:
    """Refuse masks that are not of the image's size: resizing would hide a mix-up."""
    for mask in record.masks:
        if tuple(mask["size"]) != size:
            raise DataError(
                f'record "{record.id}" has a mask of {mask["size"][0]} x {mask["size"][1]} px, '
                f"its image has {size[0]} x {size[1]} (height x width)",
                where=str(record.image),
                hint="find all such records with segearth data check",
            )


def _reply(
    segmenter: SegmenterLike, encoded: Any, record: Record, protocol: AnswerProtocol
) -> tuple[Any, float]:
    """Answer one record; returns what the model said, and its seconds."""
    start = time.perf_counter()
    try:
        if protocol == "generate":
            reply = segmenter.reply(encoded, record.instruction)
        else:
            reply = segmenter.teach(encoded, record.instruction, record.answer)
    except UsageError as error:  # an instruction that is empty or too long
        raise DataError(error.problem, where=f'record "{record.id}"', hint=error.hint) from error
    return reply, time.perf_counter() - start


def _targets(phrases: Sequence[str], drawn: Any) -> tuple[PredictedTarget, ...]:
    """Turn drawn logits into masks: a probability above one half."""
    if not phrases:
        return ()
    masks = _array(drawn.logits) > 0
    scores = [round(float(score), 4) for score in _array(drawn.scores)]
    return tuple(
        PredictedTarget(phrase=phrase, mask=encode_mask(mask), score=score)
        for phrase, mask, score in zip(phrases, masks, scores, strict=True)
    )


def _array(values: Any) -> NDArray[np.float32]:
    """Bring an array or a tensor, wherever it is, into NumPy."""
    if hasattr(values, "detach"):
        values = values.detach().float().cpu()
    return np.asarray(values, np.float32)
