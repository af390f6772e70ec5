"""Masks on disk, the GeoTIFF made of them, and their outlines as layers."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from segearth.geo import outlines
from segearth.geo.bit_rows import BitRows
from segearth.geo.georeference import Grid
from segearth.geo.layers import write_layers
from segearth.geo.mask_file import measure, write_masks
from segearth.geo.outlines import outline


@pytest.fixture
def stored(tmp_path):
    """Put an array on disk as BitRows."""

    def store(array, name="mask"):
        mask = BitRows(tmp_path / name, *array.shape)
        mask.write(0, array)
        return mask

    return store


def test_rows_come_back_as_they_went_in(tmp_path):
    array = np.random.default_rng(0).random((40, 13)) > 0.5
    mask = BitRows(tmp_path / "mask", 40, 13)

    mask.write(10, array[10:25])

    assert np.array_equal(mask.read(12, 5), array[12:17])
    assert not mask.read(25, 100).any()
    assert mask.read(38, 100).shape == (2, 13)
    assert mask.any


def test_a_mask_is_measured(stored):
    array = np.zeros((600, 9), bool)
    array[2:5, 3] = array[590, 7] = True

    extent = measure(stored(array))

    assert extent.area_px == 4
    assert extent.bbox_px == (3, 2, 8, 591)


def test_an_empty_mask_is_measured(stored):
    assert measure(stored(np.zeros((5, 5), bool))).bbox_px == (0, 0, 0, 0)


def test_a_ring_keeps_its_hole(stored):
    array = np.zeros((20, 20), bool)
    array[4:16, 4:16] = True
    array[8:12, 8:12] = False

    shape = outline(stored(array))

    assert len(shape.geoms) == 1
    assert len(shape.geoms[0].interiors) == 1
    assert shape.area == array.sum()


def test_pieces_of_several_blocks_are_joined(stored, monkeypatch):
    monkeypatch.setattr(outlines, "BLOCK_SIDE_PX", 8)
    array = np.zeros((30, 30), bool)
    array[3:27, 5:25] = True

    shape = outline(stored(array))

    assert len(shape.geoms) == 1
    assert shape.area == 24 * 20
    assert len(shape.geoms[0].exterior.coords) == 5


@pytest.mark.parametrize("density", [0.1, 0.5, 0.9])
def test_noise_gives_valid_outlines(stored, density):
    array = np.random.default_rng(1).random((90, 90)) < density

    shape = outline(stored(array))

    assert shape.is_valid
    assert shape.area == pytest.approx(array.sum(), rel=0.1)


def test_noise_of_thousands_of_pieces_is_taken_as_it_is(stored, monkeypatch):
    monkeypatch.setattr(outlines, "MAX_SMOOTHED_PIECES", 50)
    array = np.random.default_rng(1).random((90, 90)) < 0.5

    shape = outline(stored(array))

    assert shape.is_valid
    assert shape.area == array.sum()


def test_stairs_become_a_slope(stored):
    array = np.tri(60, dtype=bool)

    shape = outline(stored(array))

    assert len(shape.geoms[0].exterior.coords) < 10
    assert shape.area == pytest.approx(array.sum(), rel=0.03)


def test_the_smallest_thing_has_an_outline(stored):
    array = np.zeros((5, 5), bool)
    array[2, 3] = True

    assert outline(stored(array)).bounds == (3, 2, 4, 3)


def test_nothing_has_an_empty_outline(stored):
    assert outline(stored(np.zeros((5, 5), bool))).is_empty


GRID = Grid(30, 40, Affine(0.3, 0.1, 500_000.123, 0.1, -0.3, 5_000_000.456), CRS.from_epsg(32633))


def test_masks_lie_on_the_grid_of_the_scene(tmp_path, stored):
    valid = np.ones((30, 40), bool)
    valid[:3] = False
    masks = [stored(np.eye(30, 40, k) > 0, f"m{k}") for k in range(4)]
    phrases = [f"line {k} é" for k in range(4)]

    write_masks(tmp_path / "m.tif", GRID, stored(valid, "v"), masks, phrases, {"model": "mini"})

    with rasterio.open(tmp_path / "m.tif") as dataset:
        assert dataset.transform == GRID.transform
        assert dataset.crs == GRID.crs
        assert dataset.shape == (30, 40)
        assert dataset.dtypes == ("uint8",) * 4
        assert dataset.nodata == 255
        assert dataset.descriptions == tuple(phrases)
        assert dataset.tags()["model"] == "mini"
        assert rasterio.enums.ColorInterp.alpha not in dataset.colorinterp
        assert dataset.profile["tiled"]
        assert dataset.profile["compress"] == "deflate"
        first = dataset.read(1)
    assert (first[:3] == 255).all()
    assert np.array_equal(first[3:], np.eye(30, 40, dtype="uint8")[3:])


def test_no_targets_are_one_band_of_zeros(tmp_path, stored):
    write_masks(tmp_path / "m.tif", GRID, stored(np.ones((30, 40), bool)), [], [], {})

    with rasterio.open(tmp_path / "m.tif") as dataset:
        assert dataset.count == 1
        assert not dataset.read().any()


def row(number=1, area_m2=2.5):
    return {
        "id": number,
        "phrase": "ship é",
        "instruction": "the ships",
        "score": 0.75,
        "area_px": 9,
        "area_m2": area_m2,
        "model": "mini",
    }


@pytest.mark.parametrize("name", ["targets.gpkg", "targets.geojson"])
def test_layers_hold_the_attributes(tmp_path, stored, name):
    array = np.zeros((30, 40), bool)
    array[5:15, 5:15] = True

    write_layers(tmp_path, GRID, [outline(stored(array))], [row()])

    layer = geopandas.read_file(tmp_path / name)
    assert layer.drop(columns="geometry").iloc[0].to_dict() == row()
    assert layer.geometry.is_valid.all()
    assert layer.geom_type.tolist() == ["MultiPolygon"]
    assert layer.to_crs(GRID.crs_name).area[0] == pytest.approx(100 * 0.1, rel=1e-3)


def test_geojson_is_in_degrees_and_geopackage_in_the_scenes_system(tmp_path, stored):
    array = np.ones((30, 40), bool)

    write_layers(tmp_path, GRID, [outline(stored(array))], [row()])

    lon, lat = geopandas.read_file(tmp_path / "targets.geojson").total_bounds[:2]
    assert 14 < lon < 16
    assert 44 < lat < 46
    assert geopandas.read_file(tmp_path / "targets.gpkg").crs.to_epsg() == 32633


def test_nothing_is_a_valid_layer_with_its_columns(tmp_path):
    write_layers(tmp_path, GRID, [], [])

    layer = geopandas.read_file(tmp_path / "targets.gpkg")
    assert len(layer) == 0
    assert {*row()} <= {*layer.columns}
    assert pyogrio.read_info(tmp_path / "targets.gpkg")["geometry_type"] == "MultiPolygon"
    assert json.loads((tmp_path / "targets.geojson").read_text())["features"] == []


def test_without_a_map_layers_are_in_pixels(tmp_path, stored):
    array = np.zeros((30, 40), bool)
    array[5:15, 20:30] = True

    write_layers(tmp_path, Grid(30, 40), [outline(stored(array))], [row(area_m2=None)])

    for name in ("targets.gpkg", "targets.geojson"):
        assert geopandas.read_file(tmp_path / name).total_bounds.tolist() == [20, 5, 30, 15]
    feature = json.loads((tmp_path / "targets.geojson").read_text())["features"][0]
    assert feature["properties"]["area_m2"] is None
