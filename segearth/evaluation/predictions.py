"""What was said and drawn for a record: by our model, or by any program through a file.

`predictions.jsonl` has one JSON object a request: ``{"id", "answer", "targets": [{"phrase",
"score", "mask": RLE at the image's own size}]}``. A line with `error` stands for a request
that failed; it counts as no answer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segearth.data.answers import count_seg
from segearth.data.json_lines import Fault, read_lines
from segearth.data.rle import Rle, is_rle
from segearth.errors import DataError


@dataclass(frozen=True, kw_only=True)
class PredictedTarget:
    """One mask of a reply."""

    phrase: str
    mask: Rle
    score: float | None = None


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A reply to one record."""

    id: str
    answer: str
    targets: tuple[PredictedTarget, ...]
    seconds: float | None = None
    """What it took, if a model of ours was run."""
    missing: bool = False
    """True where there is no reply at all, which is not the same as a reply without targets."""

    @property
    def claimed(self) -> int:
        """How many targets the reply says there are.

        The masks count; where there are none, the ``[SEG]`` of the answer do. Masks without
        a ``[SEG]`` come from programs that draw and do not talk.
        """
        return len(self.targets) or count_seg(self.answer)

    def to_row(self) -> dict[str, object]:
        """Return the JSON object of `predictions.jsonl`."""
        return {
            "id": self.id,
            "answer": self.answer,
            "targets": [
                {"phrase": target.phrase, "score": target.score, "mask": target.mask}
                for target in self.targets
            ],
        }


def read_predictions(path: Path, ids: Collection[str]) -> dict[str, Prediction]:
    """Read a `predictions.jsonl`.

    Args:
        path: The file.
        ids: The manifest's record ids: a prediction for another one is a mix-up of files.

    Returns:
        The predictions by id. Records without one are simply not in it.

    Raises:
        DataError: A line is no prediction, or its id is unknown or repeated.
    """
    known, found = set(ids), dict[str, Prediction]()
    for number, row in read_lines(path):
        where = f"{path}, line {number}"
        if isinstance(row, Fault) or not isinstance(row, dict):
            problem = row.message if isinstance(row, Fault) else "a prediction is an object"
            raise DataError(problem, where=where)
        prediction = _prediction(row, where)
        if prediction.id not in known:
            raise DataError(
                f'"id" {prediction.id!r} is not in the manifest',
                where=where,
                hint="score predictions with the manifest they were made for",
            )
        if prediction.id in found:
            raise DataError(f'"id" {prediction.id!r} has two predictions', where=where)
        found[prediction.id] = prediction
    return found


def _prediction(row: Mapping[str, Any], where: str) -> Prediction:
    """Make a prediction of a line."""
    for key, kind in (("id", str), ("answer", str), ("targets", list)):
        if not isinstance(row.get(key), kind):
            raise DataError(f'"{key}" is missing or of a wrong type', where=where)
    for index, target in enumerate(row["targets"]):
        if not isinstance(target, dict) or not is_rle(target.get("mask")):
            raise DataError(
                f'"targets"[{index}] has no mask {{"size": [height, width], "counts": text}}',
                where=where,
            )
    return Prediction(
        id=row["id"],
        answer=row["answer"],
        targets=tuple(
            PredictedTarget(
                phrase=str(target.get("phrase", "target")),
                mask=target["mask"],
                score=target.get("score"),
            )
            for target in row["targets"]
        ),
        missing="error" in row,
    )
