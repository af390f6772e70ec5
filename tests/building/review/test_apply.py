"""The accepted records as a dataset: what lies beside an image comes and goes with it."""

from __future__ import annotations

import pytest

from segearth.building.review.apply import NAME, write_accepted
from segearth.building.review.outcome import outcomes
from segearth.data.manifest import read_manifest

WORLD = "2\n0\n0\n-2\n500001\n4999999\n"


@pytest.mark.parametrize("world", ["a.pgw", "a.wld", "a.PGW", "a.png.aux.xml"])
def test_what_is_gone_beside_the_original_goes_beside_the_copy(
    records, manifest, tmp_path, make, world
):
    original = manifest.with_name(world)
    kept = manifest.with_name("b.pgw")
    pam = "<PAMDataset><GeoTransform>1, 2, 0, 3, 0, -2</GeoTransform></PAMDataset>"
    original.write_text(pam if world.endswith("xml") else WORLD, encoding="ascii")
    kept.write_text(WORLD, encoding="ascii")
    results, _ = outcomes(records, [make.decision(record) for record in records])
    out = tmp_path / "accepted"
    assert write_accepted(results, manifest, out, overwrite=False) == 3
    first = {path.name for path in out.iterdir()}

    original.unlink()
    (out / "notes.txt").write_text("somebody's own", encoding="utf-8")
    write_accepted(results, manifest, out, overwrite=True)

    pictures = {"a.png", "b.png", "c.png"}
    assert first == {NAME, *pictures, world, kept.name}
    assert {path.name for path in out.iterdir()} == {NAME, *pictures, kept.name, "notes.txt"}
    assert len(read_manifest(out / NAME)) == 3


def test_a_world_file_that_two_images_share_stays_with_the_one_that_is_accepted(tmp_path, make):
    rows = [make.row("a"), make.row("b", image="a.jpg")]
    manifest = make.write_rows(tmp_path / "data", rows)
    world = manifest.with_name("a.wld")
    world.write_text(WORLD, encoding="ascii")
    records = read_manifest(manifest)
    out = tmp_path / "accepted"

    for wrong in ([], ["mask"]):  # the first record is rejected the second time
        said = [make.decision(records[0], wrong=wrong), make.decision(records[1])]
        write_accepted(outcomes(records, said)[0], manifest, out, overwrite=bool(wrong))

    assert (out / "a.wld").read_text(encoding="ascii") == WORLD
    assert [record.id for record in read_manifest(out / NAME)] == ["b"]
