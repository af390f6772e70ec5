"""What a conversion found: how much, what it had to leave out and why, what is odd about the rest.

Nothing is repaired. What cannot be a record is left out and counted by its reason; what can be
one but may surprise is kept and noted. Both are written to ``report.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segearth.files import write_text
from segearth.published.catalogue import Benchmark

EXAMPLES = 5
"""Examples kept of each kind of finding; more do not help to understand it."""

RESULT = "report.json"


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

    def begin(self, split: str) -> Counts:
        """Start a split."""
        self.split = split
        return self.splits.setdefault(split, Counts())

    @property
    def counts(self) -> Counts:
        """Of the split being read."""
        return self.splits[self.split]

    def leave_out(self, kind: str, name: str, message: str) -> None:
        """Count an example that becomes no record.

        Args:
            kind: The reason, in a word or two, for grouping.
            name: The example's id, or the file or line it comes from.
            message: What is wrong with it.
        """
        self.counts.left_out += 1
        self._add(self.left_out, kind, name, message)

    def note(self, kind: str, name: str, message: str) -> None:
        """Count something that is odd, but keeps nothing from becoming a record."""
        self._add(self.noted, kind, name, message)

    def _add(self, kinds: dict[str, Findings], kind: str, name: str, message: str) -> None:
        findings = kinds.setdefault(kind, Findings())
        findings.count += 1
        if len(findings.examples) < EXAMPLES:
            findings.examples.append({"split": self.split, "id": name, "message": message})

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
                }
                for split, counts in self.splits.items()
            },
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


def _as_json(kinds: Mapping[str, Findings]) -> dict[str, object]:
    """Return findings by kind, the commonest first."""
    order = sorted(kinds.items(), key=lambda item: -item[1].count)
    return {kind: {"count": found.count, "examples": found.examples} for kind, found in order}
