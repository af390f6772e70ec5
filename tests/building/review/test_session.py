"""Who gets which record, and what counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from segearth.building.review.decisions import Undo
from segearth.building.review.log import NAME, open_log, read_log
from segearth.building.review.queue import UNKNOWN, is_sampled, state_of, uncertainty
from segearth.building.review.session import HOLD, Review
from segearth.errors import DataError

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def begin(records, tmp_path):
    """Open a review; closed at the end."""
    opened = []

    def start(share=0.0, records=records, now=lambda: NOON):
        context = open_log(tmp_path / "out")
        opened.append(context)
        return Review(records, context.__enter__(), second_look=share, now=now)

    yield start
    for context in opened:
        context.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("extra", "doubt"),
    [
        ({}, UNKNOWN),
        ({"score": 0.9}, 0.1),
        ({"confidence": 0.25}, 0.75),
        ({"scores": [0.9, 0.4, 1]}, 0.6),
        ({"score": 0.9, "disagreement": 0.3}, 0.3),
        ({"disagreement": 0.0}, 0.0),
        ({"score": "high", "scores": [None, True, 7, float("nan")]}, UNKNOWN),
    ],
)
def test_uncertainty_by_hand(records, extra, doubt):
    assert uncertainty(replace(records[0], extra=extra)) == pytest.approx(doubt)


def test_the_most_uncertain_comes_first_and_ties_keep_their_order(begin, records, make):
    scores = ({"score": 0.9}, {}, {"score": 0.1})
    review = begin(records=[replace(one, extra=e) for one, e in zip(records, scores, strict=True)])

    order = []
    while (number := review.next_number("ana")) is not None:
        order.append(number)
        review.decide(make.decision(records[number]))

    assert order == [2, 1, 0]


def test_a_record_that_somebody_looks_at_is_not_given_to_others_for_a_while(begin):
    clock = [NOON]
    review = begin(now=lambda: clock[0])

    assert review.next_number("ana") == 0
    assert review.next_number("bo") == 1
    assert review.next_number("ana") == 0
    clock[0] += HOLD + timedelta(seconds=1)
    assert review.next_number("cy") == 0


def test_passing_over_goes_round(begin):
    review = begin()

    assert [review.next_number("ana", after) for after in (0, 1, 2)] == [1, 2, 0]


def test_without_a_second_look_nobody_sees_a_decided_record(begin, records, make):
    review = begin()
    review.decide(make.decision(records[0]))

    assert review.progress("bo")["left"] == 2


def test_all_see_it_again_with_a_share_of_one_but_only_two(begin, records, make):
    review = begin(1.0)
    for reviewer in ("ana", "bo"):
        assert 0 in {review.next_number(reviewer)}
        review.decide(make.decision(records[0], reviewer))

    assert review.next_number("cy") == 1


def test_disputed_records_come_first_for_a_third(begin, records, make):
    review = begin(1.0)
    review.decide(make.decision(records[2], "ana"))
    review.decide(make.decision(records[2], "bo", wrong=["mask"]))

    assert review.next_number("cy") == 2
    assert review.next_number("ana") == 0


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [("", "open"), ("a", "accepted"), ("r", "rejected"), ("ar", "disputed"), ("arr", "rejected"),
     ("aar", "accepted")],
)  # fmt: skip
def test_the_majority_decides(records, make, verdicts, state):
    said = {
        str(n): make.decision(records[0], str(n), wrong=["mask"] if letter == "r" else [])
        for n, letter in enumerate(verdicts)
    }

    assert state_of(said) == state


def test_the_share_is_about_the_share_and_the_same_every_time():
    names = [f"record {number}" for number in range(2000)]

    sampled = [is_sampled(name, 0.1) for name in names]

    assert 150 < sum(sampled) < 250
    assert sampled == [is_sampled(name, 0.1) for name in names]
    assert not any(is_sampled(name, 0) for name in names)
    assert all(is_sampled(name, 1) for name in names)


def test_undo_goes_back_step_by_step_and_to_the_earlier_word(begin, records, make):
    review = begin()
    review.decide(make.decision(records[0], note="first"))
    review.decide(make.decision(records[1]))
    review.decide(make.decision(records[0], wrong=["object"], note="second"))

    assert review.undo("ana") == 0
    assert review.own_decision("ana", 0).note == "first"
    assert review.undo("ana") == 1
    assert review.undo("bo") is None
    assert review.undo("ana") == 0
    assert review.undo("ana") is None


def test_a_restart_finds_the_same_state(records, tmp_path, make):
    with open_log(tmp_path / NAME) as log:
        review = Review(records, log, second_look=0)
        review.decide(make.decision(records[0]))
        review.decide(make.decision(records[1]))
        review.undo("ana")
        before = review.progress("ana")
    with open_log(tmp_path / NAME) as log:
        assert isinstance(log.events[-1], Undo)
        assert Review(records, log, second_look=0).progress("ana") == before


def test_the_same_decision_twice_is_one_and_one_undo_takes_it_back(begin, records, tmp_path, make):
    review = begin()
    for _ in range(2):
        review.decide(make.decision(records[0]))

    assert len(read_log(tmp_path / "out" / NAME)[0]) == 1
    assert review.undo("ana") == 0
    assert review.progress("ana")["decided"] == 0


def test_an_undo_on_a_changed_record_takes_no_earlier_decision_back(begin, records, tmp_path, make):
    changed = [replace(records[0], answer="A <p>crate </p>[SEG]."), *records[1:]]
    with open_log(tmp_path / "out") as log:
        Review(records, log, second_look=0).decide(make.decision(records[0]))
    with open_log(tmp_path / "out") as log:
        other = Review(changed, log, second_look=0)
        other.decide(make.decision(changed[0]))
        other.undo("ana")
        assert other.stale == 1

    review = begin()  # the manifest is as it was

    assert review.own_decision("ana", 0) is not None


def test_a_decision_on_a_record_that_changed_does_not_count(begin, records, tmp_path, make):
    with open_log(tmp_path / "out") as log:
        log.append([make.decision(records[0])])
    changed = [replace(records[0], answer="A <p>crate </p>[SEG]."), *records[1:]]

    review = begin(records=changed)

    assert review.progress("ana")["decided"] == 0
    with pytest.raises(DataError, match="has changed"):
        review.decide(make.decision(records[0]))
    assert len(read_log(tmp_path / "out" / NAME)[0]) == 1
