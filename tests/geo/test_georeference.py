"""Pixels to metres and to the map."""

from __future__ import annotations

import math

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from segearth.errors import GeoreferenceError
from segearth.geo.georeference import Grid

UTM = CRS.from_epsg(32633)
WEB_MERCATOR = CRS.from_epsg(3857)
LONLAT = CRS.from_epsg(4326)


def utm(transform):
    return Grid(height=100, width=200, transform=transform, crs=UTM)


def rows(*counts, height=100):
    return np.array([*counts, *[0] * (height - len(counts))])


def test_a_projected_grid_says_its_pixel_size():
    grid = utm(Affine(0.5, 0, 500_000, 0, -0.5, 5_000_000))

    assert grid.gsd_m == 0.5
    assert grid.area_m2(rows(3, 5)) == 8 * 0.25
    assert grid.crs_name == "EPSG:32633"


def test_turning_a_grid_changes_no_area():
    turned = Affine.translation(500_000, 5_000_000) @ Affine.rotation(30) @ Affine.scale(2, -2)

    grid = utm(turned)

    assert grid.gsd_m == pytest.approx(2)
    assert grid.area_m2(rows(3)) == pytest.approx(12)


def test_feet_become_metres():
    grid = Grid(10, 10, Affine(1, 0, 6e6, 0, -1, 2e6), CRS.from_epsg(2229))  # US survey feet

    assert grid.gsd_m == pytest.approx(0.3048, rel=1e-4)


def test_degrees_become_metres_at_the_scene_itself():
    degree = 111_320  # metres of a degree of longitude on the equator, about
    size = 1e-5
    grid = Grid(100, 100, Affine(size, 0, 10, 0, -size, 60), LONLAT)

    # At 60 degrees a degree of longitude is half as long as on the equator.
    assert grid.gsd_m == pytest.approx(math.sqrt(0.5) * degree * size, rel=0.005)


def test_web_mercator_metres_are_not_taken_for_ground_metres():
    x, y = 1_113_194.9, 8_399_737.9  # 10 degrees east, 60 north
    grid = Grid(100, 100, Affine(10, 0, x, 0, -10, y), WEB_MERCATOR)

    assert grid.gsd_m == pytest.approx(5, rel=0.005)
    assert grid.area_m2(rows(4)) == pytest.approx(4 * 25, rel=0.01)


def test_rows_of_a_geographic_grid_count_by_their_own_latitude():
    grid = Grid(1800, 10, Affine(0.05, 0, 0, 0, -0.05, 90), LONLAT)
    pole, equator = np.zeros(1800, int), np.zeros(1800, int)
    pole[0], equator[900 - 400] = 1, 1

    assert grid.area_m2(pole) < grid.area_m2(equator) / 10


@pytest.mark.parametrize(
    "grid",
    [Grid(5, 5), Grid(5, 5, Affine(2, 0, 9, 0, -2, 9)), Grid(5, 5, crs=UTM)],
    ids=["nothing", "numbers-without-a-system", "a-system-without-numbers"],
)
def test_without_both_numbers_and_system_there_are_no_metres(grid):
    grid.check()

    assert grid.gsd_m is None
    assert grid.area_m2(rows(5, height=5)) is None


@pytest.mark.parametrize(
    "grid",
    [
        utm(Affine(1, 1, 5e5, 1, 1, 5e6)),
        utm(Affine(1, 0, 9e12, 0, -1, 5e6)),
        Grid(5, 5, Affine(1, 0, 9, 0, -1, 9), CRS.from_wkt('LOCAL_CS["mine",UNIT["metre",1]]')),
    ],
    ids=["all-on-a-line", "far-outside", "no-place-on-earth"],
)
def test_coordinates_that_lead_nowhere_are_refused(grid):
    with pytest.raises(GeoreferenceError):
        grid.check()


@pytest.mark.parametrize(
    ("angle", "scale", "expected"),
    [
        pytest.param(0, (2, -2), True, id="as-maps-are"),
        pytest.param(0, (2, 2), False, id="south-up"),
        pytest.param(0, (-2, -2), False, id="mirrored"),
        pytest.param(8, (2, -2), True, id="a-little-turned"),
        pytest.param(30, (2, -2), False, id="turned"),
    ],
)
def test_up_is_north_only_where_the_map_says_so(angle, scale, expected):
    turned = Affine.translation(500_000, 5_000_000) @ Affine.rotation(angle) @ Affine.scale(*scale)

    assert utm(turned).is_north_up is expected


def test_nobody_knows_where_north_is_without_a_map():
    assert not Grid(height=10, width=10).is_north_up
    assert not Grid(10, 10, Affine(1, 0, 0, 0, -1, 0)).is_north_up


def test_up_on_a_polar_grid_is_north_along_one_meridian_only():
    polar = CRS.from_epsg(3995)  # centred on the pole, longitude 0 downwards

    assert Grid(10, 10, Affine(10, 0, 0, 0, -10, -2e6), polar).is_north_up
    assert not Grid(10, 10, Affine(10, 0, 2e6, 0, -10, 0), polar).is_north_up
