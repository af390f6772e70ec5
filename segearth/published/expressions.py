"""Expressions that a benchmark has more than once: for the same masks, others, or in two splits."""

from __future__ import annotations

import hashlib
from pathlib import Path

from segearth.data.manifest import Record
from segearth.published.report import Report


class Expressions:
    """Remembers what is asked about each image, for all splits, whatever the capitals."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._masks: dict[tuple[str, Path, str], str] = {}
        self._splits: dict[tuple[Path, str], str] = {}

    def note(self, record: Record) -> None:
        """Note an expression that was met before: of these masks, of others, in another split."""
        split = self._report.split
        asked = (record.image, " ".join(record.instruction.casefold().split()))
        masks = hashlib.sha256(repr(record.masks).encode()).hexdigest()
        earlier = self._masks.setdefault((split, *asked), masks)
        if earlier is not masks:
            kind, what = (
                ("duplicate expression", "asks for the same mask of")
                if earlier == masks
                else ("ambiguous expression", "means another mask of")
            )
            self._tell(kind, f"{what} {record.image.name}, too", record)
        other = self._splits.setdefault(asked, split)
        if other != split and not split.startswith(f"{other}_"):  # test_implicit is part of test
            what = f"asks in {other} about {record.image.name}, too"
            self._tell("expression in two splits", what, record)

    def _tell(self, kind: str, what: str, record: Record) -> None:
        place = record.image.relative_to("images").as_posix()
        self._report.note(kind, record.id, f"{record.instruction!r} {what}", place)
