"""An image keeps its place on the map when it is put elsewhere."""

from __future__ import annotations

import os

import numpy as np
import pytest
import rasterio
from affine import Affine

from segearth.data.images import bring_image, remove_image


@pytest.fixture
def picture(tmp_path):
    """A PNG whose georeference GDAL wrote beside it."""
    place = {"crs": "EPSG:32633", "transform": Affine(2, 0, 500_000, 0, -2, 5_000_000)}
    path = tmp_path / "in" / "ä.png"
    path.parent.mkdir()
    with rasterio.open(
        path, "w", driver="PNG", height=4, width=6, count=3, dtype="uint8", **place
    ) as out:
        out.write(np.zeros((3, 4, 6), np.uint8))
    return path


def test_what_lies_beside_an_image_goes_with_it(picture, tmp_path):
    (picture.parent / "other.txt").write_text("not the image's", encoding="utf-8")

    bring_image(picture, tmp_path / "out" / "deep" / "ä.png")

    with rasterio.open(tmp_path / "out" / "deep" / "ä.png") as dataset:
        assert dataset.crs.to_epsg() == 32633
        assert dataset.transform == Affine(2, 0, 500_000, 0, -2, 5_000_000)
    names = {path.name for path in (tmp_path / "out" / "deep").iterdir()}
    assert names == {"ä.png", "ä.png.aux.xml"}


def test_what_is_gone_beside_an_image_goes_there_too(picture, tmp_path):
    place = tmp_path / "out" / "ä.png"
    bring_image(picture, place)
    picture.with_name("ä.png.aux.xml").unlink()

    bring_image(picture, place)

    assert [path.name for path in place.parent.iterdir()] == ["ä.png"]


def test_a_world_file_that_comes_later_is_brought(picture, tmp_path):
    place = tmp_path / "out" / "ä.png"
    bring_image(picture, place)
    picture.with_suffix(".pgw").write_text("2\n0\n0\n-2\n7\n8\n", encoding="ascii")

    bring_image(picture, place)

    assert place.with_suffix(".pgw").is_file()
    assert place.samefile(picture)


def test_an_image_is_removed_with_what_lies_beside_it_and_nothing_else(picture, tmp_path):
    place = tmp_path / "out" / "ä.png"
    bring_image(picture, place)
    (place.parent / "ä.png.txt").write_text("somebody's notes", encoding="utf-8")

    remove_image(place)

    assert [path.name for path in place.parent.iterdir()] == ["ä.png.txt"]


def test_an_older_image_of_the_same_size_is_brought(tmp_path):
    source, place = tmp_path / "a.png", tmp_path / "out" / "a.png"
    source.write_bytes(b"new")
    bring_image(source, place)
    (tmp_path / "b.png").write_bytes(b"old")
    os.utime(tmp_path / "b.png", (1, 1))
    (tmp_path / "b.png").replace(source)

    bring_image(source, place)

    assert place.read_bytes() == b"old"


def test_a_copy_is_known_again(tmp_path, monkeypatch):
    source, place = tmp_path / "a.png", tmp_path / "out" / "a.png"
    source.write_bytes(b"pixels")
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("another disk")))
    bring_image(source, place)
    before = place.stat().st_ino

    bring_image(source, place)

    assert place.stat().st_ino == before
    assert not place.samefile(source)


def test_what_is_no_image_is_brought_all_the_same(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")

    bring_image(tmp_path / "a.png", tmp_path / "out" / "a.png")

    assert (tmp_path / "out" / "a.png").read_bytes() == b"no picture"
