"""What a reviewer says about a record: four criteria, a note, and corrections.

The paper keeps a question only if it passes all four criteria of its rubric (Suppl. 7.5), so
the verdict follows from the criteria and cannot contradict them. A decision names the state
of the record it was made about: if the manifest changes later, it no longer counts.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from segearth.data.answers import find_phrases
from segearth.data.check import marks_every_target
from segearth.data.manifest import Record, Rle
from segearth.data.rle import is_rle, mask_area_px
from segearth.errors import DataError

CRITERIA: Mapping[str, str] = {
    "object": "the things named are what the image shows",
    "spatial": "places and logic of the question are right",
    "mask": "the masks are precise and complete",
    "grammar": "question and answer are written well",
}
"""The four-point rubric (paper, Suppl. 7.5), in its order."""

NAME_MAX = 80  # characters of a reviewer's name
NOTE_MAX = 4000  # characters of a note, and of a text
TEXTS = ("at", "note", "instruction", "answer")
"""Keys of a decision whose texts go into other files."""

_HALF = re.compile("[\ud800-\udfff]")  # one of two code units that stand for a character


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One reviewer's word on one record."""

    at: str
    """When, ISO 8601 in UTC."""
    reviewer: str
    id: str
    """Of the record."""
    record: str
    """`fingerprint` of the record that was looked at."""
    rubric: Mapping[str, bool]
    """Whether each of `CRITERIA` is met."""
    note: str = ""
    instruction: str | None = None
    """The corrected question; None leaves it."""
    answer: str | None = None
    masks: tuple[Rle | None, ...] = ()
    """One per mask of the record, None where it is left; empty if all are."""
    seconds: float | None = None
    """How long the record was looked at."""

    @property
    def verdict(self) -> Literal["accept", "reject"]:
        """Accept if all four criteria are met, else reject."""
        return "accept" if all(self.rubric.values()) else "reject"

    @property
    def changes(self) -> list[str]:
        """Names of the fields that the reviewer corrected."""
        edited = {"instruction": self.instruction, "answer": self.answer}
        masks = ["masks"] if any(self.masks) else []
        return [name for name, text in edited.items() if text is not None] + masks

    def to_row(self) -> dict[str, object]:
        """Return the JSON object of ``decisions.jsonl``; what was left alone is left out."""
        row: dict[str, object] = {
            "at": self.at,
            "reviewer": self.reviewer,
            "id": self.id,
            "record": self.record,
            "verdict": self.verdict,
            "rubric": dict(self.rubric),
        }
        optional = {
            "note": self.note or None,
            "instruction": self.instruction,
            "answer": self.answer,
            "masks": list(self.masks) or None,
            "seconds": self.seconds,
        }
        return row | {key: value for key, value in optional.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Undo:
    """A reviewer takes the latest decision on a record back."""

    at: str
    reviewer: str
    id: str
    record: str = ""
    """State of the record, as for `Decision`; empty in lines of earlier versions."""

    def to_row(self) -> dict[str, object]:
        """Return the JSON object of ``decisions.jsonl``."""
        row = {"at": self.at, "reviewer": self.reviewer, "id": self.id, "undo": True}
        return row | ({"record": self.record} if self.record else {})


@dataclass
class Standing:
    """The decisions that count after everything in the log happened, in order."""

    _stacks: dict[str, dict[str, list[Decision]]] = field(default_factory=dict)
    _order: dict[str, list[str]] = field(default_factory=dict)

    def add(self, event: Decision | Undo) -> None:
        """Let a decision replace the reviewer's earlier one, or an undo bring that back."""
        stack = self._stacks.setdefault(event.id, {}).setdefault(event.reviewer, [])
        order = self._order.setdefault(event.reviewer, [])
        if isinstance(event, Decision):
            stack.append(event)
            order.append(event.id)
        elif stack:
            stack.pop()
            order.reverse()
            order.remove(event.id)
            order.reverse()

    def on(self, record_id: str) -> dict[str, Decision]:
        """Return the decisions on a record by reviewer, in the order they first looked at it."""
        stacks = self._stacks.get(record_id, {})
        return {reviewer: stack[-1] for reviewer, stack in stacks.items() if stack}

    def last_id(self, reviewer: str) -> str | None:
        """Return which record the reviewer's latest standing decision is on."""
        order = self._order.get(reviewer)
        return order[-1] if order else None

    def ids(self) -> list[str]:
        """Return the records that have a decision."""
        return [name for name in self._stacks if self.on(name)]


def is_about(event: Decision | Undo, states: Mapping[str, str]) -> bool:
    """Tell whether an event is about a record as it is now.

    Args:
        event: An undo that names no state is about any.
        states: Fingerprints of the records, by id.
    """
    state = states.get(event.id)
    unknown = isinstance(event, Undo) and not event.record
    return state is not None and (unknown or event.record == state)


def fingerprint(record: Record) -> str:
    """Return 16 hex digits that change with the record's image name, texts or masks."""
    said = [record.image.name, record.instruction, record.answer, list(record.masks)]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def read_event(row: object) -> Decision | Undo:
    """Make an event of a line of the log.

    Args:
        row: The parsed line, from outside: nothing about it is taken for granted.

    Raises:
        DataError: It has not the form of a decision; says which key.
    """
    if not isinstance(row, dict):
        raise DataError("a decision is a JSON object")
    for key in TEXTS:
        check_whole(row, key)
    who = {key: _text(row, key) for key in ("at", "reviewer", "id")}
    check_name(who["reviewer"])
    if row.get("undo") is True:
        return Undo(**who, record=_text(row, "record") if "record" in row else "")
    decision = Decision(
        **who,
        record=_text(row, "record"),
        rubric=_rubric(row.get("rubric")),
        note=_text(row, "note") if "note" in row else "",
        instruction=_text(row, "instruction") if "instruction" in row else None,
        answer=_text(row, "answer") if "answer" in row else None,
        masks=_masks(row.get("masks", [])),
        seconds=_seconds(row.get("seconds")),
    )
    if row.get("verdict", decision.verdict) != decision.verdict:
        raise DataError(f'"verdict" is {row["verdict"]!r}, but the rubric says {decision.verdict}')
    return decision


def check_fit(decision: Decision, record: Record) -> None:
    """Refuse corrections that would make a bad record, and to accept masks that are none.

    Args:
        decision: What the reviewer says.
        record: What it is about.

    Raises:
        DataError: A mask is damaged, empty or of another size, there are too many or too few,
            or the answer no longer names its masks.
    """
    if decision.masks and len(decision.masks) != len(record.masks):
        raise DataError(f"{len(decision.masks)} masks are given for {len(record.masks)} targets")
    masks = decision.masks or (None,) * len(record.masks)
    for number, (new, old) in enumerate(zip(masks, record.masks, strict=True), start=1):
        if new is None and decision.verdict == "reject":
            continue
        mask = new or old
        if mask["size"] != old["size"]:
            raise DataError(f"mask {number} is {mask['size']}, it was {old['size']}")
        if mask_area_px(mask) == 0:
            raise DataError(f"mask {number} has no pixel", hint="reject the record instead")
    if decision.instruction is not None and not decision.instruction.strip():
        raise DataError("the question is empty")
    answer = decision.answer
    if answer is not None and (
        not answer.strip()
        or len(find_phrases(answer)) != len(record.masks)
        or not marks_every_target(answer)
    ):
        raise DataError(
            f"the answer has to name its {len(record.masks)} targets, in order",
            hint="each is written <p>phrase </p>[SEG]",
        )


def check_name(reviewer: str) -> None:
    """Refuse a reviewer's name that is empty, too long or has control characters in it."""
    if not reviewer.strip() or len(reviewer) > NAME_MAX or not reviewer.isprintable():
        raise DataError(
            f"{reviewer[:NAME_MAX]!r} is no name for a reviewer",
            hint=f"give 1 to {NAME_MAX} printable characters",
        )


def check_whole(row: Mapping[str, Any], key: str) -> None:
    """Refuse a text with half a character in it, which no UTF-8 file can hold."""
    value = row.get(key)
    half = _HALF.search(value) if isinstance(value, str) else None
    if half:
        raise DataError(
            f'"{key}" has half a character in it, after {half.start()} others',
            hint="an emoji may have been cut in two: delete it or type it again",
        )


def mend(text: str) -> str:
    """Put U+FFFD, the sign for what cannot be read, where half a character is."""
    return _HALF.sub("\N{REPLACEMENT CHARACTER}", text)


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or len(value) > NOTE_MAX:
        raise DataError(f'"{key}" should be text of at most {NOTE_MAX} characters')
    return value


def _rubric(value: object) -> dict[str, bool]:
    if not isinstance(value, dict) or value.keys() != CRITERIA.keys():
        raise DataError(f'"rubric" should have the keys {", ".join(CRITERIA)}')
    if not all(isinstance(met, bool) for met in value.values()):
        raise DataError('"rubric" should hold true and false only')
    return {name: value[name] for name in CRITERIA}


def _masks(value: object) -> tuple[Rle | None, ...]:
    if not isinstance(value, list) or not all(mask is None or is_rle(mask) for mask in value):
        raise DataError('"masks" should be a list of run lengths and null')
    return tuple(
        None if mask is None else Rle(size=mask["size"], counts=mask["counts"]) for mask in value
    )


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:  # type: ignore[operator,arg-type]
        raise DataError('"seconds" should be a number from 0 on')
    return float(value)  # type: ignore[arg-type]
