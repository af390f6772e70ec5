"""Polygons that GDAL wrote, on rasters that GDAL wrote: masks on the raster's own grid."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from segearth.data.check import check_manifest
from segearth.data.manifest import read_manifest
from segearth.data.rle import decode_mask
from segearth.errors import DataError, GeoreferenceError, UsageError
from segearth.published.catalogue import GEOPACKAGE
from segearth.published.convert import convert
from segearth.published.geopackage import find_splits

UTM = "EPSG:32633"
LEFT, TOP, SIDE_M = 500_000.0, 5_000_000.0, 2.0


def save_raster(path, *, crs=UTM, left=LEFT, turn=0.0, height=20, width=30):
    transform = (
        Affine.translation(left, TOP) @ Affine.rotation(turn) @ Affine.scale(SIDE_M, -SIDE_M)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=3, dtype="uint8",
        crs=crs, transform=transform,
    ) as out:  # fmt: skip
        out.write(np.full((3, height, width), 90, np.uint8))
    return transform


def box_px(x0, y0, x1, y1):
    """Map polygon of whole pixels."""
    return shapely.box(LEFT + SIDE_M * x0, TOP - SIDE_M * y1, LEFT + SIDE_M * x1, TOP - SIDE_M * y0)


def save_layer(path, rows, crs=UTM, **columns):
    frame = geopandas.GeoDataFrame(
        {"what": [text for text, _ in rows], **columns},
        geometry=[shape for _, shape in rows],
        crs=crs,
    )
    frame.to_file(path, driver="GPKG", engine="pyogrio")
    return path


ROWS = [
    ("the long hall", box_px(2, 3, 8, 5)),
    ("tanks", box_px(10, 10, 12, 12)),
    ("tanks", box_px(20, 10, 23, 12)),
    ("over the edge", box_px(28, 18, 40, 40)),
]


def convert_layer(layer, out, **choices):
    report = convert(GEOPACKAGE, layer, find_splits(layer, **choices), out)
    assert check_manifest(out / "manifest.jsonl").mistakes == []
    return report, read_manifest(out / "manifest.jsonl")


def test_polygons_become_masks_on_the_grid(tmp_path):
    save_raster(tmp_path / "src" / "scène 1.tif")
    layer = save_layer(tmp_path / "src" / "what.gpkg", ROWS)

    report, (hall, tanks, edge) = convert_layer(layer, tmp_path / "out")

    expected = np.zeros((20, 30), bool)
    expected[3:5, 2:8] = True
    assert (decode_mask(hall.masks[0]) == expected).all()
    assert (hall.instruction, hall.answer) == (
        "the long hall",
        "It is <p>the long hall </p>[SEG].",
    )
    assert decode_mask(tanks.masks[0]).sum() == 4 + 6
    assert (hall.facets["granularity"], tanks.facets["granularity"]) == ("instance", "semantic")
    assert decode_mask(edge.masks[0]).sum() == 4
    assert hall.gsd_m == pytest.approx(2.0, rel=1e-3)
    assert report.left_out == {}


def test_another_coordinate_system_is_brought_to_the_raster(tmp_path):
    save_raster(tmp_path / "src" / "a.tif")
    there = geopandas.GeoSeries([shape for _, shape in ROWS], crs=UTM).to_crs("EPSG:4326")
    layer = save_layer(
        tmp_path / "src" / "what.gpkg",
        [(text, shape) for (text, _), shape in zip(ROWS, there, strict=True)],
        crs="EPSG:4326",
    )

    _, records = convert_layer(layer, tmp_path / "out")

    assert [int(decode_mask(record.masks[0]).sum()) for record in records] == [12, 10, 4]


def test_a_turned_grid_gets_the_same_pixels(tmp_path):
    transform = save_raster(tmp_path / "src" / "a.tif", turn=30.0)
    corners = [transform @ corner for corner in ((2, 3), (8, 3), (8, 5), (2, 5))]
    layer = save_layer(tmp_path / "src" / "w.gpkg", [("a hall", shapely.Polygon(corners))])

    _, (hall,) = convert_layer(layer, tmp_path / "out")

    ys, xs = np.nonzero(decode_mask(hall.masks[0]))
    assert (len(ys), xs.min(), xs.max(), ys.min(), ys.max()) == (12, 2, 7, 3, 4)


def test_several_rasters_each_get_what_they_show(tmp_path):
    save_raster(tmp_path / "src" / "a.tif")
    save_raster(tmp_path / "src" / "b.tif", left=LEFT + 30 * SIDE_M)
    layer = save_layer(tmp_path / "src" / "what.gpkg", ROWS)

    _, records = convert_layer(layer, tmp_path / "out")

    assert [(record.id, record.image.name) for record in records] == [
        ("a-0", "a.tif"), ("a-1", "a.tif"), ("a-2", "a.tif"), ("b-0", "b.tif"),
    ]  # fmt: skip


def test_what_cannot_be_burnt_is_reported(tmp_path):
    save_raster(tmp_path / "src" / "a.tif")
    rows = [
        *ROWS[:1],
        ("far away", box_px(1000, 1000, 1001, 1001)),
        ("tiny", box_px(3.1, 3.1, 3.3, 3.3)),
        (None, box_px(2, 3, 8, 5)),
        ("no shape", None),
        ("a line", shapely.LineString([(LEFT, TOP), (LEFT + 9, TOP - 9)])),
    ]
    layer = save_layer(tmp_path / "src" / "what.gpkg", rows)

    report, records = convert_layer(layer, tmp_path / "out")

    assert [record.instruction for record in records] == ["the long hall"]
    assert {kind: found.count for kind, found in report.left_out.items()} == {
        "outside every raster": 1,
        "smaller than a pixel": 1,
        "no text": 1,
        "no polygon": 2,
    }


def test_column_and_layer_are_chosen(tmp_path):
    save_raster(tmp_path / "a.tif")
    layer = save_layer(tmp_path / "w.gpkg", ROWS, code=["a", "b", "c", "d"])

    with pytest.raises(UsageError, match="2 columns hold text") as caught:
        find_splits(layer)
    assert "what, code" in caught.value.hint
    with pytest.raises(UsageError, match="no column 'x'"):
        find_splits(layer, text="x")
    with pytest.raises(UsageError, match="has the layers w"):
        find_splits(layer, layer="nope")
    assert list(find_splits(layer, text="code", layer="w")) == ["manifest"]


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_missing_coordinates_end_the_work(tmp_path):
    save_raster(tmp_path / "src" / "a.tif")
    plain = tmp_path / "src" / "plain.geojson.gpkg"
    save_layer(plain, ROWS, crs=None)
    with pytest.raises(GeoreferenceError, match="no coordinate system"):
        find_splits(plain)

    save_raster(tmp_path / "src" / "a.tif", crs=None)
    layer = save_layer(tmp_path / "src" / "w.gpkg", ROWS)
    with pytest.raises(GeoreferenceError, match=r"a\.tif has no map coordinates"):
        convert_layer(layer, tmp_path / "out")


def test_a_file_that_is_no_layer(tmp_path):
    (tmp_path / "a.gpkg").write_bytes(b"not a database")

    with pytest.raises(DataError, match="cannot be read as a layer"):
        find_splits(tmp_path / "a.gpkg")
    with pytest.raises(DataError, match="does not exist"):
        find_splits(tmp_path / "b.gpkg")


def test_a_column_may_have_any_name(tmp_path):
    save_raster(tmp_path / "in" / "a.tif")
    layer = save_layer(tmp_path / "in" / "x.gpkg", ROWS[:1])
    frame = geopandas.read_file(layer).rename(columns={"what": "land use / class"})
    frame.to_file(layer, driver="GPKG", engine="pyogrio")

    splits = find_splits(layer)
    report = convert(GEOPACKAGE, layer, splits, tmp_path / "out")

    assert report.left_out == {}
    (record,) = read_manifest(tmp_path / "out" / "manifest.jsonl")
    assert record.instruction == "the long hall"


def test_a_layer_without_features_or_geometries_is_told(tmp_path):
    save_raster(tmp_path / "src" / "a.tif")
    empty = geopandas.GeoDataFrame(
        {"what": geopandas.pd.Series([], dtype=str)}, geometry=geopandas.GeoSeries([], crs=UTM)
    )
    empty.to_file(tmp_path / "src" / "empty.gpkg", driver="GPKG", engine="pyogrio")
    with pytest.raises(DataError, match=r"no record came out of .* \(it lists no examples\)"):
        convert_layer(tmp_path / "src" / "empty.gpkg", tmp_path / "out")

    (tmp_path / "src" / "table.csv").write_text("what\na\n")
    with pytest.raises(DataError, match="a table without geometries"):
        find_splits(tmp_path / "src" / "table.csv")


def test_a_layer_without_texts_says_what_it_needs(tmp_path):
    save_raster(tmp_path / "a.tif")
    frame = geopandas.GeoDataFrame({"n": [1]}, geometry=[box_px(2, 3, 8, 5)], crs=UTM)
    frame.to_file(tmp_path / "w.gpkg", driver="GPKG", engine="pyogrio")

    with pytest.raises(UsageError, match="0 columns hold text") as caught:
        find_splits(tmp_path / "w.gpkg")

    assert "needs a column that says what its polygons are (it has n)" in caught.value.hint


def test_a_raster_that_cannot_be_opened_costs_the_others_nothing(tmp_path):
    save_raster(tmp_path / "src" / "a.tif")
    broken = tmp_path / "src" / "b.tif"
    broken.write_bytes(b"no picture")
    layer = save_layer(tmp_path / "src" / "w.gpkg", ROWS)

    report, records = convert_layer(layer, tmp_path / "out")

    assert len(records) == 3
    (example,) = report.left_out["raster unreadable"].examples
    assert (example["id"], report.left_out["raster unreadable"].count) == ("b.tif", 1)
    with pytest.raises(DataError, match=r"b\.tif is not an image"):  # the user wants this very one
        convert_layer(layer, tmp_path / "other", rasters=[broken])


def test_texts_that_differ_in_blanks_are_one_target(tmp_path):
    save_raster(tmp_path / "src" / "a.tif")
    rows = [("a  hall", box_px(2, 3, 8, 5)), ("a hall ", box_px(10, 10, 12, 12))]
    layer = save_layer(tmp_path / "src" / "w.gpkg", rows)

    report, (hall,) = convert_layer(layer, tmp_path / "out")

    assert (hall.instruction, int(decode_mask(hall.masks[0]).sum())) == ("a hall", 12 + 4)
    assert report.noted == {}


@pytest.mark.parametrize("far", [1e6, 1e9, 1e11])
def test_corners_far_away_leave_the_part_on_the_raster_alone(tmp_path, far):
    save_raster(tmp_path / "src" / "a.tif")
    near = box_px(2, 3, 8, 5).bounds
    shape = shapely.box(near[0], near[1], near[0] + far, near[3])
    layer = save_layer(tmp_path / "src" / "w.gpkg", [("a band", shape)])

    report, (band,) = convert_layer(layer, tmp_path / "out")

    mask = decode_mask(band.masks[0])
    assert mask[3:5, 2:].all()
    assert mask.sum() == 2 * (mask.shape[1] - 2)
    assert report.noted["cut at the edge"].count == 1


@pytest.mark.parametrize("far", [1e13, 1e300, np.inf])
def test_corners_that_are_nowhere_are_reported(tmp_path, far):
    save_raster(tmp_path / "src" / "a.tif")
    shape = shapely.Polygon([(LEFT, TOP), (far, TOP), (LEFT, TOP - 5)])
    layer = save_layer(tmp_path / "src" / "w.gpkg", [*ROWS[:1], ("far out", shape)])

    report, records = convert_layer(layer, tmp_path / "out")

    assert [record.instruction for record in records] == ["the long hall"]
    assert {kind: found.count for kind, found in report.left_out.items()} == {"no coordinates": 1}


def test_a_polygon_that_crosses_itself_is_drawn_even_odd_and_noted(tmp_path):
    save_raster(tmp_path / "src" / "a.tif")
    west, south, east, north = box_px(2, 2.2, 10, 10.2).bounds
    bow = shapely.Polygon([(west, south), (east, north), (east, south), (west, north)])
    layer = save_layer(tmp_path / "src" / "w.gpkg", [("a bow", bow)])

    report, (record,) = convert_layer(layer, tmp_path / "out")

    mask = decode_mask(record.masks[0])
    assert mask[5, 2:10].tolist() == [True] * 3 + [False] * 2 + [True] * 3  # left and right wing
    assert "Self-intersection" in report.noted["polygon not valid"].examples[0]["message"]
