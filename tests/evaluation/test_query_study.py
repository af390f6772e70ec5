"""Runs of several k summed up, worked out by hand on two records."""

from __future__ import annotations

import pytest

from segearth.data.manifest import Record
from segearth.errors import DataError
from segearth.evaluation.candidates import CandidateStudy
from segearth.evaluation.evaluate import Evaluation
from segearth.evaluation.predictions import Prediction
from segearth.evaluation.query_study import (
    QueryRun,
    RecordSums,
    compare,
    from_values,
    record_sums,
    to_values,
)
from segearth.evaluation.query_table import HEADS, markdown, table
from segearth.evaluation.scoring import ScoredRecord
from segearth.metrics import Unit


def record(name, n, iou, oracle=None, worse=0):
    best = iou if oracle is None else oracle
    return RecordSums(id=name, n=n, iou=iou, oracle=best, targets=n, worse=worse, loss=best - iou)


def run(k, seed, *records, train_s=10.0):
    return QueryRun(
        k=k,
        seed=seed,
        steps=60,
        images=4,
        train_s=train_s,
        record_s=0.5,
        manifest_sha256="ab",
        records=records,
    )


ONE = run(1, 0, record("a", 1, 0.5), record("b", 2, 1.0))
# Of k = 3, two seeds. The first chooses worse once, by 0.3; the second always the best.
FIRST = run(3, 0, record("a", 1, 0.2, 0.5, worse=1), record("b", 2, 1.0), train_s=20.0)
SECOND = run(3, 1, record("a", 1, 0.4), record("b", 2, 0.8), train_s=40.0)


def test_figures_are_means_over_seeds_of_means_over_targets():
    three, one = compare([ONE, SECOND, FIRST])

    assert (three["k"], three["seeds"], one["k"]) == (3, [0, 1], 1)
    assert one["giou"] == pytest.approx(1.5 / 3)
    assert three["giou_by_seed"] == pytest.approx([1.2 / 3, 1.2 / 3])
    assert three["giou"] == pytest.approx(0.4)
    assert three["giou_sd"] == pytest.approx(0.0)
    assert three["oracle_giou_by_seed"] == pytest.approx([1.5 / 3, 1.2 / 3])
    assert three["gain"] == pytest.approx(0.05)
    assert three["to_one"] == pytest.approx(-0.1)
    assert one["to_one"] is None
    assert one["giou_sd"] is None
    assert (three["train_s"], three["steps"], three["images"]) == (30.0, 60, 4)


def test_worse_choices_are_counted_by_target_and_by_record():
    (three, _) = compare([ONE, SECOND, FIRST])

    assert three["worse_targets"] == pytest.approx(1 / 6)  # two runs of three targets
    assert three["worse_records"] == pytest.approx(1 / 4)
    assert three["mean_loss"] == pytest.approx(0.3 / 6)
    assert three["mean_loss_where_worse"] == pytest.approx(0.3)


def test_intervals_are_over_records_and_pairs_of_the_same_records():
    # b has the same IoU a target in both, a 0.2 less: the difference lies between 0 and -0.2.
    three, one = compare([ONE, FIRST])

    assert one["giou_ci95"] == pytest.approx((0.5, 0.5))  # every target of k = 1 has 0.5
    low, high = three["to_one_ci95"]
    assert low == pytest.approx(-0.3)  # a drawn twice
    assert high == pytest.approx(0.0)  # b drawn twice
    assert three["giou_ci95"] == pytest.approx((0.2, 0.5))


def test_records_of_an_image_are_drawn_together():
    runs = [run(1, 0, record("a", 1, 0.0), record("b", 1, 1.0), record("c", 1, 0.2))]

    (alone,), (paired,) = compare(runs), compare(runs, ["x.png", "x.png", "y.png"])

    assert alone["giou_ci95"] == pytest.approx((0.0, 1.0))  # one record, three times
    assert paired["giou_ci95"] == pytest.approx((0.2, 0.5))  # y twice, x twice
    assert compare(runs, ["x.png"] * 3)[0]["giou_ci95"] is None


def test_records_without_a_term_are_not_drawn():
    runs = [run(1, 0, record("a", 1, 0.5), record("absent", 0, 0.0), record("b", 1, 0.5))]

    (row,) = compare(runs)

    assert row["giou_ci95"] == pytest.approx((0.5, 0.5))


def test_one_record_has_no_interval():
    (row,) = compare([run(1, 0, record("a", 1, 0.5))])

    assert row["giou_ci95"] is row["oracle_giou_ci95"] is None


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([ONE, run(3, 0, record("a", 1, 0.5))], "different records"),
        ([run(1, 0, record("absent", 0, 0.0))], "no record has a target"),
    ],
)
def test_what_cannot_be_compared_is_refused(runs, said):
    with pytest.raises(DataError, match=said):
        compare(runs)


def test_a_run_survives_its_file():
    assert from_values(to_values(FIRST)) == FIRST
    with pytest.raises(TypeError):
        from_values({**to_values(FIRST), "strange": 1})
    with pytest.raises(KeyError):
        from_values({"k": 3})


def scored(name, *units):
    item = Record(id=name, image="a.png", instruction="x", answer="", masks=(), facets={})
    reply = Prediction(id=name, answer="", targets=())
    return ScoredRecord(record=item, prediction=reply, overlap=None, units=list(units))


def test_sums_come_from_an_evaluation_and_its_candidates(tmp_path):
    met, missed = Unit(0, 0, 1, 2, 0.5), Unit(1, None, 0, 5, 0.0)
    outcome = Evaluation(result={}, scored=[scored("a", met, missed)])
    study = CandidateStudy(metric="lisa", folder=tmp_path)
    study.rows = [
        {"id": "a", "iou": [0.5, 0.9], "selected": 0, "best": 1},
        {"id": "a", "iou": None, "selected": 0, "best": None},  # a surplus one
    ]
    study.oracle = {"a": [met._replace(iou=0.9), missed]}

    (sums,) = record_sums(outcome, study)
    (alone,) = record_sums(outcome, None)

    assert (sums.n, sums.iou, sums.oracle) == (2, 0.5, 0.9)
    assert (sums.targets, sums.worse, sums.loss) == (1, 1, pytest.approx(0.4))
    # With one query the only candidate is the best, and the missing mask has none.
    assert alone == RecordSums(id="a", n=2, iou=0.5, oracle=0.5, targets=1, worse=0, loss=0.0)


def test_the_table_shows_a_row_a_k_and_a_dash_for_what_is_not():
    rows = compare([ONE, FIRST, SECOND])

    three, one = table(rows)

    assert len(three) == len(one) == len(HEADS)
    assert three[:2] == ("3", "40.0")
    assert three[4].startswith("-10.0 (")
    assert one[4] is None
    text = markdown(
        {
            "recipe": "nano",
            "rows": rows,
            "records": 2,
            "metric": "lisa",
            "protocol": "teacher-forced",
            "made_by": {"command": "segearth train"},
        },
        "The paper's.",
    )
    assert "| 1 | 50.0 | 50.0 to 50.0 | 50.0 | - |" in text
    assert "60 steps of 4 images" in text
