"""What the reviewers decided and corrected, read from the append-only file of their review.

The file is read as the review itself reads it (`segearth.building.review.log`): undone decisions
and those on an earlier state of a question do not count, the majority decides, and accepted
questions come with their reviewers' corrections. Nobody has to apply them first.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from segearth.building.export.options import LeftOut
from segearth.building.review.decisions import Decision
from segearth.building.review.log import NAME, read_log
from segearth.building.review.outcome import Outcome, outcomes, with_review
from segearth.data.manifest import Record
from segearth.errors import DataError

REJECTED, UNDECIDED = "rejected by a reviewer", "not decided on by a reviewer"
DISPUTED = "the reviewers disagree"


def hear_reviewers(
    records: Sequence[Record], place: Path, undecided: Literal["drop", "keep"]
) -> tuple[list[Record], list[LeftOut], int]:
    """Keep what was accepted, with its corrections.

    Args:
        records: Of the manifest that was reviewed.
        place: The decisions, or the folder of the review.
        undecided: Whether questions without a decision stay.

    Returns:
        The records that stay; those that do not, with the reviewers' reasons; and how many
        decisions are on records that are gone or have changed since.

    Raises:
        DataError: The file is not there, cannot be read, or is damaged before its last line.
    """
    path = place / NAME if place.is_dir() else place
    if not path.is_file():
        raise DataError(
            f"there are no decisions in {path}",
            where=str(path),
            hint="name the decisions.jsonl, or the folder, of segearth data review",
        )
    results, stale = outcomes(records, read_log(path)[0])
    chosen: list[Record] = []
    left_out: list[LeftOut] = []
    for one in results:
        name = one.record.id
        if one.state == "accepted":
            try:
                chosen.append(with_review(one))
            except DataError as error:
                left_out.append(LeftOut(id=name, reason=error.problem, fault=True))
        elif one.state == "open" and undecided == "keep":
            chosen.append(one.record)
        else:
            reason = {"rejected": REJECTED, "disputed": DISPUTED, "open": UNDECIDED}[one.state]
            left_out.append(LeftOut(id=name, reason=reason, fault=False, said=_said(one)))
    return chosen, left_out, stale


def _said(one: Outcome) -> tuple[str, ...]:
    """List what rejecting reviewers found wrong, with their notes."""
    return tuple(
        _reason(decision) for decision in one.decisions.values() if decision.verdict == "reject"
    )


def _reason(decision: Decision) -> str:
    wrong = ", ".join(name for name, met in decision.rubric.items() if not met)
    note = f" ({decision.note})" if decision.note else ""
    return f"{decision.reviewer}: {wrong}{note}"
