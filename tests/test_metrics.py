"""The figures, on masks small enough to count."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from segearth.metrics import (
    METRICS,
    Unit,
    count_overlap,
    precision,
    score_units,
    summarise,
)

EMPTY = np.zeros((1, 10), bool)


def run(start, stop):
    """A row of ten pixels with those from start to stop set."""
    mask = EMPTY.copy()
    mask[0, start:stop] = True
    return mask


def units(metric, truth, predicted, answered=None):
    claims = bool(predicted) if answered is None else answered
    return score_units(metric, count_overlap(truth, predicted), answered=claims)


def ious(metric, truth, predicted, answered=None):
    return [unit.iou for unit in units(metric, truth, predicted, answered)]


def test_the_pair_of_the_docstring():
    records = [[Unit(0, 0, 1, 2, 0.5)], [Unit(0, 0, 90, 100, 0.9)]]

    figures = summarise(records)

    assert figures.giou == pytest.approx(0.7)
    assert figures.ciou == pytest.approx(91 / 102)
    assert figures.n == 2


def test_counts_are_pixels():
    overlap = count_overlap([run(0, 4), run(6, 9)], [run(2, 7)])

    assert overlap.truth_px.tolist() == [4, 3]
    assert overlap.predicted_px.tolist() == [5]
    assert overlap.shared_px.tolist() == [[2], [1]]
    assert overlap.union_px.tolist() == [[7], [7]]
    assert (overlap.merged_shared_px, overlap.merged_union_px) == (3, 9)
    assert overlap.shared_px.dtype == np.int64


@pytest.mark.parametrize("metric", METRICS)
def test_one_target_scores_the_same_in_all(metric):
    (unit,) = units(metric, [run(0, 4)], [run(1, 5)])

    assert (unit.intersection, unit.union) == (3, 5)
    assert unit.iou == pytest.approx(0.6)


@pytest.mark.parametrize(("metric", "score"), [("lisa", 1.0), ("strict", 1.0), ("rmsin", 0.0)])
def test_an_empty_truth_answered_by_an_empty_mask(metric, score):
    (unit,) = units(metric, [EMPTY], [EMPTY])

    assert unit.iou == score
    assert unit.union == 0


@pytest.mark.parametrize("metric", METRICS)
def test_an_empty_truth_answered_by_a_mask_scores_0_and_counts_in_the_union(metric):
    (unit,) = units(metric, [EMPTY], [run(0, 3)])

    assert (unit.iou, unit.intersection, unit.union) == (0.0, 0, 3)


def test_lisa_pairs_by_order():
    swapped = units("lisa", [run(0, 2), run(4, 6)], [run(4, 6), run(0, 2)])

    assert [unit.iou for unit in swapped] == [0.0, 0.0]
    assert [unit.union for unit in swapped] == [4, 4]


def test_lisa_scores_a_missing_mask_0_and_adds_the_truth_to_the_union():
    pair, missing = units("lisa", [run(0, 2), run(4, 7)], [run(0, 2)])

    assert pair.iou == 1.0
    assert missing == Unit(1, None, 0, 3, 0.0)
    assert summarise([[pair, missing]]).ciou == pytest.approx(2 / 5)


def test_lisa_scores_a_missing_mask_0_even_for_an_empty_truth():
    assert ious("lisa", [EMPTY], []) == [0.0]


def test_lisa_cuts_surplus_masks():
    assert units("lisa", [run(0, 2)], [run(0, 2), run(3, 9)]) == [Unit(0, 0, 2, 2, 1.0)]


@pytest.mark.parametrize("predicted", [[], [run(0, 5)]], ids=["refused", "answered"])
def test_lisa_has_no_unit_for_an_absent_target(predicted):
    assert units("lisa", [], predicted) == []


def test_strict_pairs_for_the_greatest_sum():
    swapped = units("strict", [run(0, 2), run(4, 6)], [run(4, 6), run(0, 2)])

    assert swapped == [Unit(0, 1, 2, 2, 1.0), Unit(1, 0, 2, 2, 1.0)]


def test_strict_does_not_take_the_best_pair_first():
    # Greedy would take 4/5 and leave 0: 0.8 in sum. The other pairing has 3/5 + 2/5 = 1.0.
    truth, predicted = [run(0, 5), run(2, 4)], [run(0, 4), run(0, 3)]

    scores = ious("strict", truth, predicted)

    best = max(
        sum(count_iou(truth[i], predicted[j]) for i, j in enumerate(order))
        for order in permutations(range(2))
    )
    assert sum(scores) == pytest.approx(best)


def count_iou(a, b):
    return (a & b).sum() / (a | b).sum()


def test_strict_agrees_with_trying_all_permutations():
    rng = np.random.default_rng(1)
    for _ in range(30):
        truth = list(rng.random((3, 1, 30)) < 0.5)
        predicted = list(rng.random((3, 1, 30)) < 0.5)

        best = max(
            sum(count_iou(truth[i], predicted[j]) for i, j in enumerate(order))
            for order in permutations(range(3))
        )

        assert sum(ious("strict", truth, predicted)) == pytest.approx(best)


def test_strict_scores_missing_and_surplus_0_and_counts_both_in_the_union():
    missing = units("strict", [run(0, 2), run(4, 7)], [run(4, 7)])
    surplus = units("strict", [run(4, 7)], [run(0, 2), run(4, 7)])

    assert missing == [Unit(0, None, 0, 2, 0.0), Unit(1, 0, 3, 3, 1.0)]
    assert surplus == [Unit(0, 1, 3, 3, 1.0), Unit(None, 0, 0, 2, 0.0)]
    for account in (missing, surplus):
        figures = summarise([account])
        assert (figures.giou, figures.ciou, figures.n) == (0.5, 3 / 5, 2)


def test_strict_pairs_masks_that_do_not_touch_so_that_one_mistake_counts_once():
    assert units("strict", [run(0, 2)], [run(5, 8)]) == [Unit(0, 0, 0, 5, 0.0)]


@pytest.mark.parametrize(
    ("predicted", "answered", "expected"),
    [
        pytest.param([], False, [Unit(None, None, 0, 0, 1.0)], id="refused"),
        pytest.param([], True, [Unit(None, None, 0, 0, 0.0)], id="answered-without-a-mask"),
        pytest.param(
            [run(0, 2), run(3, 4)],
            True,
            [Unit(None, 0, 0, 2, 0.0), Unit(None, 1, 0, 1, 0.0)],
            id="answered-twice",
        ),
    ],
)
def test_strict_on_an_absent_target(predicted, answered, expected):
    assert units("strict", [], predicted, answered) == expected


def test_rmsin_merges_the_masks_of_a_record():
    (unit,) = units("rmsin", [run(0, 2), run(4, 6)], [run(0, 6)])

    assert (unit.intersection, unit.union) == (4, 6)


def test_rmsin_scores_a_right_refusal_0():
    assert ious("rmsin", [], []) == [0.0]


def test_precision_counts_from_the_bound_on():
    records = [[Unit(None, None, 1, 2, 0.5)], [Unit(None, None, 9, 10, 0.9)]]

    assert precision(records) == {"0.5": 1.0, "0.6": 0.5, "0.7": 0.5, "0.8": 0.5, "0.9": 0.5}
    assert precision([]) == {}


def test_figures_over_nothing_do_not_exist():
    nothing = summarise([[], []])
    refused = summarise([[Unit(None, None, 0, 0, 1.0)]])

    assert (nothing.giou, nothing.ciou, nothing.n, nothing.giou_ci95) == (None, None, 0, None)
    assert (refused.giou, refused.ciou, refused.n, refused.giou_ci95) == (1.0, None, 1, None)


def test_the_interval_holds_the_mean_and_is_the_same_every_time():
    rng = np.random.default_rng(2)
    records = [[Unit(0, 0, 1, 1, float(iou))] for iou in rng.random(200)]

    figures, again = summarise(records), summarise(records)

    low, high = figures.giou_ci95
    # A mean of 200 uniform numbers has a standard error of 0.289 / sqrt(200) = 0.0204.
    assert low < figures.giou < high
    assert high - low == pytest.approx(2 * 1.96 * 0.0204, rel=0.15)
    assert again == figures


def test_the_interval_draws_records_not_targets():
    pairs = [[Unit(0, 0, 1, 1, score)] * 2 for score in (0.0, 1.0) * 50]
    singles = [[Unit(0, 0, 1, 1, score)] for score in (0.0, 1.0) * 100]

    wide, narrow = (np.diff(summarise(records).giou_ci95)[0] for records in (pairs, singles))

    assert wide / narrow == pytest.approx(2**0.5, rel=0.15)


def test_the_interval_draws_images_with_all_their_records():
    records = [[Unit(0, 0, 1, 1, score)] for score in (0.0, 1.0) * 100]
    images = [f"{index // 4 * 2 + index % 2}" for index in range(200)]  # two equal records each

    wide, narrow = (
        np.diff(summarise(records, of).giou_ci95)[0] for of in (images, range(len(records)))
    )

    assert wide / narrow == pytest.approx(2**0.5, rel=0.15)
    assert summarise(records, ["the same"] * 200).giou_ci95 is None


def test_perfect_answers_score_1_whatever_the_metric_and_order():
    truth = [run(0, 3), run(5, 9)]

    assert ious("lisa", truth, truth) == ious("strict", truth, truth[::-1]) == [1.0, 1.0]
    assert ious("rmsin", truth, truth[::-1]) == [1.0]
