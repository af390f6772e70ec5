"""Show the comparison of several k as a table, for a terminal or in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

HEADS = (
    "k",
    "gIoU",
    "95 %",
    "by seed",
    "minus k = 1",
    "best candidate",
    "95 %",
    "worse chosen, % of targets",
    "of records",
    "IoU lost a target",
    "where worse",
    "training, s",
    "an answer, s",
)


def table(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str | None, ...]]:
    """Turn rows of `query_study.compare` into cells under `HEADS`; scores times 100."""
    return [
        (
            str(row["k"]),
            _percent(row["giou"]),
            _interval(row["giou_ci95"]),
            ", ".join(f"{100 * score:.1f}" for score in row["giou_by_seed"]),
            _difference(row),
            _percent(row["oracle_giou"]),
            _interval(row["oracle_giou_ci95"]),
            _percent(row["worse_targets"]),
            _percent(row["worse_records"]),
            _percent(row["mean_loss"]),
            _percent(row["mean_loss_where_worse"]),
            f"{row['train_s']:.0f}",
            f"{row['record_s']:.2f}",
        )
        for row in rows
    ]


def caption(result: Mapping[str, Any]) -> str:
    """Say what the figures are of."""
    rows = result["rows"]
    seeds = sorted({seed for row in rows for seed in row["seeds"]})
    return (
        f"x 100. {result['records']} records, metric {result['metric']}, protocol "
        f"{result['protocol']}; {rows[0]['steps']} steps of {rows[0]['images']} images a run, "
        f"seeds {', '.join(map(str, seeds))}. Intervals: 95 %, bootstrap over images, the "
        "seeds averaged."
    )


def markdown(result: Mapping[str, Any], paper: str) -> str:
    """Write the table as a Markdown file.

    Args:
        result: With `rows`, `recipe`, `records`, `metric`, `protocol` and `made_by`.
        paper: A sentence with the paper's figures.
    """
    lines: list[Sequence[str | None]] = [HEADS, ["---"] * len(HEADS), *table(result["rows"])]
    body = "\n".join("| " + " | ".join(cell or "-" for cell in line) + " |" for line in lines)
    return (
        f"# {result['recipe']}: k queries a target\n\n{caption(result)}\n\n{body}\n\n{paper}\n\n"
        f"Made by `{result['made_by']['command']}`.\n"
    )


def _percent(score: float | None) -> str | None:
    return None if score is None else f"{100 * score:.1f}"


def _interval(ends: Sequence[float] | None) -> str | None:
    return None if ends is None else f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}"


def _difference(row: Mapping[str, Any]) -> str | None:
    if row["to_one"] is None:
        return None
    ends = row["to_one_ci95"]
    text = f"{100 * row['to_one']:+.1f}"
    return text if ends is None else f"{text} ({100 * ends[0]:+.1f} to {100 * ends[1]:+.1f})"
