"""The figure: its points are the result's, the paper's are called the paper's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from segearth.errors import DataError, UsageError
from segearth.profiling.figure5 import check_plot, draw_figure_5

PAPER = {100: {"tflops": 8.4, "latency_s": 0.82}, 1: {"tflops": 6.1, "latency_s": 0.54}}


@pytest.fixture
def drawn(monkeypatch):
    """The panels of what is drawn: by label, the points of a line."""
    panels = []
    save = Figure.savefig

    def keep(figure, *args, **options):
        panels.extend(
            {line.get_label(): line.get_xydata().tolist() for line in panel.get_lines()}
            for panel in figure.axes
        )
        return save(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return panels


def test_every_point_is_where_it_belongs(tmp_path, drawn):
    draw_figure_5(tmp_path / "fig5.png", result(timed=True), PAPER)

    costs, seconds = drawn
    expected = [[1, 6.02], [3, 6.06], [100, 8.0]]
    assert costs["segearth, m, joint"] == expected
    assert costs["segearth, m, per-query"] == [[k, pytest.approx(y + 1)] for k, y in expected]
    assert costs["the paper's (Sec. 5.4)"] == [[1, 6.1], [100, 8.4]]
    assert seconds["segearth on cpu, fp32, joint"] == [[1, 2.0], [3, 2.0], [100, 2.0]]
    assert seconds["the paper's, its model on one A100"] == [[1, 0.54], [100, 0.82]]


def result(*, timed):
    latency = {"median": 2.0} if timed else None
    rows = [
        {
            "k": k,
            "decode": decode,
            "tflops": 6.0 + k / 50 + (decode == "per-query"),
            "latency_s": latency,
        }
        for k in (100, 3, 1)
        for decode in ("joint", "per-query")
    ]
    return {"model": "m", "device": "cpu", "dtype": "fp32", "rows": rows}


@pytest.mark.parametrize(("timed", "panels"), [(False, 1), (True, 2)])
def test_ours_and_the_papers_points_are_named(tmp_path, timed, panels):
    path = tmp_path / "fig5.svg"

    draw_figure_5(path, result(timed=timed), PAPER)

    text = path.read_text(encoding="utf-8")
    # Words are drawn as outlines; matplotlib leaves each in a comment.
    for words in ("segearth, m, joint", "segearth, m, per-query", "the paper's (Sec. 5.4)"):
        assert f"<!-- {words} -->" in text
    assert text.count("<!-- queries a target, k -->") == panels
    assert ("A100" in text) == timed


def test_a_png_is_a_picture_and_replaces_the_old_one(tmp_path):
    path = tmp_path / "Größe.png"
    path.write_bytes(b"old")

    draw_figure_5(path, result(timed=False), PAPER)

    assert cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR).shape == (630, 900, 3)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_what_cannot_be_drawn_is_told_before_the_work(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="no picture"):
        check_plot(tmp_path / "fig5.txt")
    with pytest.raises(DataError, match="no folder"):
        check_plot(tmp_path / "nowhere" / "fig5.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(DataError, match="cannot be written"):
        check_plot(tmp_path / "folder.png")
    check_plot(tmp_path / "fig5.png")
    monkeypatch.setattr("segearth.profiling.figure5.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="not installed"):
        check_plot(tmp_path / "fig5.png")
