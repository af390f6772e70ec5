"""What k queries a target do to the masks: runs of several k and seeds, summed up (Sec. 5.4).

Every run has seen as much and answers the same records, so that runs are compared record by
record. There are two kinds of uncertainty, and both are told: an interval says how far a figure
depends on which pictures were asked about (bootstrap over images, the seeds averaged), and the
figures of the single seeds say how far it depends on the training's chance.

Axes
    R  records    s  seeds
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segearth.errors import DataError
from segearth.evaluation.candidates import CandidateStudy
from segearth.evaluation.evaluate import Evaluation
from segearth.metrics import RESAMPLES, image_numbers

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RecordSums:
    """One record in one run.

    Attributes:
        id: Of the record.
        n: Terms that it has in gIoU's mean.
        iou: Their sum for the selected masks.
        oracle: Their sum for the best candidates.
        targets: Targets with a truth whose candidates were compared.
        worse: Those of them for which a better candidate than the selected one was there.
        loss: IoU that this cost, summed over them.
    """

    id: str
    n: int
    iou: float
    oracle: float
    targets: int
    worse: int
    loss: float


@dataclass(frozen=True, kw_only=True)
class QueryRun:
    """A model of one k and one seed, trained and evaluated.

    Attributes:
        k: Queries a target.
        seed: Of the run.
        steps: Optimizer steps.
        images: Shown in one step.
        train_s: Seconds of all steps.
        record_s: Seconds an answer takes, mean.
        manifest_sha256: Of the records that it answered.
        records: In the order of the manifest.
    """

    k: int
    seed: int
    steps: int
    images: int
    train_s: float
    record_s: float
    manifest_sha256: str
    records: tuple[RecordSums, ...]


def record_sums(outcome: Evaluation, study: CandidateStudy | None) -> tuple[RecordSums, ...]:
    """Take from an evaluation what the comparison needs.

    Args:
        outcome: Of one run.
        study: Its candidates; None for k = 1, where the only candidate is the best.
    """
    losses: dict[str, list[float]] = {}
    compared = [] if study is None else study.rows
    for row in compared:
        if row["iou"]:
            loss = row["iou"][row["best"]] - row["iou"][row["selected"]]
            losses.setdefault(row["id"], []).append(loss)
    found = []
    for item in outcome.scored:
        name = item.record.id
        best = item.units if study is None else study.oracle.get(name, item.units)
        paired = [u for u in item.units if u.truth is not None and u.prediction is not None]
        own = losses.get(name, [0.0] * len(paired))
        found.append(
            RecordSums(
                id=name,
                n=len(item.units),
                iou=sum(unit.iou for unit in item.units),
                oracle=sum(unit.iou for unit in best),
                targets=len(own),
                worse=sum(loss > 0 for loss in own),
                loss=sum(own),
            )
        )
    return tuple(found)


def to_values(run: QueryRun) -> dict[str, Any]:
    """Turn a run into values for JSON."""
    return asdict(run)


def from_values(values: dict[str, Any]) -> QueryRun:
    """Read what `to_values` made.

    Raises:
        TypeError: Something is missing or of no known name.
        KeyError: There are no records.
    """
    records = tuple(RecordSums(**record) for record in values["records"])
    return QueryRun(**{**values, "records": records})


def compare(
    runs: Sequence[QueryRun], images: Sequence[Hashable] | None = None, *, seed: int = 0
) -> list[dict[str, Any]]:
    """Sum up runs by k.

    Args:
        runs: In any order; the seeds of different k may differ in number.
        images: What each of their records is about, see `segearth.metrics.summarise`.
        seed: Of the bootstrap.

    Returns:
        A row a k, the largest first. `giou` and `oracle_giou`, 0 to 1: means over the seeds,
        with a 95 % interval over images (`…_ci95`; None for fewer than two) and each
        seed's own (`…_by_seed`); `giou_sd`: standard deviation over the seeds, None for one.
        `gain`: gIoU that a perfect choice would add. `to_one`: gIoU minus that of k = 1, the
        same images drawn for both; None without k = 1. `worse_targets` and `worse_records`:
        shares for which a better candidate than the selected one was there; `mean_loss`: IoU
        that this cost a target, and `mean_loss_where_worse`. `steps`, `images`, `train_s` and
        `record_s`: budget and time, seconds, means over the seeds.

    Raises:
        DataError: The runs were asked different records, or nothing.
    """
    names = [record.id for record in runs[0].records]
    if any([record.id for record in run.records] != names for run in runs):
        raise DataError("the runs answered different records", hint="evaluate all of them anew")
    counts = np.array([record.n for record in runs[0].records], np.float64)
    if not counts.sum():
        raise DataError("no record has a target", hint="choose other records")
    drawn = _resamples(counts, image_numbers(names if images is None else images), seed)
    by_k: dict[int, list[QueryRun]] = {}
    for run in sorted(runs, key=lambda run: (-run.k, run.seed)):
        by_k.setdefault(run.k, []).append(run)
    one = _mean_sums(by_k[1], "iou") if 1 in by_k else None
    return [_row(k, group, counts, drawn, one) for k, group in by_k.items()]


def _row(
    k: int, runs: Sequence[QueryRun], counts: Floats, drawn: Floats | None, one: Floats | None
) -> dict[str, Any]:
    row: dict[str, Any] = {"k": k, "seeds": [run.seed for run in runs]}
    for name, key in (("giou", "iou"), ("oracle_giou", "oracle")):
        sums = _mean_sums(runs, key)
        row[name] = float(sums.sum() / counts.sum())
        row[f"{name}_ci95"] = _interval(sums, counts, drawn)
        row[f"{name}_by_seed"] = [float(_sums(run, key).sum() / counts.sum()) for run in runs]
    row["giou_sd"] = float(np.std(row["giou_by_seed"], ddof=1)) if len(runs) > 1 else None
    row["gain"] = row["oracle_giou"] - row["giou"]
    row["to_one"] = row["to_one_ci95"] = None
    if one is not None and k != 1:
        difference = _mean_sums(runs, "iou") - one
        row["to_one"] = float(difference.sum() / counts.sum())
        row["to_one_ci95"] = _interval(difference, counts, drawn)
    return {**row, **_choice(runs), **_budget(runs)}


def _choice(runs: Sequence[QueryRun]) -> dict[str, float | None]:
    """Say how often a worse candidate was chosen, over all seeds, and what it cost."""
    targets, worse, loss = (
        math.fsum(float(_sums(run, key).sum()) for run in runs)
        for key in ("targets", "worse", "loss")
    )
    asked = [record for run in runs for record in run.records if record.targets]
    return {
        "worse_targets": worse / targets if targets else None,
        "worse_records": sum(r.worse > 0 for r in asked) / len(asked) if asked else None,
        "mean_loss": loss / targets if targets else None,
        "mean_loss_where_worse": loss / worse if worse else None,
    }


def _budget(runs: Sequence[QueryRun]) -> dict[str, float]:
    return {
        "steps": runs[0].steps,
        "images": runs[0].images,
        "train_s": sum(run.train_s for run in runs) / len(runs),
        "record_s": sum(run.record_s for run in runs) / len(runs),
    }


def _sums(run: QueryRun, key: str) -> Floats:
    """One figure of every record, ``(R,)``."""
    return np.array([getattr(record, key) for record in run.records], np.float64)


def _mean_sums(runs: Sequence[QueryRun], key: str) -> Floats:
    """The same, averaged over the seeds, ``(R,)``."""
    mean: Floats = np.mean([_sums(run, key) for run in runs], axis=0)
    return mean


def _resamples(counts: Floats, of: NDArray[np.int64], seed: int) -> Floats | None:
    """Draw images with all their records.

    Args:
        counts: Terms of each record, ``(R,)``.
        of: Number of its image, ``(R,)``.
        seed: Of the draws.

    Returns:
        How often each record is drawn in each resample, ``(RESAMPLES, R)``; None for one image.
    """
    asked = np.flatnonzero(np.bincount(of, counts))
    if len(asked) < 2:
        return None
    rng = np.random.default_rng(seed)
    drawn = np.zeros((RESAMPLES, int(of.max()) + 1))
    drawn[:, asked] = rng.multinomial(len(asked), np.full(len(asked), 1 / len(asked)), RESAMPLES)
    return drawn[:, of]


def _interval(sums: Floats, counts: Floats, drawn: Floats | None) -> tuple[float, float] | None:
    """The 2.5th and 97.5th percentile of the mean over resampled images."""
    if drawn is None:
        return None
    low, high = np.percentile((drawn @ sums) / (drawn @ counts), [2.5, 97.5])
    return float(low), float(high)
