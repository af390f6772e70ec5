"""Figures of drawn shapes, computed by hand."""

from __future__ import annotations

from math import hypot, pi, sqrt

import cv2
import numpy as np
import pytest
import shapely
from shapely import affinity

from segearth.building.shapes.measures import FIGURES, measure_shape


def canvas(height=60, width=60):
    return np.zeros((height, width), bool)


def filled(*slices, size=(60, 60)):
    mask = canvas(*size)
    for rows, columns in slices:
        mask[rows, columns] = True
    return mask


def disc(radius, hole=0.0, side=201):
    y, x = np.mgrid[:side, :side] - side // 2
    distance = np.hypot(x, y)
    return (distance <= radius) & (distance >= hole)


def turned_box(width, height, degrees):
    """Pixels whose centre is inside a rectangle that lies aslant."""
    y, x = np.mgrid[:201, :201] - 100.0
    angle = np.radians(degrees)
    across, down = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return (np.abs(across) <= width / 2) & (np.abs(down) <= height / 2)


SQUARE = filled((slice(10, 50), slice(10, 50)))  # 40 x 40
WIDE = filled((slice(20, 30), slice(10, 50)))  # 10 x 40
LETTER_L = filled((slice(10, 50), slice(10, 30)), (slice(30, 50), slice(30, 50)))  # 3 of 20 x 20
LINE = filled((slice(7, 8), slice(3, 48)))

# eccentricity, circularity, solidity, symmetry, extent
EXACT = {
    # The variance of n pixels in a row is (n^2 - 1) / 12; the border runs through n - 1 steps.
    "square": (SQUARE, (0, pi / 4, 1, 1, 1)),
    "wide": (WIDE, (sqrt(1 - 99 / 1599), 4 * pi * 9 * 39 / (2 * (9 + 39)) ** 2, 1, 1, 1)),
    "all of the picture": (np.ones((30, 30), bool), (0, pi / 4, 1, 1, 1)),
    "at the border": (filled((slice(0, 40), slice(20, 60))), (0, pi / 4, 1, 1, 1)),
    # Convex hull: the three squares and the lattice points under the diagonal, 20 * 19 / 2.
    "L": (LETTER_L, (None, None, 1200 / 1390, 1, 0.75)),
    "one pixel": (filled((slice(5, 6), slice(5, 6))), (0, 1, 1, 1, 1)),
    "four pixels": (filled((slice(5, 7), slice(5, 7))), (0, pi / 4, 1, 1, 1)),
    "line": (LINE, (1, 0, 1, 1, 1)),
    "diagonal": (np.eye(40, dtype=bool), (1, 0, 1, 1, 1 / 40)),
}


@pytest.mark.parametrize("name", EXACT)
def test_on_the_grid_the_figures_are_exact(name):
    mask, expected = EXACT[name]

    figures = measure_shape(mask).figures

    for figure, value in zip(FIGURES, expected, strict=True):
        if value is not None:
            assert figures[figure] == pytest.approx(value, abs=1e-3), figure


def test_an_L_has_the_moments_and_the_outline_of_its_three_squares():
    # Middles of the squares at x -10, -10, 10 and y -10, 10, 10.
    variance = (400 - 1) / 12 + (300 - (10**2) / 3) / 3
    covariance = (100 - 100 + 100) / 3 + (10 / 3) ** 2
    # Through the pixels' centres; the border cuts the inner corner by one diagonal step.
    border = 39 + 39 + 4 * 19 + hypot(1, 1)
    area = 39 * 39 - (20 * 20 - 0.5)

    figures = measure_shape(LETTER_L).figures

    expected = sqrt(1 - (variance - covariance) / (variance + covariance))
    assert figures["eccentricity"] == pytest.approx(expected, abs=1e-9)
    assert figures["circularity"] == pytest.approx(4 * pi * area / border**2, abs=1e-6)


def test_a_disc():
    figures = measure_shape(disc(90.3)).figures

    assert figures["eccentricity"] == pytest.approx(0, abs=1e-6)
    # A digital circle is 16 (sqrt 2 - 1) r long, not 2 pi r.
    assert figures["circularity"] == pytest.approx((pi / (8 * (sqrt(2) - 1))) ** 2, abs=0.01)
    assert figures["solidity"] == pytest.approx(1, abs=1e-9)
    assert figures["symmetry"] == pytest.approx(1, abs=1e-3)
    assert figures["extent"] == pytest.approx(pi / 4, abs=0.01)


def test_a_ring_lacks_its_hole_and_nothing_else():
    whole, ring = measure_shape(disc(90.3)).figures, measure_shape(disc(90.3, hole=45)).figures

    assert ring["solidity"] == pytest.approx(1 - (45 / 90.3) ** 2, abs=0.01)
    assert ring["extent"] == pytest.approx(pi / 4 * (1 - (45 / 90.3) ** 2), abs=0.01)
    assert ring["circularity"] == whole["circularity"]
    assert ring["symmetry"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("degrees", [0, 10, 30, 45, 77])
def test_a_turned_box(degrees):
    figures = measure_shape(turned_box(120, 40, degrees)).figures

    angle = np.radians(degrees)
    around = (120 * np.cos(angle) + 40 * np.sin(angle)) * (120 * np.sin(angle) + 40 * np.cos(angle))
    assert figures["eccentricity"] == pytest.approx(sqrt(1 - (40 / 120) ** 2), abs=0.01)
    assert figures["solidity"] == pytest.approx(1, abs=0.01)
    assert figures["symmetry"] > 0.96
    assert figures["extent"] == pytest.approx(4800 / around, abs=0.03)


@pytest.mark.parametrize("degrees", [0, 20, 60])
def test_an_ellipse(degrees):
    mask = np.zeros((300, 300), np.uint8)
    cv2.ellipse(mask, (150, 150), (100, 50), degrees, 0, 360, 1, cv2.FILLED)

    figures = measure_shape(mask > 0).figures

    assert figures["eccentricity"] == pytest.approx(sqrt(3) / 2, abs=0.005)
    assert figures["solidity"] > 0.995
    assert figures["symmetry"] > 0.97


def mirrored_overlap(corners):
    """Symmetry by exact geometry: a polygon cut with its mirror image, for 360 axes."""
    shape = shapely.Polygon(corners)
    shape = affinity.translate(shape, -shape.centroid.x, -shape.centroid.y)
    best = 0.0
    for angle in np.pi * np.arange(360) / 360:
        c, s = np.cos(2 * angle), np.sin(2 * angle)
        other = affinity.affine_transform(shape, [c, s, s, -c, 0, 0])
        best = max(best, shape.intersection(other).area / shape.union(other).area)
    return best


SKEW = np.array([[30, 40], [150, 40], [170, 100], [50, 100]])  # no mirror axis
SCALENE = np.array([[20, 160], [180, 160], [20, 100]])
LETTER_Z = np.array(
    [[20, 20], [120, 20], [120, 160], [180, 160], [180, 190], [90, 190], [90, 50], [20, 50]]
)


@pytest.mark.parametrize("corners", [SKEW, SCALENE, LETTER_Z], ids=["skew", "scalene", "Z"])
def test_symmetry_is_the_best_overlap_with_the_mirror_image(corners):
    mask = np.zeros((200, 200), np.uint8)
    cv2.fillPoly(mask, [corners], 1)

    symmetry = measure_shape(mask > 0).figures["symmetry"]

    assert 0.3 < symmetry < 0.95
    assert symmetry == pytest.approx(mirrored_overlap(corners), abs=0.02)


def test_components_are_counted_and_the_largest_is_measured():
    both = filled((slice(10, 50), slice(5, 45)), (slice(3, 6), slice(50, 52)))

    shape = measure_shape(both)

    assert (shape.components, shape.area_px) == (2, 1606)
    assert shape.figures == measure_shape(SQUARE).figures


def test_corners_that_touch_join_and_an_island_in_a_hole_counts():
    assert measure_shape(np.eye(2, dtype=bool)).components == 1
    assert measure_shape(disc(90, hole=60) | disc(20)).components == 2


def test_an_empty_mask_has_no_shape():
    assert measure_shape(canvas()) == measure_shape(np.zeros((0, 0), bool))
    assert measure_shape(canvas()).components == 0


@pytest.mark.parametrize("seed", range(5))
def test_figures_do_not_depend_on_place_mirror_or_right_angles(seed):
    rng = np.random.default_rng(seed)
    mask = cv2.GaussianBlur(rng.random((50, 40)), (0, 0), 4) > 0.5
    moved = np.pad(mask, ((3, 9), (11, 2)))

    figures = measure_shape(mask).figures

    for other in (moved, mask[:, ::-1], np.rot90(mask)):
        for name in FIGURES:
            tolerance = 0.02 if name == "symmetry" else 1e-6
            assert measure_shape(other).figures[name] == pytest.approx(figures[name], abs=tolerance)
        assert measure_shape(other).components == measure_shape(mask).components


def test_figures_are_those_of_scikit_image():
    regionprops = pytest.importorskip("skimage.measure").regionprops
    mask = np.zeros((200, 200), np.uint8)
    cv2.fillPoly(mask, [LETTER_Z], 1)
    (props,) = regionprops(mask)

    figures = measure_shape(mask > 0).figures

    assert figures["eccentricity"] == pytest.approx(props.eccentricity, abs=1e-9)
    assert figures["extent"] == pytest.approx(props.extent, abs=1e-9)
    assert figures["solidity"] == pytest.approx(props.solidity, abs=0.01)
