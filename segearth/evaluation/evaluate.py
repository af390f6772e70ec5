"""Score a whole manifest, and write down what explains the figures.

`samples.jsonl` holds one line a record with every target's IoU, `predictions.jsonl` what was
said and drawn (to score it again without the model), `report.html` shows both, and
`report.json`, written last, is the result with what it was made from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segearth.data.manifest import Record
from segearth.evaluation.predictions import Prediction
from segearth.evaluation.report import render_report
from segearth.evaluation.running import AnswerProtocol, Group, run_model
from segearth.evaluation.scoring import ScoredRecord, score_record, sum_up
from segearth.files import atomic_path, write_text
from segearth.metrics import Metric

if TYPE_CHECKING:
    from segearth.evaluation.candidates import CandidateStudy
    from segearth.model.segmenter import Segmenter

RESULT = "report.json"
"""The file that is written last."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The outcome: the result as printed, and the records behind it, in their order."""

    result: dict[str, Any]
    scored: list[ScoredRecord]

    @property
    def missing(self) -> list[str]:
        """Ids of the records without any reply."""
        return [item.record.id for item in self.scored if item.prediction.missing]


def evaluate(
    records: Sequence[Record],
    predictions: Iterable[tuple[int, Prediction]],
    *,
    model: str,
    protocol: AnswerProtocol,
    metric: Metric,
    manifest_sha256: str,
) -> Evaluation:
    """Score replies as they come.

    Args:
        records: The truth.
        predictions: A record's index and its reply, in any order, each record exactly once.
        model: The model's name, as shown.
        protocol: How the answers came about.
        metric: Which conventions hold, see `segearth.metrics`.
        manifest_sha256: Of the manifest's bytes.

    Raises:
        DataError: A record cannot be scored.
    """
    scored: dict[int, ScoredRecord] = {}
    for index, prediction in predictions:
        assert index not in scored, "a record counted twice would shift every figure"
        scored[index] = score_record(records[index], prediction, metric)
    in_order = [scored[index] for index in range(len(records))]
    result = sum_up(
        in_order, model=model, protocol=protocol, metric=metric, manifest_sha256=manifest_sha256
    )
    return Evaluation(result=result, scored=in_order)


def evaluate_model(
    segmenter: Segmenter,
    records: Sequence[Record],
    *,
    protocol: AnswerProtocol,
    metric: Metric,
    manifest_sha256: str,
    study: CandidateStudy | None = None,
    track: Callable[[Sequence[Group]], Iterable[Group]] = iter,
) -> Evaluation:
    """Run a model over records and score it.

    Args:
        segmenter: The model.
        records: The truth.
        protocol: Whether answers are generated or given.
        metric: Which conventions hold, see `segearth.metrics`.
        manifest_sha256: Of the manifest's bytes.
        study: Gets all candidates; its figures are added to the result.
        track: Wraps the images that are gone through, to show progress.

    Raises:
        DataError: A record cannot be answered or scored.
    """
    watch = None if study is None else study.watch
    replies = run_model(segmenter, records, protocol, track=track, watch=watch)
    outcome = evaluate(
        records,
        replies,
        model=segmenter.name,
        protocol=protocol,
        metric=metric,
        manifest_sha256=manifest_sha256,
    )
    if study is not None:
        outcome.result.update(study.summary(outcome.scored))
    return outcome


def match_predictions(
    records: Iterable[Record], predictions: Mapping[str, Prediction]
) -> Iterator[tuple[int, Prediction]]:
    """Give every record the prediction of its id, or one that is marked as missing."""
    for index, record in enumerate(records):
        nothing = Prediction(id=record.id, answer="", targets=(), missing=True)
        yield index, predictions.get(record.id, nothing)


def write_evaluation(out: Path, evaluation: Evaluation, about: Mapping[str, object]) -> None:
    """Write samples, predictions and reports.

    Args:
        out: A folder that exists.
        evaluation: What to write.
        about: Where it comes from: command, date, versions, choice of records.

    Raises:
        DataError: Writing fails.
    """
    _write_lines(out / "samples.jsonl", (item.to_row() for item in evaluation.scored))
    _write_lines(
        out / "predictions.jsonl",
        (item.prediction.to_row() for item in evaluation.scored if not item.prediction.missing),
    )
    write_text(out / "report.html", render_report(evaluation.result, evaluation.scored, about))
    report = {**evaluation.result, "missing": evaluation.missing, "about": about}
    write_text(out / RESULT, json.dumps(report, ensure_ascii=False, indent=2) + "\n")


def _write_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write one JSON object a line."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
