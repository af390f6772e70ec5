"""From replies to the figures of a manifest, redone by hand."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from segearth.data.manifest import Record
from segearth.data.rle import encode_mask
from segearth.errors import DataError, UsageError
from segearth.evaluation.evaluate import (
    evaluate,
    match_predictions,
    write_evaluation,
)
from segearth.evaluation.predictions import PredictedTarget, Prediction, read_predictions
from segearth.evaluation.selection import parse_facets, select_records
from segearth.evaluation.worst import worst_cases

ABSENT = "There is no ship in this image."


def run(start, stop, size=(2, 10)):
    mask = np.zeros(size, bool)
    mask[0, start:stop] = True
    return encode_mask(mask)


def record(name, *masks, image="a.png", source=None, **facets):
    answer = " and ".join(["<p>ship </p>[SEG]"] * len(masks)) or ABSENT
    return Record(
        id=name,
        image=image,
        instruction="Where are the <ships>?",
        answer=answer,
        masks=masks,
        facets=facets,
        source=source,
    )


def reply(name, *masks, answer=None, seconds=None):
    said = " ".join(["<p>ship </p>[SEG]"] * len(masks)) if answer is None else answer
    targets = tuple(PredictedTarget(phrase="ship", mask=mask, score=0.5) for mask in masks)
    return Prediction(id=name, answer=said, targets=targets, seconds=seconds)


RECORDS = [
    record("one", run(0, 4), granularity="instance", multiplicity="single"),
    record("two", run(0, 2), run(4, 6), granularity="part", multiplicity="multiple"),
    record("none", granularity="instance", multiplicity="none"),
    record("never", granularity="instance", multiplicity="none"),
]
REPLIES = [
    reply("one", run(0, 2), seconds=1.0),  # 2 of 4 px
    reply("two", run(4, 6), run(0, 2), run(8, 9), seconds=2.0),  # swapped, one too many
    reply("none", answer=ABSENT, seconds=3.0),
    reply("never", run(0, 3), seconds=4.0),
]


def score(metric, protocol="generate", records=RECORDS, replies=REPLIES):
    by_id = {prediction.id: prediction for prediction in replies}
    return evaluate(
        records,
        match_predictions(records, by_id),
        model="m",
        protocol=protocol,
        metric=metric,
        manifest_sha256="0",
    )


def test_lisa_by_hand():
    result = score("lisa").result

    # 0.5, then two swapped masks that share nothing; absent targets do not enter.
    assert result["giou"] == pytest.approx(0.5 / 3)
    assert result["ciou"] == pytest.approx(2 / (4 + 4 + 4))
    assert (result["records"], result["targets"]) == (4, 3)
    facets = result["by_facet"]
    assert facets["multiplicity"]["single"]["giou"] == 0.5
    assert facets["multiplicity"]["multiple"]["n"] == 2
    assert facets["multiplicity"]["none"]["giou"] is None
    assert facets["reasoning"] == {}


def test_strict_by_hand():
    result = score("strict").result

    # 0.5 | 1, 1, surplus 0 | refused 1 | answered 0
    assert result["giou"] == pytest.approx(3.5 / 6)
    assert result["ciou"] == pytest.approx((2 + 2 + 2) / (4 + 2 + 2 + 1 + 3))
    facets = result["by_facet"]["granularity"]
    assert facets["instance"]["giou"] == pytest.approx(1.5 / 3)
    assert facets["instance"]["n"] == 3
    assert facets["part"]["ciou"] == pytest.approx(4 / 5)


def test_rmsin_by_hand():
    result = score("rmsin").result

    # 2 of 4, then 4 of 5 merged pixels, 0, 0
    assert result["giou"] == pytest.approx((0.5 + 0.8) / 4)
    assert result["ciou"] == pytest.approx((2 + 4) / (4 + 5 + 3))
    assert result["precision"]["0.5"] == 0.5
    assert result["precision"]["0.8"] == 0.25


def test_targets_by_size_by_hand():
    """Squares of 15, 16 and 96 px; the reply to the largest covers half of it."""
    pixels = [225, 256, 96 * 96]
    records = [record(str(count), run(0, count, (1, 9216))) for count in pixels]
    replies = [reply(str(count), run(0, count, (1, 9216))) for count in pixels[:2]]
    replies.append(reply("9216", run(0, 4608, (1, 9216)), run(4608, 9000, (1, 9216))))

    sizes = score("strict", records=records, replies=replies).result["by_size"]

    assert list(sizes) == ["tiny", "small", "large"]
    assert (sizes["tiny"]["giou"], sizes["small"]["n"]) == (1.0, 1)
    assert sizes["large"]["giou"] == pytest.approx(0.5)  # the surplus mask is of no size
    assert score("rmsin").result["by_size"] == {}


def test_counts_and_refusals():
    result = score("lisa").result

    assert result["count_accuracy"] == 0.5  # "one" and "none"
    assert result["absent_accuracy"] == 0.5
    assert result["seconds_per_record"] == 2.5


def test_given_answers_say_nothing_of_counts():
    result = score("lisa", protocol="teacher-forced").result

    assert result["count_accuracy"] is None
    assert result["absent_accuracy"] is None


def test_a_seg_without_a_mask_is_no_refusal():
    result = score(
        "strict", records=RECORDS[2:3], replies=[reply("none", answer="It [SEG]")]
    ).result

    assert (result["giou"], result["absent_accuracy"]) == (0.0, 0.0)


def test_no_reply_is_no_refusal_either():
    outcome = score("strict", replies=REPLIES[:2])

    assert outcome.missing == ["none", "never"]
    assert outcome.result["absent_accuracy"] == 0.0
    assert outcome.result["giou"] == pytest.approx(2.5 / 6)


def test_the_keys_are_those_of_the_contract():
    assert {
        "model",
        "protocol",
        "metric",
        "records",
        "targets",
        "giou",
        "ciou",
        "by_facet",
        "count_accuracy",
        "absent_accuracy",
        "seconds_per_record",
        "manifest_sha256",
    } <= score("lisa").result.keys()
    assert json.dumps(score("strict").result, allow_nan=False)


@pytest.mark.parametrize("metric", ["lisa", "strict"])
def test_samples_are_enough_to_compute_the_figures_again(metric, tmp_path):
    outcome = score(metric)

    write_evaluation(tmp_path, outcome, {"command": "segearth eval"})

    rows = [json.loads(line) for line in (tmp_path / "samples.jsonl").read_text().splitlines()]
    targets = [target for row in rows for target in row["targets"]]
    report = json.loads((tmp_path / "report.json").read_text())
    assert [row["id"] for row in rows] == ["one", "two", "none", "never"]
    assert report["giou"] == pytest.approx(np.mean([target["iou"] for target in targets]))
    shared, union = (sum(target[key] for target in targets) for key in ("intersection", "union"))
    assert report["ciou"] == pytest.approx(shared / union)
    assert rows[1]["shared_px"] == [[0, 2, 0], [2, 0, 0]]
    assert report["about"]["command"] == "segearth eval"


def test_what_was_predicted_can_be_scored_again(tmp_path):
    outcome = score("lisa")

    write_evaluation(tmp_path, outcome, {})
    again = read_predictions(tmp_path / "predictions.jsonl", [item.id for item in RECORDS])

    assert score("strict", replies=list(again.values())).result["giou"] == pytest.approx(3.5 / 6)


def test_the_report_is_one_file_that_shows_what_went_wrong(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((2, 10, 3), 90, np.uint8))
    records = [
        record("one", run(0, 4), image=tmp_path / "a.png"),
        record("lost", run(0, 4), image=tmp_path / "none.png"),
    ]

    outcome = score("lisa", records=records, replies=[REPLIES[0], reply("lost")])
    write_evaluation(tmp_path, outcome, {"versions": {"torch": "1"}, "limit": None})

    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "data:image/jpeg;base64," in page
    assert "image not readable" in page
    assert "the i-th mask of the answer" in page
    assert "Where are the &lt;ships&gt;?" in page
    assert "torch 1" in page
    assert "http" not in page


def test_the_worst_come_first_and_the_perfect_ones_never():
    outcome = score("strict")

    worst = [item.record.id for item in worst_cases(outcome.scored)]

    assert worst == ["never", "one", "two"]
    assert [item.record.id for item in worst_cases(outcome.scored, 1)] == ["never"]


def test_sizes_that_differ_name_the_record():
    with pytest.raises(DataError, match='record "one" has true and predicted masks of 2 x 10 and'):
        score("lisa", records=RECORDS[:1], replies=[reply("one", run(0, 2, size=(4, 10)))])


def test_a_damaged_mask_names_the_record():
    broken = {"size": [2, 10], "counts": "1"}

    with pytest.raises(DataError, match="damaged") as caught:
        score("lisa", records=RECORDS[:1], replies=[reply("one", broken)])

    assert caught.value.where == 'record "one"'


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "a prediction is an object"),
        ({"id": "one", "answer": ""}, '"targets" is missing'),
        ({"id": "one", "answer": "", "targets": [{}]}, r'"targets"\[0\] has no mask'),
        ({"id": "other", "answer": "", "targets": []}, "'other' is not in the manifest"),
        ({"id": "two", "answer": "", "targets": []}, "'two' has two predictions"),
    ],
)
def test_mistakes_in_predictions_name_their_line(tmp_path, row, message):
    path = tmp_path / "predictions.jsonl"
    fine = json.dumps({"id": "two", "answer": "", "targets": []})
    path.write_text(f"{fine}\n{row if isinstance(row, str) else json.dumps(row)}\n")

    with pytest.raises(DataError, match=message) as caught:
        read_predictions(path, ["one", "two"])

    assert caught.value.where.endswith("line 2")


def test_a_request_that_failed_counts_as_no_reply(tmp_path):
    path = tmp_path / "predictions.jsonl"
    path.write_text(json.dumps({"id": "none", "answer": "", "targets": [], "error": "unreadable"}))

    (prediction,) = read_predictions(path, ["none"]).values()

    assert prediction.missing


def test_records_are_chosen_by_facet_source_and_number():
    records = [
        record("a", source="UC Merced", length="short"),
        record("b", length="short"),
        record("c", source="uc merced", length="long"),
        record("d", source="UC Merced", length="short"),
    ]

    def names(**conditions):
        return "".join(item.id for item in select_records(records, **conditions))

    assert names() == "abcd"
    assert names(facets=parse_facets(["length=short"]), source="MERCED") == "ad"
    assert names(source="merced", limit=2) == "ac"
    with pytest.raises(UsageError, match="none of 4 records"):
        names(source="Dubai")


@pytest.mark.parametrize(
    ("text", "hint"),
    [("length=huge", "length can be short, long"), ("size=1", "granularity, multi"), ("x", "name")],
)
def test_facets_that_do_not_exist_are_told(text, hint):
    with pytest.raises(UsageError, match="is no facet") as caught:
        parse_facets([text])

    assert hint in caught.value.hint
