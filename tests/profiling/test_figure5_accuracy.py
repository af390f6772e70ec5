"""The right panel: its points are the rows', the paper's are called the paper's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from segearth.profiling.figure5_accuracy import PAPER_GIOU, draw_accuracy


def row(k, giou, to_one, *, interval=(0.2, 0.4)):
    return {
        "k": k,
        "giou": giou,
        "giou_ci95": interval,
        "giou_by_seed": [giou - 0.01, giou + 0.01],
        "oracle_giou": giou + 0.05,
        "oracle_giou_ci95": interval,
        "to_one": to_one,
        "to_one_ci95": None if to_one is None else (to_one - 0.01, to_one + 0.01),
    }


def test_the_papers_gain_of_one_query_is_the_printed_one():
    assert PAPER_GIOU["val"][1] - PAPER_GIOU["val"][100] == pytest.approx(0.024)
    assert PAPER_GIOU["test"][1] - PAPER_GIOU["test"][100] == pytest.approx(0.016)


def test_every_point_is_where_it_belongs(tmp_path, monkeypatch):
    kept = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **k: kept.append(self) or save(self, *a, **k)
    )

    draw_accuracy(tmp_path / "right.png", [row(100, 0.3, -0.02), row(1, 0.32, None)], "m")

    scores, gains = ({h.get_label(): h for h in panel.containers} for panel in kept[0].axes)
    found = [
        {label: [line.tolist() for line in bars[0].get_data()] for label, bars in panel.items()}
        for panel in (scores, gains)
    ]
    assert found == [
        {"m, selected": [[100, 1], [30.0, 32.0]], "m, best of k": [[100, 1], [35.0, 37.0]]},
        {"m, selected": [[100], [-2.0]]},
    ]
    assert scores["m, selected"][0].get_color() != scores["m, best of k"][0].get_color()
    lines = [
        {line.get_label(): line.get_xydata().tolist() for line in panel.get_lines()}
        for panel in kept[0].axes
    ]
    approx = pytest.approx
    assert lines[0]["the paper's, RRSIS-D val (Sec. 5.4)"] == [
        [100, approx(66.4)],
        [1, approx(68.8)],
    ]
    assert lines[1]["the paper's, RRSIS-D val"] == [[100, approx(-2.4)]]
    assert lines[1]["the paper's, RRSIS-D test"] == [[100, approx(-1.6)]]
    assert lines[0]["m, selected, each seed"] == [[100, approx(29)], [100, approx(31)]]


def test_ours_and_the_papers_points_are_named(tmp_path):
    path = tmp_path / "right.svg"

    draw_accuracy(path, [row(100, 0.3, -0.02), row(1, 0.32, None)], "k_query")

    text = path.read_text(encoding="utf-8")
    names = ["k_query, selected", "k_query, best of k"]
    names += [f"the paper's, RRSIS-D {split} (Sec. 5.4)" for split in ("val", "test")]
    for words in names:
        assert f"<!-- {words} -->" in text
    assert text.count("<!-- queries a target, k -->") == 2


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([row(3, 0.3, None)], id="without-k-1"),
        pytest.param([row(1, 0.3, None, interval=None)], id="one-record"),
        pytest.param([row(3, 0.5, 0.1), row(1, 0.4, None)], id="mean-outside-its-interval"),
    ],
)
def test_a_png_is_drawn_of_whatever_there_is(tmp_path, rows):
    path = tmp_path / "Größe.png"

    draw_accuracy(path, rows, "k_query")

    assert cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR).shape == (630, 1650, 3)
