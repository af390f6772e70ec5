"""The report: its keys are a contract, its sums add up."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from segearth.errors import UsageError
from segearth.model.segmenter import Segmenter
from segearth.profiling.part_clock import weight_bytes
from segearth.profiling.report import (
    loaded_subject,
    paper_subject,
    parse_queries,
    profile_rows,
    report,
    require_room,
)

KEYS = {"model", "image_size", "text_tokens", "rows", "device", "dtype"}
ROW_KEYS = {
    *("k", "decode", "tflops", "tmacs", "parts", "uncounted"),
    *("latency_s", "peak_bytes"),
}


@pytest.fixture(scope="module")
def measured(folder):
    subject = loaded_subject(str(folder), device="cpu", dtype="auto")
    rows = profile_rows(subject, [4, 1], ["joint", "per-query"], runs=2)
    return report(subject, list(rows))


def test_the_contract_is_kept(measured):
    again = json.loads(json.dumps(measured, allow_nan=False))

    assert again.keys() >= KEYS
    assert [(row["k"], row["decode"]) for row in again["rows"]] == [
        (4, "joint"),
        (4, "per-query"),
        (1, "joint"),
        (1, "per-query"),
    ]
    for row in again["rows"]:
        assert row.keys() >= ROW_KEYS
        assert row["latency_s"].keys() >= {"median", "min", "max", "runs"}
        assert row["latency_s"]["runs"] == 2
        assert row["peak_bytes"] > 0
    assert (again["device"], again["dtype"]) == ("cpu", "fp32")
    assert again["image_size"] == 96


def test_flops_are_twice_the_macs_and_parts_add_up(measured):
    for row in measured["rows"]:
        assert row["tflops"] == pytest.approx(2 * row["tmacs"])
        assert sum(row["parts"].values()) == pytest.approx(row["tflops"])
        assert row["cross_check"] is None  # not asked for
        for part, tflops in row["parts"].items():
            assert tflops == pytest.approx(2 * row["parts_tmacs"][part])


def test_every_part_that_ran_has_its_seconds_and_its_place_under_the_roofline(measured):
    for row in measured["rows"]:
        timed = row["latency_s"]["parts"]
        assert timed.keys() == {*row["parts"], "rest"}
        assert row["latency_s"]["steps"].keys() == {"encode", "answer", "masks"}
        placed = row["roofline"]["parts"]
        assert placed.keys() == {part for part, tflops in row["parts"].items() if tflops}
        for part, place in placed.items():
            reached = 1e12 * row["parts"][part] / timed[part]["median"]
            assert place["flops_per_s"] == pytest.approx(reached)
        peak = 1e12 * row["roofline"]["peak_tflops_per_s"]
        whole = 1e12 * row["tflops"] / row["latency_s"]["median"] / peak
        assert row["roofline"]["share_of_peak"] == pytest.approx(whole)


def test_the_weights_of_a_part_are_read_at_the_measured_bandwidth(measured, folder):
    weights = weight_bytes(Segmenter.load(folder, device="cpu").model)["mask_encoder"]
    for row in measured["rows"]:
        line = row["roofline"]
        seconds = weights / (1e9 * line["memory_gb_per_s"])
        assert line["parts"]["mask_encoder"]["weights_s"] == pytest.approx(seconds)  # one call


def test_a_further_question_is_counted_and_timed(measured):
    for row in measured["rows"]:
        further = row["further_question"]
        assert 0 < further["tflops"] < row["tflops"]
        assert further["share"] == pytest.approx(further["tflops"] / row["tflops"])
        assert further["latency_s"]["runs"] == 2
        assert further["latency_s"]["median"] > 0


def test_a_second_count_is_shown_beside_the_first(nano):
    small = replace(paper_subject(), recipe=nano(), vocabulary=lambda k: 900)

    (row,) = profile_rows(small, [1], ["joint"], runs=1, cross_check=True)

    second = row["cross_check"]
    assert second["counter"] == "fvcore"
    assert second["tflops"] == pytest.approx(row["tflops"], rel=0.01)
    assert abs(second["difference"]) < 0.01
    counted = sum(tflops for part, tflops in row["parts"].items() if part in second["parts"])
    difference = sum(second["parts"].values()) / counted - 1
    assert second["difference"] == pytest.approx(difference, abs=1e-12)
    assert second["not_traced"] == []
    assert "scaled_dot_product_attention" not in second["uncounted"]  # added by formula


def test_more_queries_cost_more_and_apart_more_than_together(measured):
    four_joint, four_apart, one_joint, one_apart = (row["tflops"] for row in measured["rows"])

    assert four_apart > four_joint > one_joint == one_apart


def test_the_papers_figures_stand_beside_the_papers_model_only(measured, nano):
    small = replace(paper_subject(), recipe=nano(), vocabulary=lambda k: 900)  # quick to count

    rows = list(profile_rows(small, [100, 3, 1], ["joint"], runs=1))

    assert [row["paper"] for row in rows] == [
        {"tflops": 8.4, "latency_s": 0.82},
        None,
        {"tflops": 6.1, "latency_s": 0.54},
    ]
    assert all(row["latency_s"] is None and row["peak_bytes"] is None for row in rows)
    assert all(row["roofline"] is None for row in rows)
    assert all(row["paper"] is None for row in measured["rows"])


def test_790_tokens_are_counted_unless_something_else_is_said():
    assert paper_subject().workload.tokens_at(1, 729) == 790
    assert paper_subject(101).workload.tokens_at(100, 729) == 929
    with pytest.raises(UsageError, match="no prompt"):
        paper_subject(20)


@pytest.mark.parametrize(
    ("text", "queries"), [("1", [1]), ("100, 75,1", [100, 75, 1]), ("3,3,1", [3, 1])]
)
def test_queries_are_a_list(text, queries):
    assert parse_queries(text) == queries


@pytest.mark.parametrize("text", ["", "0", "1,", "two", "-3", "1.5", "1;2"])
def test_what_is_no_list_of_queries_is_refused(text):
    with pytest.raises(UsageError, match="no list"):
        parse_queries(text)


def test_more_tokens_than_the_language_model_can_read_are_refused():
    require_room(paper_subject(), [100])
    require_room(paper_subject(), [2048 - 790 + 1])

    with pytest.raises(UsageError, match=r"with 1260 queries .* 2,049 tokens, .* read 2,048"):
        require_room(paper_subject(), [100, 2048 - 790 + 2])
