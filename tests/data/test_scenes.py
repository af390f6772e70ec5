"""Drawn scenes: what is said to be there is there, and a seed decides everything."""

import hashlib

import numpy as np
import pytest
import rasterio

from segearth.data.check import check_manifest
from segearth.data.manifest import read_manifest
from segearth.data.scenes import LAYOUTS, draw_dataset, draw_scene
from segearth.errors import UsageError


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_draws_what_it_lists(layout):
    scene = draw_scene(np.random.default_rng(5), 128, layout=layout)

    assert scene.image.shape == (128, 128, 3)
    assert scene.image.dtype == np.uint8
    assert scene.image.std() > 3
    assert scene.objects
    for item in scene.objects:
        assert item.mask.shape == (128, 128)
        assert item.mask.dtype == bool
        assert item.mask.any()
        assert (item.kind == "part") == (item.parent is not None)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_things_do_not_share_pixels(layout):
    objects = draw_scene(np.random.default_rng(6), 128, layout=layout).objects
    painted = {"zebra crossing", "runway marking", "helipad"}
    things = [o.mask for o in objects if o.category not in painted and o.kind == "thing"]
    ways = {"road", "parking lot", "airport runway", "taxiway", "driveway", "bridge", "path"}
    standing = [o.mask for o in objects if o.kind == "thing" and o.category not in ways | painted]

    assert things
    assert np.sum(standing, axis=0, dtype=int).max() <= 1 if standing else True


def test_parts_lie_on_their_parents():
    objects = draw_scene(np.random.default_rng(2), 192, layout="apron").objects
    parts = [item for item in objects if item.parent is not None]

    assert {"wing", "fuselage", "horizontal stabilizer"} <= {item.category for item in parts}
    for part in parts:
        assert not (part.mask & ~objects[part.parent].mask).any()


def test_an_object_looks_like_its_colour():
    rng = np.random.default_rng(0)
    red = []
    for _ in range(60):
        scene = draw_scene(rng, 128, layout="mixture")
        red += [
            scene.image[item.mask].mean(axis=0)
            for item in scene.objects
            if item.colour == "red" and item.mask.sum() > 30
        ]

    assert len(red) > 5
    assert all(colour[0] > 1.5 * colour[1] for colour in red)


def test_vehicles_do_not_cut_the_road_but_trees_do():
    for seed in range(6):
        objects = draw_scene(np.random.default_rng(seed), 256, layout="crossroads").objects
        (road,) = (item.mask for item in objects if item.category == "road")
        cars = [item.mask for item in objects if item.category == "small car"]
        others = [i.mask for i in objects if i.category in ("tree", "building", "grass")]
        if cars:
            break

    assert any((car & road).sum() > 0.5 * car.sum() for car in cars)
    assert not any((other & road).any() for other in others)


def test_an_airfield_has_one_runway():
    for seed in range(8):
        scene = draw_scene(np.random.default_rng(seed), 96, layout="airfield")

        assert sum(item.category == "airport runway" for item in scene.objects) == 1


def test_what_is_absent_is_not_among_the_objects():
    for seed in range(20):
        scene = draw_scene(np.random.default_rng(seed), 64)

        assert scene.absent
        assert not set(scene.absent) & {item.category for item in scene.objects}


def test_small_pictures_show_as_much_ground():
    small, usual = (draw_scene(np.random.default_rng(4), size) for size in (64, 256))

    assert 64 * small.gsd_m == pytest.approx(256 * usual.gsd_m, rel=0.01)


@pytest.mark.parametrize("size", [0, 31, 4096])
def test_sizes_out_of_range_are_refused(size):
    with pytest.raises(UsageError, match=f"{size} px"):
        draw_scene(np.random.default_rng(0), size)


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        draw_dataset(tmp_path / name, 3, seed, 96)

    assert digest(tmp_path / "first") == digest(tmp_path / "again")
    assert digest(tmp_path / "first") != digest(tmp_path / "other")


def test_a_data_set_lies_on_the_map_and_passes_the_check(tmp_path):
    manifest = draw_dataset(tmp_path / "drawn", 4, 0, 128)

    records = read_manifest(manifest)
    assert manifest == tmp_path / "drawn" / "manifest.jsonl"
    assert {record.image.name for record in records} == {f"scene-000{i}.tif" for i in range(4)}
    assert not check_manifest(manifest).mistakes
    with rasterio.open(tmp_path / "drawn" / "images" / "scene-0000.tif") as raster:
        assert raster.crs.to_epsg() == 32632
        assert raster.count == 3
        assert raster.transform.e == -raster.transform.a == pytest.approx(-records[0].gsd_m)


def test_a_folder_with_results_is_refused_and_kept(tmp_path):
    draw_dataset(tmp_path / "drawn", 1, 0, 64)
    before = digest(tmp_path / "drawn")

    with pytest.raises(UsageError, match="already holds"):
        draw_dataset(tmp_path / "drawn", 1, 1, 64)

    assert digest(tmp_path / "drawn") == before
