"""What a conversion found: how much, what it had to leave out and why, what is odd about the rest.

Nothing is repaired. What cannot be a record is left out and counted by its reason; what can be
one but may surprise is kept and noted. ``report.json`` has the counts and a few examples of
each kind, ``left_out.jsonl`` has a line for every single one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from segearth.files import atomic_path, write_text
from segearth.published.catalogue import Benchmark

EXAMPLES = 5
"""Examples in the report of each kind of finding; more do not help to understand it."""

RESULT = "report.json"
LISTING = "left_out.jsonl"


@dataclass
class Counts:
    """Of one split."""

    found: int = 0
    """Entries that the benchmark lists, in the unit of its published counts."""
    records: int = 0
    images: int = 0
    targets: int = 0
    absent: int = 0
    """Records that ask for what is not there."""
    left_out: int = 0
    duplicates: int = 0
    """Records that say the same as an earlier one and were kept, as the user wished."""


@dataclass
class Findings:
    """Of one kind."""

    count: int = 0
    examples: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Report:
    """Grows while a benchmark is read."""

    benchmark: Benchmark
    source: Path
    splits: dict[str, Counts] = field(default_factory=dict)
    left_out: dict[str, Findings] = field(default_factory=dict)
    noted: dict[str, Findings] = field(default_factory=dict)
    assumed: dict[str, str] = field(default_factory=dict)
    """Facet to how its values came about, where the benchmark does not say."""
    images: dict[str, int] = field(default_factory=lambda: {"linked": 0, "copied": 0})
    split: str = ""
    """The one being read."""
    _lines: TextIO | None = field(default=None, init=False, repr=False)

    def begin(self, split: str) -> Counts:
        """Start a split."""
        self.split = split
        return self.splits.setdefault(split, Counts())

    @property
    def counts(self) -> Counts:
        """Of the split being read."""
        return self.splits[self.split]

    @contextmanager
    def listing(self, folder: Path) -> Iterator[None]:
        """Write ``left_out.jsonl`` as findings come; it is there when the block has succeeded.

        Raises:
            DataError: Writing fails.
        """
        place = folder / LISTING
        with (
            atomic_path(place) as temporary,
            temporary.open("w", encoding="utf-8", newline="\n") as self._lines,
        ):
            yield
        self._lines = None

    def leave_out(self, kind: str, name: str, message: str, place: str | None = None) -> None:
        """Count an example that becomes no record.

        Args:
            kind: The reason, in a word or two, for grouping.
            name: The example's id, or the file or line it comes from.
            message: What is wrong with it.
            place: Where its image would go, below ``images``, if that is known.
        """
        self.counts.left_out += 1
        self._add(self.left_out, kind, name, message, place)

    def note(self, kind: str, name: str, message: str, place: str | None = None) -> None:
        """Count something that is odd, but keeps nothing from becoming a record."""
        self._add(self.noted, kind, name, message, place)

    def _add(
        self, kinds: dict[str, Findings], kind: str, name: str, message: str, place: str | None
    ) -> None:
        name, message = _writable(name), _writable(message)
        findings = kinds.setdefault(kind, Findings())
        findings.count += 1
        if len(findings.examples) < EXAMPLES:
            findings.examples.append({"split": self.split, "id": name, "message": message})
        if self._lines is None:
            return
        line = {
            "split": self.split,
            "id": name,
            **({} if place is None else {"place": _writable(place)}),
            "left_out": kinds is self.left_out,
            "kind": kind,
            "why": message,
        }
        self._lines.write(json.dumps(line, ensure_ascii=False) + "\n")

    def compare_counts(self) -> None:
        """Note the splits whose size is not the published one."""
        for split, published in self.benchmark.published.items():
            found = self.splits[split].found if split in self.splits else 0
            if found != published:
                self.split = split
                self.note(
                    "split count",
                    split,
                    f"{found:,} {self.benchmark.unit} found, {published:,} published",
                )

    def to_json(self) -> dict[str, object]:
        """Return everything as JSON values."""
        return {
            "benchmark": self.benchmark.name,
            "source": str(self.source),
            "licence": self.benchmark.licence,
            "unit": self.benchmark.unit,
            "splits": {
                split: {
                    "manifest": f"{split}.jsonl" if counts.records else None,
                    "found": counts.found,
                    "published": self.benchmark.published.get(split),
                    "records": counts.records,
                    "images": counts.images,
                    "targets": counts.targets,
                    "absent": counts.absent,
                    "left_out": counts.left_out,
                    "duplicates_kept": counts.duplicates,
                }
                for split, counts in self.splits.items()
            },
            "every_finding": LISTING,
            "left_out": _as_json(self.left_out),
            "noted": _as_json(self.noted),
            "assumed": self.assumed,
            "images": self.images,
        }

    def write(self, folder: Path) -> None:
        """Write ``report.json``.

        Raises:
            DataError: Writing fails.
        """
        write_text(folder / RESULT, json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n")


def _writable(text: str) -> str:
    """Spell out what UTF-8 cannot hold: halves of characters, from JSON or from file names."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _as_json(kinds: Mapping[str, Findings]) -> dict[str, object]:
    """Return findings by kind, the commonest first."""
    order = sorted(kinds.items(), key=lambda item: -item[1].count)
    return {kind: {"count": found.count, "examples": found.examples} for kind, found in order}
