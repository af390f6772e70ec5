"""Grids of points, by the formula of Sec. 7.2."""

from __future__ import annotations

import numpy as np
import pytest

from segearth.building.masks.grid import View, crop_of, local_grid, spread_points


@pytest.mark.parametrize(
    ("height", "width", "grid"),
    [
        (40, 40, (4, 4)),
        (40, 99, (4, 4)),  # 2.475
        (40, 100, (1, 4)),  # 2.5: ceil(2.5) + 1
        (100, 40, (4, 1)),
        (30, 90, (1, 4)),  # 3: exactly 3 + 1
        (91, 30, (5, 1)),
        (1, 7, (1, 8)),
        (1, 1, (4, 4)),
    ],
)
def test_the_grid_in_a_box(height, width, grid):
    assert local_grid(height, width) == grid


def test_the_global_grid_stands_in_the_middle_of_its_cells():
    points = View(np.zeros((64, 128, 3), np.uint8)).points

    assert points.shape == (16, 2)
    assert points[0].tolist() == [16, 8]
    assert points[1].tolist() == [48, 8]
    assert points[-1].tolist() == [112, 56]


def test_a_long_crop_has_one_row_of_points_along_it():
    points = View(np.zeros((30, 90, 3), np.uint8), (5, 5, 95, 35)).points

    assert points.tolist() == [[11.25, 15], [33.75, 15], [56.25, 15], [78.75, 15]]


def test_points_are_inside_whatever_the_size():
    points = spread_points(4, 4, 1, 3)

    assert (points > 0).all()
    assert (points < [3, 1]).all()


def test_a_crop_is_the_pixels_a_box_touches():
    assert crop_of((1.2, 2.0, 3.1, 4.0), 10, 10) == (1, 2, 4, 4)
    assert crop_of((-5, -5, 100, 3), 10, 20) == (0, 0, 20, 3)
    assert crop_of((20, 0, 25, 5), 10, 20) is None
