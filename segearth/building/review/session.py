"""A review that is going on: who is looking at what, and what has been said so far."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import Enum

from segearth.building.review.decisions import (
    Decision,
    Standing,
    Undo,
    check_fit,
    check_name,
    fingerprint,
    is_about,
)
from segearth.building.review.log import DecisionLog, Event
from segearth.building.review.queue import is_sampled, queue_for, state_of, uncertainty
from segearth.data.manifest import Record
from segearth.errors import DataError


class Unsaid(Enum):
    """Stands for what a caller does not say, where None says something."""

    UNSAID = None


UNSAID = Unsaid.UNSAID
HOLD = timedelta(minutes=10)
"""How long a record that somebody looks at is not given to others."""


def utc_now() -> datetime:
    """Return the time that decisions are stamped with."""
    return datetime.now(UTC)


class Review:
    """Records, their decisions, and the rules between them; safe to use from several threads."""

    def __init__(
        self,
        records: Sequence[Record],
        log: DecisionLog,
        *,
        second_look: float,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Take the log's decisions over.

        Args:
            records: Of the manifest, in order.
            log: Open for adding.
            second_look: Share of the records that two people look at, from 0 to 1.
            now: The clock.
        """
        self.records = records
        self._log = log
        self._now = now
        self._mutex = threading.Lock()
        self._number = {record.id: number for number, record in enumerate(records)}
        self._prints = {record.id: fingerprint(record) for record in records}
        self._sampled = [is_sampled(record.id, second_look) for record in records]
        doubts = [uncertainty(record) for record in records]
        self._order = sorted(range(len(records)), key=lambda number: -doubts[number])
        self._standing = Standing()
        self._held: dict[str, tuple[int, datetime]] = {}
        self.stale = 0
        """Decisions of the log on records that are gone or have changed."""
        for event in log.events:
            if is_about(event, self._prints):
                self._standing.add(event)
            else:
                self.stale += isinstance(event, Decision)

    def next_number(self, reviewer: str, after: int | None = None) -> int | None:
        """Return the record to look at next, and keep it from others for a while.

        Args:
            reviewer: Who asks.
            after: A record that is passed over: what follows it in the queue is returned.

        Returns:
            The record's number, or None if there is nothing left for this reviewer.

        Raises:
            DataError: The name is none.
        """
        check_name(reviewer)
        with self._mutex:
            queue = self._queue(reviewer)
            if after in queue:
                place = queue.index(after)
                queue = queue[place + 1 :] + queue[: place + 1]
            now = self._now()
            held = {
                number
                for name, (number, since) in self._held.items()
                if name != reviewer and now - since < HOLD
            }
            number = next((number for number in queue if number not in held), None)
            if number is None:  # rather two people at one record than one without work
                number = next(iter(queue), None)
            if number is not None:
                self._held[reviewer] = (number, now)
            return number

    def own_decision(self, reviewer: str, number: int) -> Decision | None:
        """Return what a reviewer said of a record; what others said is nobody's business here."""
        with self._mutex:
            return self._standing.on(self.records[number].id).get(reviewer)

    def decide(self, decision: Decision, *, replaces: str | Unsaid | None = UNSAID) -> str:
        """Check a decision, write it down, and let it count.

        Args:
            decision: One that says what the reviewer's standing one says is not written again.
            replaces: Time of the reviewer's decision that was shown with the record; None if
                there was none. A page left open in another window does not know the latest.

        Returns:
            The time of the decision that stands now.

        Raises:
            DataError: There is no such record, it has changed, it was decided on elsewhere
                meanwhile, the corrections would make a bad record, or the disk does not take
                the line.
        """
        number = self._number.get(decision.id)
        if number is None:
            raise DataError(f"there is no record {decision.id!r}")
        if not is_about(decision, self._prints):
            raise DataError(
                f"record {decision.id!r} has changed since it was shown", hint="load it again"
            )
        check_fit(decision, self.records[number])
        with self._mutex:
            standing = self._standing.on(decision.id).get(decision.reviewer)
            if standing and _says(standing) == _says(decision):
                return standing.at
            if replaces is not UNSAID and replaces != (standing.at if standing else None):
                raise DataError(
                    "you have decided on this record elsewhere since it was shown here",
                    hint="go to the next record and back to see what you said",
                )
            self._write(decision)
            self._held.pop(decision.reviewer, None)
            return decision.at

    def undo(self, reviewer: str) -> int | None:
        """Take a reviewer's latest decision back.

        Returns:
            The number of the record it was on, or None if there is no decision left.

        Raises:
            DataError: The name is none, or the disk does not take the line.
        """
        check_name(reviewer)
        with self._mutex:
            name = self._standing.last_id(reviewer)
            if name is None:
                return None
            state = self._prints[name]
            self._write(Undo(at=self.stamp(), reviewer=reviewer, id=name, record=state))
            self._held[reviewer] = (self._number[name], self._now())
            return self._number[name]

    def progress(self, reviewer: str) -> dict[str, int]:
        """Count what a reviewer did and what is left for him or her."""
        with self._mutex:
            own = [self._standing.on(record.id).get(reviewer) for record in self.records]
            states = [state_of(self._standing.on(record.id)) for record in self.records]
            return {
                "records": len(self.records),
                "decided": sum(state != "open" for state in states),
                "mine": sum(decision is not None for decision in own),
                "left": len(self._queue(reviewer)),
            }

    def stamp(self) -> str:
        """Return the present time as decisions have it."""
        return self._now().isoformat(timespec="milliseconds")

    def fingerprint_of(self, number: int) -> str:
        """Return the state of a record, which a decision has to name."""
        return self._prints[self.records[number].id]

    def _queue(self, reviewer: str) -> list[int]:
        decisions = [self._standing.on(record.id) for record in self.records]
        return list(queue_for(reviewer, self._order, decisions, self._sampled))

    def _write(self, event: Event) -> None:
        """Let an event count only once the disk has it."""
        self._log.append([event])
        self._standing.add(event)


def _says(decision: Decision) -> Decision:
    """Leave out when and how fast it was said."""
    return replace(decision, at="", seconds=None)
