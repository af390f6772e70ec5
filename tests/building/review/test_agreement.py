"""Kappas against figures that can be worked out by hand or looked up."""

from __future__ import annotations

import pytest

from segearth.building.review.agreement import cohen_kappa, fleiss_kappa


def test_cohen_by_hand():
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: P = 35/50 = 0.7; the first says yes 25 times,
    # the second 30 times, so P_e = 0.5 * 0.6 + 0.5 * 0.4 = 0.5, and kappa = 0.2 / 0.5 = 0.4.
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15

    agreement = cohen_kappa(pairs)

    assert agreement.items == 50
    assert agreement.observed == pytest.approx(0.7)
    assert agreement.kappa == pytest.approx(0.4)


def test_cohen_does_not_care_who_is_first():
    pairs = [("y", "y"), ("y", "n"), ("y", "n"), ("n", "n"), ("n", "y")]

    assert cohen_kappa(pairs) == pytest.approx(cohen_kappa([(b, a) for a, b in pairs]))


def test_fleiss_of_the_textbook_table():
    # Fleiss, Levin & Paik's worked example, 14 people, 10 items, 5 labels: kappa 0.210.
    table = [
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    ]  # fmt: skip
    judgements = [
        [label for label, count in enumerate(counts) for _ in range(count)] for counts in table
    ]

    agreement = fleiss_kappa(judgements)

    assert agreement.items == 10
    assert agreement.observed == pytest.approx(0.378, abs=5e-4)
    assert agreement.kappa == pytest.approx(0.210, abs=5e-4)


def test_fleiss_by_hand_with_two_people():
    # Items yy, nn, yn, yy: P = 3/4; 5 of 8 judgements are yes: P_e = (25 + 9) / 64 = 17/32,
    # kappa = (24/32 - 17/32) / (15/32) = 7/15.
    assert fleiss_kappa(["yy", "nn", "yn", "yy"]).kappa == pytest.approx(7 / 15)


def test_fleiss_leaves_out_what_one_person_judged():
    assert fleiss_kappa(["yy", "nn", "yn", "yy", "y", ""]) == fleiss_kappa(["yy", "nn", "yn", "yy"])


@pytest.mark.parametrize("pairs", [[], [("y", "y")] * 3], ids=["nothing", "all the same"])
def test_no_kappa_where_chance_cannot_be_told(pairs):
    assert cohen_kappa(pairs).kappa is None
    assert fleiss_kappa(pairs).kappa is None


def test_opposites_are_minus_one():
    pairs = [("y", "n"), ("n", "y")]

    assert cohen_kappa(pairs).kappa == pytest.approx(-1)
    assert fleiss_kappa(pairs).kappa == pytest.approx(-1)
