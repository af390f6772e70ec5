"""Which record a reviewer sees next, and which ones a second reviewer sees again.

Most uncertain first: records that reviewers disagree on, then by what earlier steps say of
the record. The paper has a random share of the filtered set looked at again (Suppl. 7.5).
Here the share is drawn from all records instead, because agreement that is only measured
on accepted ones has no chance level to compare with; who looks again is told neither that
it is the second time nor what the first one said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from segearth.building.review.decisions import Decision
from segearth.data.manifest import Record

UNKNOWN = 0.5
"""Uncertainty of a record that nothing is known about."""

State = Literal["open", "accepted", "rejected", "disputed"]


def uncertainty(record: Record) -> float:
    """Say how likely a record needs a correction, as far as its own keys tell.

    Args:
        record: Looked at are the extra keys "score" and "confidence" (a number from 0 to 1),
            "scores" (a list of such, one a target) and "disagreement" (a number from 0 to 1,
            of several models or people before).

    Returns:
        From 0, sure, to 1: the largest of the disagreement and 1 - the lowest score;
        `UNKNOWN` if there is none of them.
    """
    listed = record.extra.get("scores")
    scores = [record.extra.get("score"), record.extra.get("confidence")]
    scores += listed if isinstance(listed, list) else []
    doubts = [1 - score for score in map(_share, scores) if score is not None]
    disagreement = _share(record.extra.get("disagreement"))
    return max([*doubts, *([] if disagreement is None else [disagreement])], default=UNKNOWN)


def is_sampled(record_id: str, share: float) -> bool:
    """Tell whether a record is looked at by two people.

    Args:
        record_id: The choice depends on it alone, so it is the same after a restart and
            nobody can steer it.
        share: From 0, none, to 1, all.
    """
    digest = hashlib.sha256(f"second look: {record_id}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


def state_of(decisions: Mapping[str, Decision]) -> State:
    """Return what the reviewers of a record say together: the majority, or a tie.

    Args:
        decisions: Those on one record, by reviewer.
    """
    accepted = sum(decision.verdict == "accept" for decision in decisions.values())
    rejected = len(decisions) - accepted
    if not decisions:
        return "open"
    if accepted == rejected:
        return "disputed"
    return "accepted" if accepted > rejected else "rejected"


def needs_look(decisions: Mapping[str, Decision], *, sampled: bool) -> bool:
    """Tell whether somebody who has not seen a record should: the first, a second, or a judge."""
    state = state_of(decisions)
    return state in ("open", "disputed") or (sampled and len(decisions) == 1)


def queue_for(
    reviewer: str,
    order: Sequence[int],
    decisions: Sequence[Mapping[str, Decision]],
    sampled: Sequence[bool],
) -> Iterator[int]:
    """List what a reviewer still has to look at.

    Args:
        reviewer: Never gets a record that already has a decision of this name.
        order: All records by number, the most uncertain first.
        decisions: Of every record, by reviewer.
        sampled: Of every record, see `is_sampled`.

    Yields:
        Numbers of records: disputed ones first, then in the given order.
    """
    mine = [
        number
        for number in order
        if reviewer not in decisions[number]
        and needs_look(decisions[number], sampled=sampled[number])
    ]
    yield from sorted(mine, key=lambda number: state_of(decisions[number]) != "disputed")


def _share(value: object) -> float | None:
    """Return a number from 0 to 1, or None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    return None
