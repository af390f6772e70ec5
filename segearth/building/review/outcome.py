"""What a finished log says of every record: the state, and the record with its corrections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from segearth.building.review.decisions import (
    Decision,
    Standing,
    check_fit,
    fingerprint,
    is_about,
)
from segearth.building.review.log import Event
from segearth.building.review.queue import State, state_of
from segearth.data.check import LONG_FROM_WORDS
from segearth.data.manifest import Record


@dataclass(frozen=True)
class Outcome:
    """A record and what its reviewers said."""

    record: Record
    """As in the manifest."""
    decisions: Mapping[str, Decision]
    """By reviewer; those on an earlier state of the record are left out."""

    @property
    def state(self) -> State:
        """What the reviewers say together."""
        return state_of(self.decisions)

    @property
    def corrected(self) -> Record:
        """The record with the corrections of the latest accepting decision that has some.

        Somebody who looks again blindly sees the record without the first one's corrections:
        accepting it as it was does not take them back.
        """
        accepting = [one for one in self.decisions.values() if one.verdict == "accept"]
        changing = [one for one in accepting if one.changes]
        if not changing:
            return self.record
        return apply_corrections(self.record, max(changing, key=lambda one: one.at))


def with_review(one: Outcome) -> Record:
    """Return the corrected record with a note on its review.

    Args:
        one: Accepted, by at least one reviewer.

    Returns:
        The record; its extra key "review" has ``accepted_by`` (names) and ``changed`` (fields).

    Raises:
        DataError: A correction does not fit the record; the log was changed by hand.
    """
    accepting = [said for said in one.decisions.values() if said.verdict == "accept"]
    for decision in accepting:
        check_fit(decision, one.record)
    record = one.corrected
    changed = [
        name
        for name in ("instruction", "answer", "masks")
        if getattr(record, name) != getattr(one.record, name)
    ]
    review = {"accepted_by": [decision.reviewer for decision in accepting], "changed": changed}
    return replace(record, extra={**record.extra, "review": review})


def outcomes(records: Sequence[Record], events: Iterable[Event]) -> tuple[list[Outcome], int]:
    """Bring a manifest and a log together.

    Args:
        records: Of the manifest.
        events: Of the log, in order.

    Returns:
        One outcome a record, in order, and how many decisions are on records that are
        gone or have changed since.
    """
    prints = {record.id: fingerprint(record) for record in records}
    standing = Standing()
    stale = 0
    for event in events:
        if is_about(event, prints):
            standing.add(event)
        else:
            stale += 1
    return [Outcome(record, standing.on(record.id)) for record in records], stale


def apply_corrections(record: Record, decision: Decision) -> Record:
    """Return a record with a reviewer's texts and masks; the length facet follows the text."""
    masks = decision.masks or (None,) * len(record.masks)
    instruction = record.instruction if decision.instruction is None else decision.instruction
    facets = dict(record.facets)
    if decision.instruction is not None and "length" in facets:
        facets["length"] = "long" if len(instruction.split()) >= LONG_FROM_WORDS else "short"
    return replace(
        record,
        instruction=instruction,
        answer=record.answer if decision.answer is None else decision.answer,
        masks=tuple(new or old for new, old in zip(masks, record.masks, strict=True)),
        facets=facets,
    )
