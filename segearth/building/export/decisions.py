"""What the reviewers decided: `decisions.jsonl`, to which every verdict is appended.

A line is ``{"id", "verdict", "reviewer", "time", …}``; ``accept`` and ``reject`` count, other
verdicts take a reviewer's earlier one back. A record stays only if somebody accepted it and
nobody rejects it (paper, Sec. 7.5: it has to pass every criterion).
"""

from __future__ import annotations

from pathlib import Path

from segearth.data.manifest import Fault, read_lines
from segearth.errors import DataError


def read_decisions(path: Path) -> dict[str, str]:
    """Read the standing decision on each record.

    Args:
        path: The file; lines are in the order of time. A reviewer's latest verdict counts. A
            last line without an end was cut off while it was written and is left out.

    Returns:
        Record id to "accept" or "reject"; records on which nobody has decided are missing.

    Raises:
        DataError: The file cannot be read, or a line is not as described.
    """
    standing: dict[str, dict[str, str]] = {}
    lines = list(read_lines(path))
    for position, (number, row) in enumerate(lines):
        if isinstance(row, Fault) and position == len(lines) - 1 and not _ends_properly(path):
            break
        try:
            if not isinstance(row, dict):
                raise TypeError(row.message if isinstance(row, Fault) else "no JSON object")
            name, verdict = row["id"], row["verdict"]
            if not isinstance(name, str) or not isinstance(verdict, str):
                raise TypeError('"id" and "verdict" should be text')
        except (KeyError, TypeError) as error:
            problem = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise DataError(problem, where=f"{path}, line {number}") from error
        standing.setdefault(name, {})[str(row.get("reviewer", ""))] = verdict
    decided = {}
    for name, verdicts in standing.items():
        if "reject" in verdicts.values():
            decided[name] = "reject"
        elif "accept" in verdicts.values():
            decided[name] = "accept"
    return decided


def _ends_properly(path: Path) -> bool:
    return path.read_bytes().endswith(b"\n")
