"""Draw the left panel of the paper's Figure 5 (Sec. 5.4): what k queries a target cost.

The paper's points are drawn beside ours and called the paper's. It says TFLOPs and seconds of
k = 100 and k = 1 in the text and prints no numbers for the k between, so there are two.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from segearth.errors import DataError, UsageError
from segearth.files import atomic_path

FORMATS = (".png", ".svg", ".pdf")
_COLOURS = {"joint": "#12803a", "per-query": "#c02626"}
_PAPER = "#1c2126"


def check_plot(path: Path) -> None:
    """Tell before the work is done whether the figure can be drawn and written.

    Raises:
        UsageError: The name has another ending, or matplotlib is not installed.
        DataError: The folder does not exist or cannot be written to.
    """
    if path.suffix.lower() not in FORMATS:
        raise UsageError(
            f"{path.name} is no picture that can be drawn",
            where="--plot",
            hint=f"end its name in {', '.join(FORMATS)}",
        )
    folder = path.absolute().parent
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder", where="--plot", hint="make it first")
    if not os.access(folder, os.W_OK) or path.is_dir():
        raise DataError(f"{path} cannot be written", where="--plot", hint="name another file")
    if find_spec("matplotlib") is None:
        raise UsageError(
            "drawing needs matplotlib, which is not installed",
            where="--plot",
            hint="pip install 'segearth[plot]'",
        )


def draw_figure_5(path: Path, result: Mapping[str, Any], paper: Mapping[int, Any]) -> None:
    """Draw TFLOPs over k, and seconds where the model was timed.

    Args:
        path: A .png, .svg or .pdf; replaced as a whole.
        result: From `report.report`.
        paper: From `report.FIGURE_5`: by k, `tflops` and `latency_s`.

    Raises:
        DataError: The file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows: Sequence[Mapping[str, Any]] = result["rows"]
    timed = [row for row in rows if row["latency_s"]]
    figure = Figure(figsize=(11 if timed else 6, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2 if timed else 1, squeeze=False)[0]
    ticks = sorted({row["k"] for row in rows} | set(paper))
    for panel in panels:
        panel.set_xlabel("queries a target, k")
        panel.set_xscale("log")  # as in the right panel: 1, 3 and 10 are told apart
        panel.set_xticks(ticks, [str(k) for k in ticks])
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    _panel(panels[0], rows, lambda row: row["tflops"], f"segearth, {result['model']}")
    panels[0].set_ylabel("TFLOPs a picture (2 a multiply-add)")
    _papers(panels[0], paper, "tflops", "the paper's (Sec. 5.4)")
    heights = [row["tflops"] for row in rows] + [point["tflops"] for point in paper.values()]
    if max(heights) < 20 * min(heights):
        panels[0].set_ylim(0, 1.1 * max(heights))
    else:  # a model much smaller than the paper's would lie on the axis
        panels[0].set_yscale("log")
    if timed:
        where = f"segearth on {result['device']}, {result['dtype']}"
        _panel(panels[1], timed, lambda row: row["latency_s"]["median"], where)
        panels[1].set_ylabel("seconds a picture, median")
        panels[1].set_yscale("log")
        _papers(panels[1], paper, "latency_s", "the paper's, its model on one A100")
    for panel in panels:
        panel.legend(fontsize="small")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _panel(panel: Any, rows: Sequence[Mapping[str, Any]], value: Any, name: str) -> None:
    """Draw a line for each way of decoding."""
    for decode, colour in _COLOURS.items():
        points = sorted((row["k"], value(row)) for row in rows if row["decode"] == decode)
        if points:
            x, y = zip(*points, strict=True)
            # Where both cost the same, the larger ring shows around the dot.
            mark = {"marker": "o", "markersize": 9, "fillstyle": "none"}
            style = mark if decode == "joint" else {"marker": ".", "markersize": 8}
            panel.plot(x, y, color=colour, label=f"{name}, {decode}", **style)


def _papers(panel: Any, paper: Mapping[int, Any], key: str, name: str) -> None:
    """Draw the paper's points, without a line: what lies between them is not printed."""
    x, y = zip(*((k, figures[key]) for k, figures in sorted(paper.items())), strict=True)
    panel.plot(x, y, "s", color=_PAPER, markersize=8, fillstyle="none", label=name)
