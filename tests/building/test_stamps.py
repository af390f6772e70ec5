"""Files are told apart from later versions of themselves."""

from __future__ import annotations

from segearth.building.stamps import stamp, stamp_images


def test_what_lies_beside_an_image_counts(tmp_path):
    image = tmp_path / "a.tif"
    for name in ("a.tif", "a.tfw", "a.tif.aux.xml", "a.b.tif", "ab.tfw", "a.txt"):
        (tmp_path / name).write_text("1", encoding="ascii")

    stamps = stamp_images({"x": image})["x"]

    names = sorted(str(entry[0]).rpartition("/")[2] for entry in stamps)
    assert names == ["a.tfw", "a.tif", "a.tif.aux.xml"]


def test_a_changed_world_file_changes_the_stamp(tmp_path):
    image, world = tmp_path / "a.b.png", tmp_path / "a.b.pgw"
    image.write_bytes(b"1")
    before = stamp_images({"x": image})
    world.write_bytes(b"2")
    beside = stamp_images({"x": image})
    world.write_bytes(b"23")

    assert before != beside != stamp_images({"x": image})


def test_what_is_not_there_has_no_stamp(tmp_path):
    assert stamp_images({"x": tmp_path / "no" / "a.tif"}) == {"x": []}
    assert stamp_images({"x": tmp_path / "a\0.tif"}) == {"x": []}
    assert stamp(tmp_path / "a.tif") == []


def test_an_image_without_an_ending_has_a_stamp(tmp_path):
    (tmp_path / "tile").write_bytes(b"1")

    assert len(stamp_images({"x": tmp_path / "tile"})["x"]) == 1
