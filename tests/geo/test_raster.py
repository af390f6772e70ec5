"""What a model gets to see of all kinds of files."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

from segearth.errors import DataError, UsageError
from segearth.geo.gdal import is_remote
from segearth.geo.raster import open_scene
from segearth.geo.stretch import Stretch, measure_stretch, parse_stretch

UTM = {"crs": "EPSG:32633", "transform": Affine(0.5, 0, 500_000, 0, -0.5, 5_000_000)}


def write(path, bands, **profile):
    bands = np.asarray(bands)
    count, height, width = bands.shape
    colours = profile.pop("colours", None)
    table = profile.pop("table", None)
    with rasterio.open(
        path,
        "w",
        count=count,
        height=height,
        width=width,
        dtype=bands.dtype,
        **{"driver": "GTiff"} | UTM | profile,
    ) as dataset:
        if colours:
            dataset.colorinterp = colours
        if table:
            dataset.write_colormap(1, table)
        dataset.write(bands)
    return str(path)


def whole(path, **options):
    with open_scene(path, **options) as scene:
        return scene.read(0, 0, scene.height, scene.width)


def test_threads_read_pictures_without_a_map_in_silence(tmp_path):
    path = str(tmp_path / "plain.png")
    cv2.imwrite(path, np.zeros((8, 8, 3), np.uint8))
    filters = list(warnings.filters)

    def read(_number):
        return whole(path).image.max()  # a warning is an error in these tests

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(read, range(300))) == {0}

    assert warnings.filters == filters


@pytest.fixture
def flat():
    """Bands of one value each: 10, 20, 30, …"""

    def make(count, dtype="uint8"):
        return np.stack([np.full((4, 6), 10 * band, dtype) for band in range(1, count + 1)])

    return make


@pytest.mark.parametrize(
    ("count", "shown"),
    [(1, [10, 10, 10]), (2, [10, 10, 10]), (3, [10, 20, 30]), (4, [10, 20, 30]), (5, [10, 20, 30])],
)
def test_any_number_of_bands_becomes_three(tmp_path, flat, count, shown):
    path = write(tmp_path / "a.tif", flat(count), photometric="MINISBLACK")

    assert whole(path).image[0, 0].tolist() == shown


def test_bands_are_chosen_by_number(tmp_path, flat):
    path = write(tmp_path / "a.tif", flat(4), photometric="MINISBLACK")

    assert whole(path, bands=[4, 3, 2]).image[0, 0].tolist() == [40, 30, 20]
    assert whole(path, bands=[2]).image[0, 0].tolist() == [20, 20, 20]


@pytest.mark.parametrize("bands", [[4, 3, 2], [0], [1, 2, 3, 1]])
def test_bands_that_do_not_exist_are_a_usage_error(tmp_path, flat, bands):
    path = write(tmp_path / "a.tif", flat(3))

    with pytest.raises(UsageError, match="the image has 3"):
        whole(path, bands=bands)


def test_sixteen_bits_are_stretched_once_for_the_scene(tmp_path):
    ramp = np.linspace(0, 10_000, 100 * 100).reshape(1, 100, 100).astype("uint16")
    path = write(tmp_path / "a.tif", ramp)

    with open_scene(path) as scene:
        dark, bright = scene.read(0, 0, 10, 100), scene.read(90, 0, 10, 100)

    # Percentiles 2 and 98 become 0 and 255; a window's own range plays no part.
    assert dark.image.max() < 30
    assert bright.image.min() > 225
    assert dark.image.min() == 0
    assert bright.image.max() == 255


def test_limits_can_be_given(tmp_path):
    path = write(tmp_path / "a.tif", np.array([[[0, 1000, 2000, 4000]]], "int16"))

    shown = whole(path, stretch=parse_stretch("1000,3000")).image[0, :, 0]

    assert shown.tolist() == [0, 0, 128, 255]


def test_eight_bits_stay_as_they_are_unless_a_stretch_is_asked_for(tmp_path):
    values = np.arange(50, 150, dtype="uint8").reshape(1, 10, 10)
    path = write(tmp_path / "a.tif", values)

    assert np.array_equal(whole(path).image[..., 0], values[0])
    assert whole(path, stretch="percentile").image.max() == 255


def test_none_clips_values_instead_of_scaling(tmp_path):
    path = write(tmp_path / "a.tif", np.array([[[-5, 7, 255, 900]]], "int16"))

    assert whole(path, stretch="none").image[0, :, 0].tolist() == [0, 7, 255, 255]


@pytest.mark.parametrize("text", ["min,max", "3", "5,5", "9,1", "nan,4", "1,2,3", ""])
def test_what_is_no_stretch_is_refused(text):
    with pytest.raises(UsageError, match="no stretch"):
        parse_stretch(text)


def test_a_scene_of_one_value_has_a_stretch():
    stretch = measure_stretch(np.full((1, 3, 3), 7.0), np.ones((3, 3), bool))

    assert stretch.low == (7,)
    assert stretch.high[0] > 7


def test_stretches_ignore_pixels_without_data():
    values = np.array([[[0.0, 1.0, -9999.0]]])
    valid = np.array([[True, True, False]])

    assert measure_stretch(values, valid).low[0] >= 0
    assert Stretch((0,), (1,)).apply(values, valid).tolist() == [[[0, 255, 0]]]


def test_nodata_does_not_count(tmp_path):
    bands = np.full((3, 4, 6), 90, "uint8")
    bands[:, 0] = 0
    bands[0, 1, 1] = 0  # black in one band only: a colour
    path = write(tmp_path / "a.tif", bands, nodata=0)

    tile = whole(path)

    assert tile.valid.sum() == 3 * 6
    assert not tile.valid[0].any()


def test_nan_does_not_count(tmp_path):
    bands = np.random.default_rng(0).random((1, 20, 20)).astype("float32")
    bands[0, :5] = np.nan
    bands[0, 9, 9] = np.inf
    path = write(tmp_path / "a.tif", bands)

    tile = whole(path)

    assert tile.valid.sum() == 15 * 20 - 1
    assert tile.image[:5].max() == 0
    assert tile.image.max() == 255


def test_alpha_is_a_mask_and_no_colour(tmp_path, flat):
    bands = flat(4)
    bands[3, :, :2] = 0
    colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    path = write(tmp_path / "a.tif", bands, photometric="RGB", colours=colours)

    assert whole(path).valid.sum() == 4 * 4
    assert whole(path, bands=[4, 3, 2]).valid.all()


def test_a_palette_becomes_colours(tmp_path):
    table = {0: (255, 0, 0, 255), 1: (0, 255, 0, 255), 2: (9, 9, 9, 0)}
    values = np.array([[[0, 1, 2]]], "uint8")
    path = write(tmp_path / "a.png", values, driver="PNG", table=table)

    tile = whole(path)

    assert tile.image[0, :2].tolist() == [[255, 0, 0], [0, 255, 0]]
    assert tile.valid[0].tolist() == [True, True, False]


def test_shrinking_keeps_the_shape_and_never_goes_below_a_pixel(tmp_path):
    path = write(tmp_path / "a.tif", np.ones((1, 1, 500), "uint8"))

    with open_scene(path) as scene:
        tile = scene.shrink(50)

    assert tile.image.shape == (1, 50, 3)


def test_names_may_hold_spaces_and_any_letters(tmp_path, flat):
    path = write(tmp_path / "Šibenik ü 港.tif", flat(3))

    assert whole(path).image.shape == (4, 6, 3)


@pytest.fixture
def damaged(tmp_path):
    """Files that are no images, by name."""
    noise = np.random.default_rng(0).integers(0, 255, (3, 64, 64), "uint8")
    good = tmp_path / "good.tif"
    write(good, noise, compress="deflate")
    data = good.read_bytes()
    (tmp_path / "short.tif").write_bytes(data[: len(data) // 2])
    (tmp_path / "header.tif").write_bytes(data[:60])
    (tmp_path / "empty.tif").touch()
    (tmp_path / "text.tif").write_text("not an image")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(
            tmp_path / "good.png", "w", driver="PNG", count=3, height=64, width=64, dtype="uint8"
        ) as dataset:
            dataset.write(noise)
    data = (tmp_path / "good.png").read_bytes()
    (tmp_path / "short.png").write_bytes(data[: len(data) // 2])
    return tmp_path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("short.tif", "damaged or cut short"),
        ("short.png", "damaged or cut short"),
        ("header.tif", "damaged or cut short"),
        ("empty.tif", "0 bytes"),
        ("text.tif", "not an image"),
        ("gone.tif", "does not exist"),
        ("no/such/folder.tif", "does not exist"),
    ],
)
def test_a_file_that_is_no_image_is_named_with_its_trouble(damaged, name, words, capfd):
    with pytest.raises(DataError, match=words) as caught:
        whole(str(damaged / name))

    assert name.split("/")[-1] in caught.value.problem
    assert "\n" not in caught.value.problem
    assert capfd.readouterr() == ("", "")  # GDAL keeps quiet


def test_a_slip_of_the_finger_is_pointed_out(damaged):
    with pytest.raises(DataError) as caught:
        whole(str(damaged / "goood.tif"))

    assert "good.tif" in caught.value.hint


def test_only_networks_get_network_settings():
    remote = [
        "https://a/b.tif",
        "s3://a/b.tif",
        "/vsicurl/https://a/b.tif",
        "/vsizip//vsis3/a.zip/b",
    ]
    local = ["/data/https/b.tif", "b.tif", "/vsizip/a.zip/b.tif", "/vsimem/b.tif"]

    assert all(map(is_remote, remote))
    assert not any(map(is_remote, local))


def test_the_users_gdal_settings_win_and_ours_do_not_stay(tmp_path, flat):
    from rasterio._env import get_gdal_config

    path = write(tmp_path / "a.tif", flat(1))
    before = get_gdal_config("GDAL_CACHEMAX")
    with open_scene(path):
        ours = get_gdal_config("GDAL_CACHEMAX")
    with rasterio.Env(GDAL_CACHEMAX=77 << 20), open_scene(path):
        theirs = get_gdal_config("GDAL_CACHEMAX")

    assert ours == 256 << 20
    assert theirs == 77 << 20
    assert get_gdal_config("GDAL_CACHEMAX") == before
