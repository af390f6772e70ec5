"""From masks to pixel counts to scores: the figures of `segearth eval`, in plain NumPy.

Two figures share all the tables. gIoU is a mean of intersection over union (no relation to
the box loss of that name); cIoU is the sum of all intersections over the sum of all unions.
One target with 1 px of 2 and another with 90 px of 100 give gIoU (0.5 + 0.9) / 2 = 0.700
and cIoU 91 / 102 = 0.892. What is averaged over and what happens to empty, missing and
surplus masks differs between papers, so there are three metrics, and every report names its
own:

==========================  ====================  ===================  =====================
                            lisa                  strict               rmsin
==========================  ====================  ===================  =====================
one unit of the mean        a target mask         a pair, or a mask    a record: its masks
                                                  left without one     merged into one
pairing                     by order              best total IoU       none
truth and answer empty      1                     1                    0
missing mask                0, union: the truth   as lisa              counts in the merge
surplus mask                cut                   0, union: the mask   counts in the merge
absent target, refused      no unit               1, no pixels         0
absent target, answered     no unit               0 a surplus mask     0
==========================  ====================  ===================  =====================

- lisa: LISA's and SegEarth-R2's tables. A missing mask scores 0 also where the truth is an
  empty mask. LISA adds 1e-5 to each union; left out here, it changes nothing visible.
- strict: what a user gets. The pairing maximises the sum of IoUs; every truth or prediction
  that has a partner is paired even if the two do not touch, so the mean is always over the
  larger of the two numbers. An absent target that is answered is 0 once a surplus mask, and
  at least once, also if the answer's `[SEG]` came without a mask.
- rmsin: oIoU, mIoU and P@X of the referring-segmentation tables, under the keys ciou, giou
  and precision. P@X counts IoU >= X.

A figure over no unit (or, for cIoU, over no pixel) does not exist and is None.

Axes
    n  true masks    m  predicted masks    H, W  the image's own size
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

Mask: TypeAlias = NDArray[np.bool_]
Metric: TypeAlias = Literal["lisa", "strict", "rmsin"]
METRICS: tuple[Metric, ...] = get_args(Metric)

DEFINITIONS: dict[Metric, str] = {
    "lisa": "lisa: gIoU is the mean over target masks; the i-th mask of the answer belongs to "
    "the i-th target. An empty true mask answered by an empty mask scores 1, a missing mask "
    "scores 0 and adds the truth to cIoU's union, surplus masks are cut. Questions after "
    "something that is not there have no target mask and do not enter.",
    "strict": "strict: masks and targets are paired one to one so that the sum of IoUs is "
    "greatest. gIoU is the mean over pairs, targets without a mask and masks without a target; "
    "the latter two score 0 and count in cIoU's union. A question after something that is not "
    "there scores 1 if it is rightly refused; else every mask scores 0, and at least one zero "
    "enters.",
    "rmsin": "rmsin: gIoU is the mIoU and cIoU the oIoU of referring-segmentation tables. One "
    "unit is a record, its masks merged into one; where truth and answer are both empty, it "
    "scores 0. P@X is the share of records with IoU of at least X.",
}
"""The conventions in words, to stand beside the figures."""

PRECISION_AT = (0.5, 0.6, 0.7, 0.8, 0.9)
"""The X of P@X."""

RESAMPLES = 1000
"""Bootstrap resamples; the ends of a 95 % interval then move by about 2 % of its width."""


@dataclass(frozen=True)
class Overlap:
    """Pixel counts of one record's true and predicted masks; every score follows from them."""

    truth_px: NDArray[np.int64]
    """(n,) size of each true mask."""
    predicted_px: NDArray[np.int64]
    """(m,) size of each predicted mask."""
    shared_px: NDArray[np.int64]
    """(n, m) pixels in both."""
    merged_shared_px: int
    """Pixels that are in some true and in some predicted mask."""
    merged_union_px: int
    """Pixels that are in any mask."""

    @property
    def union_px(self) -> NDArray[np.int64]:
        """(n, m) pixels in either mask of a pair."""
        union: NDArray[np.int64] = (
            self.truth_px[:, None] + self.predicted_px[None, :] - self.shared_px
        )
        return union


class Unit(NamedTuple):
    """One term of the mean: a pair of masks, or one that has no partner."""

    truth: int | None
    """Index of the true mask; None for a surplus mask, a refusal, or a merge."""
    prediction: int | None
    """Index of the predicted mask; None for a missing mask, a refusal, or a merge."""
    intersection: int
    """Pixels."""
    union: int
    """Pixels."""
    iou: float
    """What enters the mean, 0 to 1."""


@dataclass(frozen=True)
class Figures:
    """The figures of a set of records."""

    giou: float | None
    ciou: float | None
    n: int
    """Units in the mean."""
    giou_ci95: tuple[float, float] | None
    """95 % bootstrap interval of giou; None for fewer than two images whose records have units."""


def count_overlap(truth: Sequence[Mask], predicted: Sequence[Mask]) -> Overlap:
    """Count the pixels of one record.

    Args:
        truth: n masks (H, W).
        predicted: m masks (H, W) of the same size.

    Returns:
        The counts, int64.
    """
    shared = np.zeros((len(truth), len(predicted)), np.int64)
    for row, true_mask in enumerate(truth):
        for column, mask in enumerate(predicted):
            shared[row, column] = np.count_nonzero(true_mask & mask)
    merged_truth = np.logical_or.reduce(truth) if len(truth) else np.False_
    merged_predicted = np.logical_or.reduce(predicted) if len(predicted) else np.False_
    return Overlap(
        truth_px=np.array([np.count_nonzero(mask) for mask in truth], np.int64),
        predicted_px=np.array([np.count_nonzero(mask) for mask in predicted], np.int64),
        shared_px=shared,
        merged_shared_px=int(np.count_nonzero(merged_truth & merged_predicted)),
        merged_union_px=int(np.count_nonzero(merged_truth | merged_predicted)),
    )


def score_units(metric: Metric, overlap: Overlap, *, answered: bool) -> list[Unit]:
    """Turn one record's counts into the terms of the mean.

    Args:
        metric: Which conventions hold, see the module's table.
        overlap: The counts.
        answered: Whether the reply claims that something is there. Matters only where nothing
            is: a reply without a claim is right then.

    Returns:
        The units; none for an absent target under lisa.
    """
    if metric == "lisa":
        return _by_order(overlap)
    if metric == "strict":
        return _one_to_one(overlap, answered=answered)
    return [_merged(overlap)]


def summarise(
    records: Sequence[Sequence[Unit]],
    images: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
) -> Figures:
    """Compute the figures of a set of records.

    Args:
        records: The units of each record.
        images: What each record is about. The bootstrap draws whole images with all their
            records, because what is asked of one picture is not independent: records drawn by
            themselves would make the interval too narrow. None: every record has its own.
        seed: Of the bootstrap.
    """
    sums = np.array([sum(unit.iou for unit in units) for units in records], np.float64)
    counts = np.array([len(units) for units in records], np.int64)
    shared = sum(unit.intersection for units in records for unit in units)
    union = sum(unit.union for units in records for unit in units)
    n = int(counts.sum())
    of = image_numbers(range(len(records)) if images is None else images)
    image_sums, image_counts = (
        np.bincount(of, of_record).astype(np.float64) for of_record in (sums, counts)
    )
    asked = image_counts > 0
    return Figures(
        giou=float(sums.sum() / n) if n else None,
        ciou=shared / union if union else None,
        n=n,
        giou_ci95=_bootstrap(image_sums[asked], image_counts[asked], seed),
    )


def image_numbers(images: Iterable[Hashable]) -> NDArray[np.int64]:
    """Number images from 0 in the order in which they come; equal ones alike."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(image, len(numbers)) for image in images], np.int64)


def precision(records: Sequence[Sequence[Unit]]) -> dict[str, float]:
    """Compute P@X: the share of units whose IoU is at least X.

    Returns:
        By X, written as "0.5"; empty if there is no unit.
    """
    scores = np.array([unit.iou for units in records for unit in units])
    if not len(scores):
        return {}
    return {str(bound): float((scores >= bound).mean()) for bound in PRECISION_AT}


def _by_order(overlap: Overlap) -> list[Unit]:
    """Pair the i-th truth with the i-th prediction; cut what is left over."""
    available = len(overlap.predicted_px)
    return [
        _pair(overlap, index, index) if index < available else _missing(overlap, index)
        for index in range(len(overlap.truth_px))
    ]


def _one_to_one(overlap: Overlap, *, answered: bool) -> list[Unit]:
    """Pair for the greatest sum of IoUs; what has no partner scores 0."""
    from scipy.optimize import linear_sum_assignment

    if not len(overlap.truth_px) and not len(overlap.predicted_px):
        return [Unit(None, None, 0, 0, 0.0 if answered else 1.0)]
    union = overlap.union_px
    iou = np.where(union > 0, overlap.shared_px / np.maximum(union, 1), 1.0)
    rows, columns = linear_sum_assignment(iou, maximize=True)
    partner = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    units = [
        _pair(overlap, index, partner[index]) if index in partner else _missing(overlap, index)
        for index in range(len(overlap.truth_px))
    ]
    surplus = sorted(set(range(len(overlap.predicted_px))) - set(partner.values()))
    return units + [
        Unit(None, index, 0, int(overlap.predicted_px[index]), 0.0) for index in surplus
    ]


def _merged(overlap: Overlap) -> Unit:
    """Compare all that is true with all that is predicted."""
    shared, union = overlap.merged_shared_px, overlap.merged_union_px
    return Unit(None, None, shared, union, shared / union if union else 0.0)


def _pair(overlap: Overlap, truth: int, prediction: int) -> Unit:
    """Score a pair; two empty masks agree."""
    shared = int(overlap.shared_px[truth, prediction])
    union = int(overlap.union_px[truth, prediction])
    return Unit(truth, prediction, shared, union, shared / union if union else 1.0)


def _missing(overlap: Overlap, truth: int) -> Unit:
    """Score a truth that nothing answers."""
    return Unit(truth, None, 0, int(overlap.truth_px[truth]), 0.0)


def _bootstrap(
    sums: NDArray[np.float64], counts: NDArray[np.float64], seed: int
) -> tuple[float, float] | None:
    """Return the 2.5th and 97.5th percentile of the mean over resampled images."""
    if len(sums) < 2:
        return None
    rng = np.random.default_rng(seed)
    means = np.empty(RESAMPLES)
    for index in range(RESAMPLES):
        drawn = rng.integers(len(sums), size=len(sums))
        means[index] = sums[drawn].sum() / counts[drawn].sum()
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
