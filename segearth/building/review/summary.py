"""The figures of a review: how far it is, who did what, and how far the reviewers agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from statistics import median
from typing import Any

from segearth.building.review.agreement import Agreement, cohen_kappa, fleiss_kappa
from segearth.building.review.decisions import CRITERIA, Decision
from segearth.building.review.outcome import Outcome
from segearth.building.review.queue import is_sampled


def summarize(results: Sequence[Outcome], *, second_look: float, stale: int) -> dict[str, Any]:
    """Count.

    Args:
        results: One a record.
        second_look: Share of the records that two people look at.
        stale: Decisions on records that are gone or have changed.

    Returns:
        Plain values for JSON. Shares and kappas are from -1 to 1, times in seconds; null
        where a figure does not exist. "agreement" has Fleiss' kappa over all reviewers, for
        the verdict and every criterion, and Cohen's for every pair that has records in common.
    """
    states = Counter(one.state for one in results)
    looked_at = [one for one in results if one.decisions]
    sampled = [one for one in results if is_sampled(one.record.id, second_look)]
    accepted = [one for one in results if one.state == "accepted"]
    return {
        "records": len(results),
        "accepted": states["accepted"],
        "rejected": states["rejected"],
        "disputed": states["disputed"],
        "open": states["open"],
        "corrected": sum(one.corrected is not one.record for one in accepted),
        "second_look": {
            "share": second_look,
            "records": len(sampled),
            "done": sum(len(one.decisions) > 1 for one in sampled),
        },
        "stale_decisions": stale,
        "reviewers": _by_reviewer(looked_at),
        "agreement": {
            "verdict": _fleiss(looked_at, "verdict"),
            **{name: _fleiss(looked_at, name) for name in CRITERIA},
            "pairs": _pairs(looked_at),
        },
    }


def _by_reviewer(looked_at: Sequence[Outcome]) -> dict[str, Any]:
    """Count what every reviewer said, by name."""
    said: dict[str, list[Decision]] = {}
    for one in looked_at:
        for reviewer, decision in one.decisions.items():
            said.setdefault(reviewer, []).append(decision)
    return {
        reviewer: {
            "decisions": len(decisions),
            "accepted": sum(one.verdict == "accept" for one in decisions),
            "rejected": sum(one.verdict == "reject" for one in decisions),
            "corrected": sum(bool(one.changes) for one in decisions),
            "wrong": {name: sum(not one.rubric[name] for one in decisions) for name in CRITERIA},
            "median_seconds": _median([one.seconds for one in decisions]),
        }
        for reviewer, decisions in sorted(said.items())
    }


def _pairs(looked_at: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Compare the verdicts of every two reviewers who judged the same records."""
    common: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for one in looked_at:
        for first, second in combinations(sorted(one.decisions), 2):
            verdicts = (one.decisions[first].verdict, one.decisions[second].verdict)
            common.setdefault((first, second), []).append(verdicts)
    return [
        {"reviewers": list(names), **_figures(cohen_kappa(verdicts))}
        for names, verdicts in sorted(common.items())
    ]


def _fleiss(looked_at: Sequence[Outcome], about: str) -> dict[str, Any]:
    """Compare all reviewers on the verdict or on one criterion."""
    return _figures(
        fleiss_kappa(
            [
                [one.verdict if about == "verdict" else one.rubric[about] for one in said]
                for said in (outcome.decisions.values() for outcome in looked_at)
            ]
        )
    )


def _figures(agreement: Agreement) -> dict[str, Any]:
    return {
        "records": agreement.items,
        "observed": _rounded(agreement.observed),
        "kappa": _rounded(agreement.kappa),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(median(known), 1) if known else None
