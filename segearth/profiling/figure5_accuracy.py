"""Draw the right panel of the paper's Figure 5 (Sec. 5.4): what k queries do to the masks.

The paper's points are of another model on another dataset, so beside the scores themselves there
is a second panel with what k = 1 gains or loses, in which the two can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segearth.files import atomic_path

PAPER_GIOU = {
    "val": {100: 0.664, 1: 0.688},
    "test": {100: 0.663, 1: 0.679},
}
"""gIoU on RRSIS-D, validation and test set (Sec. 5.4). No figures are printed for the k between."""

PAPER_SENTENCE = (
    "The paper's (Sec. 5.4, RRSIS-D, gIoU x 100): k = 100 66.4 on the validation and 66.3 on the "
    "test set, k = 1 68.8 and 67.9."
)
_SELECTED, _BEST, _PAPER = "#c02626", "#12803a", "#1c2126"
_MARKS = {"val": "s", "test": "D"}


def draw_accuracy(path: Path, rows: Sequence[Mapping[str, Any]], name: str) -> None:
    """Draw gIoU over k, and its difference to k = 1.

    Args:
        path: A .png, .svg or .pdf; replaced as a whole. `figure5.check_plot` tells before the
            work is done whether it can be.
        rows: From `segearth.evaluation.query_study.compare`; scores from 0 to 1.
        name: Of the model, for the legend.

    Raises:
        DataError: The file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    scores, gains = figure.subplots(1, 2)
    _scores(scores, rows, name)
    _gains(gains, rows, name)
    ticks = sorted({row["k"] for row in rows} | {1, 100})
    for panel in (scores, gains):
        panel.set_xscale("log")
        panel.set_xticks(ticks, [str(k) for k in ticks])
        panel.minorticks_off()
        panel.set_xlim(ticks[0] / 1.2, ticks[-1] * 1.2)
        panel.set_xlabel("queries a target, k")
        panel.grid(alpha=0.3)
        panel.legend(fontsize="small")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _scores(panel: Any, rows: Sequence[Mapping[str, Any]], name: str) -> None:
    """Draw the selected and the best candidates, each seed, and the paper's points."""
    # With one query both are the same: the best lies below, and its larger mark shows.
    _line(panel, rows, "oracle_giou", _BEST, f"{name}, best of k", size=9)
    _line(panel, rows, "giou", _SELECTED, f"{name}, selected")
    label = f"{name}, selected, each seed"
    for row in rows:
        own = [100 * score for score in row["giou_by_seed"]]
        panel.plot(
            [row["k"]] * len(own), own, ".", color=_SELECTED, alpha=0.4, markersize=5, label=label
        )
        label = "_nolegend_"
    for split, points in PAPER_GIOU.items():
        where = f"the paper's, RRSIS-D {split} (Sec. 5.4)"
        heights = [100 * giou for giou in points.values()]
        panel.plot(
            list(points), heights, _MARKS[split], color=_PAPER, fillstyle="none", label=where
        )
    panel.set_ylabel("gIoU x 100 (bars: 95 % over images, not over seeds)")
    panel.set_ylim(bottom=0)


def _gains(panel: Any, rows: Sequence[Mapping[str, Any]], name: str) -> None:
    """Draw the difference to k = 1."""
    compared = [row for row in rows if row["to_one"] is not None]
    if compared:
        _line(panel, compared, "to_one", _SELECTED, f"{name}, selected")
    for split, points in PAPER_GIOU.items():
        panel.plot(
            [100],
            [100 * (points[100] - points[1])],
            _MARKS[split],
            color=_PAPER,
            fillstyle="none",
            label=f"the paper's, RRSIS-D {split}",
        )
    panel.axhline(0, color=_PAPER, linewidth=0.8)
    panel.set_ylabel("gIoU x 100, minus that of k = 1")


def _line(
    panel: Any,
    rows: Sequence[Mapping[str, Any]],
    key: str,
    colour: str,
    name: str,
    *,
    size: float = 5,
) -> None:
    """Draw a figure with its interval; a figure without one gets no bar."""
    heights = [100 * row[key] for row in rows]
    ends = [row[f"{key}_ci95"] or (row[key], row[key]) for row in rows]
    # A percentile interval need not hold its own mean.
    below = [max(0.0, h - 100 * low) for h, (low, _) in zip(heights, ends, strict=True)]
    above = [max(0.0, 100 * high - h) for h, (_, high) in zip(heights, ends, strict=True)]
    panel.errorbar(
        [row["k"] for row in rows],
        heights,
        yerr=[below, above],
        fmt="o-",
        color=colour,
        capsize=3,
        markersize=size,
        label=name,
    )
