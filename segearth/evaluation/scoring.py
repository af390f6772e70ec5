"""Score replies record by record, and sum up by facet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segearth.data.answers import find_phrases
from segearth.data.manifest import FACETS, Record
from segearth.data.rle import Rle, decode_mask
from segearth.errors import DataError
from segearth.evaluation.predictions import Prediction
from segearth.evaluation.running import AnswerProtocol
from segearth.metrics import (
    Metric,
    Overlap,
    Unit,
    count_overlap,
    precision,
    score_units,
    summarise,
)

SIZES = {"tiny": 16.0, "small": 32.0, "medium": 96.0, "large": math.inf}
"""Sizes of targets: each takes what has fewer pixels than a square of this side, pixels. 32 and
96 are COCO's bounds (Lin et al., ECCV 2014), 16 that of AI-TOD's very tiny and tiny objects
(Wang et al., ICPR 2020)."""

_Group: TypeAlias = list[tuple[str | Path, list[Unit]]]
"""Records' images and units."""


@dataclass(frozen=True, kw_only=True)
class ScoredRecord:
    """A record, how it was answered and what that is worth."""

    record: Record
    prediction: Prediction
    overlap: Overlap
    units: list[Unit]

    @property
    def mean_iou(self) -> float | None:
        """The mean of the record's units; None if it has none."""
        return sum(unit.iou for unit in self.units) / len(self.units) if self.units else None

    def to_row(self) -> dict[str, object]:
        """Return the line of `samples.jsonl`: enough to compute every metric again."""
        return {
            "id": self.record.id,
            "instruction": self.record.instruction,
            "answer": self.prediction.answer,
            "phrases": [target.phrase for target in self.prediction.targets],
            "true_answer": self.record.answer,
            "true_phrases": find_phrases(self.record.answer),
            "claimed": self.prediction.claimed,
            "missing": self.prediction.missing,
            "facets": self.record.facets,
            "targets": [unit._asdict() for unit in self.units],
            "truth_px": self.overlap.truth_px.tolist(),
            "predicted_px": self.overlap.predicted_px.tolist(),
            "shared_px": self.overlap.shared_px.tolist(),
            "merged_shared_px": self.overlap.merged_shared_px,
            "merged_union_px": self.overlap.merged_union_px,
            "seconds": self.prediction.seconds,
        }


def score_record(record: Record, prediction: Prediction, metric: Metric) -> ScoredRecord:
    """Compare a reply with the truth.

    Args:
        record: The truth.
        prediction: The reply. One that is missing is no refusal: it scores 0 everywhere.
        metric: Which conventions hold, see `segearth.metrics`.

    Raises:
        DataError: A mask is damaged, or sizes differ; names the record.
    """
    masks = [target.mask for target in prediction.targets]
    sizes = {(mask["size"][0], mask["size"][1]) for mask in (*record.masks, *masks)}
    if len(sizes) > 1:
        shown = " and ".join(f"{height} x {width}" for height, width in sorted(sizes))
        raise DataError(
            f'record "{record.id}" has true and predicted masks of {shown} (height x width)',
            where=str(record.image),
            hint="masks have to be predicted at the image's own size",
        )
    overlap = count_overlap(_decode(record.masks, record), _decode(masks, record))
    answered = prediction.missing or prediction.claimed > 0
    units = score_units(metric, overlap, answered=answered)
    return ScoredRecord(record=record, prediction=prediction, overlap=overlap, units=units)


def sum_up(
    scored: Sequence[ScoredRecord],
    *,
    model: str,
    protocol: AnswerProtocol,
    metric: Metric,
    manifest_sha256: str,
) -> dict[str, Any]:
    """Make the result that `segearth eval --json` prints.

    Args:
        scored: All records.
        model: Its name, as shown.
        protocol: How the answers came about. Where they were given, `count_accuracy` and
            `absent_accuracy` are None.
        metric: The conventions that the scores follow.
        manifest_sha256: Of the manifest's bytes.

    Returns:
        Scores from 0 to 1. `count_accuracy`: share of records with the right number of
        targets. `absent_accuracy`: share of the records with an absent target that are
        answered without ``[SEG]``; None if there are none. `giou_ci95` and `n`: see
        `Figures`.
    """
    figures = summarise([item.units for item in scored], [item.record.image for item in scored])
    replies = [(item.record, item.prediction) for item in scored]
    counts_right = [
        not reply.missing and reply.claimed == len(record.masks) for record, reply in replies
    ]
    absence_seen = [
        right for right, (record, _) in zip(counts_right, replies, strict=True) if not record.masks
    ]
    seconds = [reply.seconds for _, reply in replies if reply.seconds is not None]
    generated = protocol == "generate"
    result: dict[str, Any] = {
        "model": model,
        "protocol": protocol,
        "metric": metric,
        "records": len(scored),
        "targets": sum(len(record.masks) for record, _ in replies),
        "giou": figures.giou,
        "ciou": figures.ciou,
        "giou_ci95": figures.giou_ci95,
        "n": figures.n,
        "by_facet": by_facet(scored),
        "by_size": by_size(scored),
        "count_accuracy": _mean(counts_right) if generated else None,
        "absent_accuracy": _mean(absence_seen) if generated else None,
        "seconds_per_record": _mean(seconds),
        "manifest_sha256": manifest_sha256,
    }
    if metric == "rmsin":
        result["precision"] = precision([item.units for item in scored])
    return result


def by_facet(scored: Iterable[ScoredRecord]) -> dict[str, dict[str, dict[str, Any]]]:
    """Compute the figures of every value of every facet, in the order of `FACETS`.

    A value that no record has is left out; one whose records have no unit has n = 0.
    """
    groups: dict[str, dict[str, _Group]] = {
        name: {value: [] for value in values} for name, values in FACETS.items()
    }
    for item in scored:
        for name, values in groups.items():
            if name in item.record.facets:
                of_value = values.setdefault(item.record.facets[name], [])
                of_value.append((item.record.image, item.units))
    return {name: _figures_of(values) for name, values in groups.items()}


def by_size(scored: Sequence[ScoredRecord]) -> dict[str, dict[str, Any]]:
    """Compute the figures of targets by their true size, in the order of `SIZES`.

    A mask without a target has no true size, and under rmsin no unit is a target: those units
    are left out, and so is a size that no target has.
    """
    groups: dict[str, _Group] = {name: [] for name in SIZES}
    for item in scored:
        own: dict[str, list[Unit]] = {}
        for unit in item.units:
            if unit.truth is not None:
                pixels = int(item.overlap.truth_px[unit.truth])
                size = next(name for name, side in SIZES.items() if pixels < side**2)
                own.setdefault(size, []).append(unit)
        for size, units in own.items():
            groups[size].append((item.record.image, units))
    return _figures_of(groups)


def _figures_of(groups: Mapping[str, _Group]) -> dict[str, dict[str, Any]]:
    """Sum up each group that has a record."""
    return {
        name: asdict(summarise([units for _, units in group], [image for image, _ in group]))
        for name, group in groups.items()
        if group
    }


def _decode(masks: Iterable[Rle], record: Record) -> list[NDArray[np.bool_]]:
    """Decode masks; a damaged one names the record."""
    try:
        return [decode_mask(mask) for mask in masks]
    except DataError as error:
        raise DataError(error.problem, where=f'record "{record.id}"') from error


def _mean(values: Sequence[float]) -> float | None:
    """Return the mean; None of nothing."""
    return sum(values) / len(values) if values else None
