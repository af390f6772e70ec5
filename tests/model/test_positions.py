"""Sine positions: by hand on the smallest grid, and transformers' own."""

from __future__ import annotations

import math

import torch
from transformers.models.mask2former.modeling_mask2former import Mask2FormerSinePositionEmbedding

from segearth.model.positions import sine_positions


def test_two_cells_by_hand():
    place = sine_positions(1, 2, 4)

    # One sine and one cosine of the row, then of the column; coordinates end at 2 pi.
    assert place.shape == (4, 1, 2)
    expected = torch.tensor(
        [
            [math.sin(2 * math.pi), math.sin(2 * math.pi)],
            [math.cos(2 * math.pi), math.cos(2 * math.pi)],
            [math.sin(math.pi), math.sin(2 * math.pi)],
            [math.cos(math.pi), math.cos(2 * math.pi)],
        ]
    )
    torch.testing.assert_close(place[:, 0], expected, atol=1e-5, rtol=0)


def test_transformers_agrees():
    theirs = Mask2FormerSinePositionEmbedding(num_position_features=32, normalize=True)
    expected = theirs(torch.Size([1, 8, 5, 7]), torch.device("cpu"), torch.float32)

    torch.testing.assert_close(sine_positions(5, 7, 64), expected[0], atol=1e-5, rtol=1e-5)
