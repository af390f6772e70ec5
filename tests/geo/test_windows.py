"""Cutting into windows and blending back."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from segearth.geo.windows import ABSENT_LOGIT, StripBlend, Window, edge_weights, window_offsets


@pytest.mark.parametrize(
    ("length", "offsets"),
    [
        pytest.param(1, [0], id="smaller-than-a-window"),
        pytest.param(100, [0], id="one-window"),
        pytest.param(101, [0, 1], id="a-pixel-more"),
        pytest.param(175, [0, 75], id="two-that-fit"),
        pytest.param(300, [0, 67, 133, 200], id="evenly-spread"),
    ],
)
def test_windows_are_placed(length, offsets):
    assert window_offsets(length, side=100, overlap=25) == offsets


@pytest.mark.parametrize("length", [100, 513, 999, 12_345])
def test_windows_cover_everything_and_overlap_enough(length):
    offsets = window_offsets(length, side=100, overlap=30)

    assert offsets[0] == 0
    assert offsets[-1] == length - 100
    assert all(b - a <= 70 for a, b in pairwise(offsets))


def test_two_neighbours_weigh_one_in_all():
    weights = edge_weights(100, 20)

    assert weights[20:80].tolist() == [1] * 60
    assert weights[80:] + weights[:20] == pytest.approx(np.ones(20), abs=2e-3)
    assert (weights > 0).all()


def blend(height, width, side, overlap, logits_of, target=0):
    """Run a whole scene through a strip; return the mask and the strip's peak."""
    rows, columns = window_offsets(height, side, overlap), window_offsets(width, side, overlap)
    strip = StripBlend(min(side, height), width, overlap)
    mask = np.zeros((height, width), bool)
    for row, end in zip(rows, [*rows[1:], height], strict=True):
        for column in columns:
            window = Window(row, column, min(side, height), min(side, width))
            strip.cover(window, np.ones((window.height, window.width), bool))
            logits = logits_of(window)
            if logits is not None:
                strip.add(target, window, logits)
        finished = strip.finish(end)
        for got in finished.masks.values():
            mask[finished.row : finished.row + len(got)] = got
    return mask, strip.peak_bytes


def test_windows_that_agree_give_back_the_whole():
    truth = np.random.default_rng(0).normal(size=(150, 230)).astype(np.float32)

    def look(w):
        return truth[w.row : w.row + w.height, w.column : w.column + w.width]

    mask, _ = blend(150, 230, side=64, overlap=16, logits_of=look)

    assert np.array_equal(mask, truth > 0)


def test_memory_does_not_grow_with_height():
    def look(w):
        return np.ones((w.height, w.width), np.float32)

    _, low = blend(200, 100, side=32, overlap=8, logits_of=look)
    _, high = blend(4000, 100, side=32, overlap=8, logits_of=look)

    assert low == high == 32 * 100 * (4 + 4 + 1)  # sums, weights, valid


@pytest.mark.parametrize(
    ("logit", "kept"), [(3.0, True), (1.0, False)], ids=["sure", "not-so-sure"]
)
def test_where_two_windows_disagree_the_surer_one_wins(logit, kept):
    # Half way between two windows both weigh the same: 3 - 2 > 0, but 1 - 2 < 0.
    strip = StripBlend(10, 15, overlap=5)
    left, right = Window(0, 0, 10, 10), Window(0, 5, 10, 10)
    for window in (left, right):
        strip.cover(window, np.ones((10, 10), bool))
    strip.add(0, left, np.full((10, 10), logit, np.float32))

    mask = strip.finish(10).masks[0]

    assert ABSENT_LOGIT == -2
    assert mask[5, 2]
    assert mask[5, 7] == kept
    assert not mask[5, 13]


def test_a_target_that_appears_late_was_absent_before():
    def look(w):
        return np.full((w.height, w.width), 5, np.float32) if w.row >= 60 else None

    mask, _ = blend(100, 40, side=40, overlap=10, logits_of=look)

    assert not mask[:60].any()
    assert mask[75:].all()


def test_pixels_without_data_are_never_set():
    strip = StripBlend(4, 4, overlap=0)
    window = Window(0, 0, 4, 4)
    valid = np.eye(4, dtype=bool)
    strip.cover(window, valid)
    strip.add(0, window, np.ones((4, 4), np.float32))

    assert np.array_equal(strip.finish(4).masks[0], valid)
