"""An image and a sentence in, a folder that other programs can read out."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import cv2
import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine

from segearth.errors import DataError, GeoreferenceError, UsageError
from segearth.prediction import SceneOptions, predict_file
from segearth.prediction.staging import RESULTS

NAMES = {"masks.tif", "targets.gpkg", "targets.geojson", "overlay.png", "prediction.json"}


@pytest.fixture
def red(picture):
    """A 60 x 80 picture with a red block of 10 x 20."""
    return picture(60, 80, ("red", 10, 30, 10, 20))


def read(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path) as dataset:
            return dataset.read(), dataset.profile, dataset.descriptions


def test_a_map_in_gives_results_on_the_same_map(finder, red, save, tmp_path):
    image = save("a.tif", red)

    prediction = predict_file(finder, image, ["the red thing"], tmp_path / "out")

    assert {file.name for file in (tmp_path / "out").iterdir()} == NAMES
    bands, profile, descriptions = read(tmp_path / "out/masks.tif")
    source = read(image)[1]
    for key in ("transform", "crs", "width", "height"):
        assert profile[key] == source[key]
    assert np.array_equal(bands[0], red[0] == 255)
    assert descriptions == ("red thing",)
    layer = geopandas.read_file(tmp_path / "out/targets.gpkg")
    assert layer.total_bounds.tolist() == [500_015, 4_999_990, 500_025, 4_999_995]
    assert layer.area_m2.tolist() == [50]
    saved = json.loads((tmp_path / "out/prediction.json").read_text())
    assert saved == prediction


def test_the_document_keeps_its_contract(finder, red, save, tmp_path):
    image = save("a.tif", red)

    prediction = predict_file(finder, image, ["the red thing"], tmp_path / "out", load_s=1.5)

    assert prediction["image"] == image
    assert prediction["instruction"] == "the red thing"
    assert prediction["answer"] == "<p>red thing </p>[SEG] in this image."
    assert prediction["found"] == 1
    assert prediction["targets"] == [
        {
            "id": 1,
            "phrase": "red thing",
            "score": 0.75,
            "area_px": 200,
            "area_m2": 50.0,
            "bbox_px": [30, 10, 50, 20],
            "band": 1,
            "instruction": "the red thing",
        }
    ]
    assert prediction["crs"] == "EPSG:32633"
    assert prediction["gsd_m"] == 0.5
    assert prediction["model"] == "colours"
    assert {Path(path).name for path in prediction["outputs"].values()} == NAMES
    assert all(Path(path).is_file() for path in prediction["outputs"].values())
    assert {*prediction["seconds"]} == {"load", "encode", "answer", "masks", "write"}
    assert prediction["seconds"]["load"] >= 1.5
    assert prediction["notes"] == []


def test_a_rotated_grid_stays_bit_by_bit(finder, red, save, tmp_path):
    turned = Affine.translation(500_000.1, 5_000_000.7) @ Affine.rotation(33.3)
    turned @= Affine.scale(0.3, -0.3)
    image = save("a.tif", red, transform=turned)

    predict_file(finder, image, ["red"], tmp_path / "out")

    assert read(tmp_path / "out/masks.tif")[1]["transform"] == read(image)[1]["transform"] == turned
    shape = geopandas.read_file(tmp_path / "out/targets.gpkg").geometry[0]
    assert shape.area == pytest.approx(200 * 0.09)
    x, y = turned @ (40, 15)
    assert shape.centroid.x == pytest.approx(x, abs=0.01)
    assert shape.centroid.y == pytest.approx(y, abs=0.01)


def test_a_picture_without_a_map_gives_pixels_and_says_so(finder, red, save, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        image = save("a.png", red, driver="PNG", crs=None, transform=None)

    prediction = predict_file(finder, image, ["red"], tmp_path / "out")

    assert prediction["crs"] is prediction["gsd_m"] is prediction["targets"][0]["area_m2"] is None
    assert "no CRS" in prediction["notes"][0]
    for name in ("targets.gpkg", "targets.geojson"):
        assert geopandas.read_file(tmp_path / "out" / name).total_bounds.tolist() == [
            30,
            10,
            50,
            20,
        ]
    assert np.array_equal(read(tmp_path / "out/masks.tif")[0][0], red[0] == 255)


def test_ground_control_points_are_carried_on(finder, red, tmp_path):
    points = [
        rasterio.control.GroundControlPoint(row, column, 500_000 + column, 5_000_000 - row)
        for row, column in ((0, 0), (0, 80), (60, 0), (60, 80))
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(
            tmp_path / "a.tif", "w", driver="GTiff", count=3, height=60, width=80, dtype="uint8"
        ) as dataset:
            dataset.write(red)
            dataset.gcps = points, rasterio.crs.CRS.from_epsg(32633)

    prediction = predict_file(finder, str(tmp_path / "a.tif"), ["red"], tmp_path / "out")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(tmp_path / "out/masks.tif") as masks:
            carried, system = masks.gcps
    assert [(point.row, point.x) for point in carried] == [(point.row, point.x) for point in points]
    assert system.to_epsg() == 32633
    assert "ground control points" in prediction["notes"][0]


def test_coordinates_outside_the_earth_are_refused_before_the_model_works(
    finder, red, save, tmp_path
):
    image = save("a.tif", red, transform=Affine(1, 0, 1e14, 0, -1, 0))

    with pytest.raises(GeoreferenceError):
        predict_file(finder, image, ["red"], tmp_path / "out")

    assert finder.looked_at == []
    assert not (tmp_path / "out").exists()


def test_sixteen_bits_and_four_bands(finder, picture, save, tmp_path):
    bands = picture(60, 80, ("red", 10, 30, 20, 20), dtype="uint16") * np.uint16(20)
    near_infrared = np.full((1, 60, 80), 9000, "uint16")
    image = save("a.tif", np.concatenate([bands, near_infrared]))

    prediction = predict_file(finder, image, ["red"], tmp_path / "out")

    assert prediction["targets"][0]["area_px"] == 400


def test_nan_and_nodata_are_nodata_in_the_masks(finder, picture, save, tmp_path):
    bands = picture(60, 80, ("red", 10, 30, 20, 20)).astype("float32") / 255
    bands[:, :15] = np.nan
    bands[:, :, 75:] = -9999
    image = save("a.tif", bands, nodata=-9999)

    prediction = predict_file(finder, image, ["red"], tmp_path / "out")

    mask = read(tmp_path / "out/masks.tif")[0][0]
    assert (mask[:15] == 255).all()
    assert (mask[:, 75:] == 255).all()
    assert prediction["targets"][0]["area_px"] == (mask == 1).sum() == 15 * 20


def test_nothing_found_is_a_valid_result(finder, red, save, tmp_path):
    prediction = predict_file(finder, save("a.tif", red), ["blue things"], tmp_path / "out")

    assert prediction["found"] == 0
    assert prediction["answer"] == "There is none in this image."
    bands, _, descriptions = read(tmp_path / "out/masks.tif")
    assert bands.shape[0] == 1
    assert not bands.any()
    assert descriptions == (None,)
    assert len(geopandas.read_file(tmp_path / "out/targets.gpkg")) == 0
    assert pyogrio.read_info(tmp_path / "out/targets.gpkg")["crs"] == "EPSG:32633"
    assert (tmp_path / "out/overlay.png").stat().st_size


def test_a_scene_without_data_is_a_valid_result(finder, save, tmp_path):
    image = save("a.tif", np.zeros((3, 40, 50), "uint8"), nodata=0)

    prediction = predict_file(finder, image, ["red things"], tmp_path / "out")

    assert prediction["found"] == 0
    assert "no valid pixels" in prediction["notes"][0]
    assert (read(tmp_path / "out/masks.tif")[0] == 255).all()
    assert finder.looked_at == []


def test_what_is_named_without_a_pixel_is_no_finding(finder, red, save, tmp_path):
    class Talker(type(finder)):
        def reply(self, encoded, instruction):
            return self.teach(encoded, instruction, "<p>blue things </p>[SEG]")

    prediction = predict_file(Talker(), save("a.tif", red), ["anything"], tmp_path / "out")

    assert prediction["found"] == 0
    assert prediction["notes"] == ["named, but left out because no pixel was marked: 'blue things'"]


def test_several_instructions_fill_successive_bands(finder, picture, save, tmp_path):
    bands = picture(60, 80, ("red", 1, 1, 9, 9), ("green", 20, 20, 5, 5), ("blue", 30, 60, 7, 7))

    prediction = predict_file(
        finder, save("a.tif", bands), ["blue things", "red and green"], tmp_path / "out"
    )

    assert len(finder.looked_at) == 1
    assert read(tmp_path / "out/masks.tif")[2] == ("blue things", "red things", "green things")
    assert [entry["targets"] for entry in prediction["answers"]] == [[1], [2, 3]]
    assert prediction["instruction"] == "blue things; red and green"
    assert prediction["answer"].count("[SEG]") == 3
    layer = geopandas.read_file(tmp_path / "out/targets.geojson")
    assert layer.instruction.tolist() == ["blue things", "red and green", "red and green"]


def test_the_picture_shows_the_scene_the_targets_and_a_legend(finder, picture, save, tmp_path):
    image = save("a.tif", picture(600, 5000, ("red", 100, 100, 300, 2000)))

    predict_file(finder, image, ["red"], tmp_path / "out", options=SceneOptions(window=4000))

    overlay = cv2.imread(str(tmp_path / "out/overlay.png"))
    height, width = overlay.shape[:2]
    assert width == 2048 - 24
    assert height == round(600 * width / 5000) + 24
    assert (overlay[-1, -1] == 255).all()
    assert (overlay[5, 5] == 40).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 3000)])
def test_odd_sizes_have_a_picture_too(finder, picture, save, tmp_path, size):
    image = save("a.tif", picture(*size, ("red", 0, 0, *size)))

    prediction = predict_file(finder, image, ["red"], tmp_path / "out")

    assert prediction["targets"][0]["area_px"] == size[0] * size[1]
    assert cv2.imread(str(tmp_path / "out/overlay.png")) is not None


def test_names_may_hold_spaces_and_any_letters(finder, red, save, tmp_path):
    image = save("Häfen 港/ein Bild.tif", red)

    prediction = predict_file(finder, image, ["red"], tmp_path / "Ausgabe ü 1")

    assert all(Path(path).is_file() for path in prediction["outputs"].values())


def test_earlier_results_are_safe(finder, red, save, tmp_path):
    image, out = save("a.tif", red), tmp_path / "out"
    predict_file(finder, image, ["red"], out)
    (out / "mine.txt").write_text("kept")

    with pytest.raises(UsageError, match=r"masks\.tif"):
        predict_file(finder, image, ["blue"], out)
    assert json.loads((out / "prediction.json").read_text())["found"] == 1

    predict_file(finder, image, ["blue"], out, overwrite=True)
    assert json.loads((out / "prediction.json").read_text())["found"] == 0
    assert {file.name for file in out.iterdir()} == NAMES | {"mine.txt"}


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, MemoryError, ValueError])
@pytest.mark.parametrize("there", [True, False], ids=["folder-exists", "no-folder"])
def test_whatever_happens_nothing_half_written_stays(finder, red, save, tmp_path, trouble, there):
    class Broken(type(finder)):
        def masks(self, encoded, reply):
            raise trouble

    image, out = save("a.tif", red), tmp_path / "deep/out"
    if there:
        out.mkdir(parents=True)

    with pytest.raises(trouble):
        predict_file(Broken(), image, ["red"], out)

    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert left == ({"a.tif", "deep", "deep/out"} if there else {"a.tif"})


def test_a_place_that_cannot_be_written_to_is_named(finder, red, save, tmp_path):
    image = save("a.tif", red)

    # Below a file, because tests may run as root, whom no permission stops.
    with pytest.raises(DataError, match="cannot be written to"):
        predict_file(finder, image, ["red"], tmp_path / "a.tif/out")

    assert finder.looked_at == []


def test_a_damaged_image_leaves_nothing(finder, save, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (3, 64, 64), "uint8")
    path = Path(save("a.tif", noise, compress="deflate"))
    path.write_bytes(path.read_bytes()[:6000])

    with pytest.raises(DataError, match="cut short"):
        predict_file(finder, str(path), ["red"], tmp_path / "out")

    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.parametrize("instruction", ["", "  \n\t ", "word " * 5000])
def test_instructions_that_cannot_be_asked_are_refused(finder, red, save, tmp_path, instruction):
    with pytest.raises(UsageError) as caught:
        predict_file(finder, save("a.tif", red), ["red", instruction], tmp_path / "out")

    assert "empty" in caught.value.problem or "200 are allowed" in caught.value.problem


def test_all_result_names_are_protected():
    assert NAMES | {"predictions.jsonl"} == set(RESULTS)
