"""The export: boxes, facets, splits that no scene crosses, decisions, card and Parquet."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import rasterio
import yaml
from affine import Affine

from segearth.building.export.options import ExportOptions
from segearth.building.export.records import box_px
from segearth.building.export.scenes import find_scenes, scene_name
from segearth.building.export.stage import run
from segearth.building.review.decisions import CRITERIA, Decision, Undo, fingerprint
from segearth.building.review.log import open_log
from segearth.data.check import check_manifest
from segearth.data.manifest import decode_mask, read_manifest
from segearth.data.rle import encode_mask
from segearth.data.statistics import count_records
from segearth.errors import DataError, RecipeError, UsageError


def mask_of(top, left, bottom, right):
    mask = np.zeros((20, 30), bool)
    mask[top:bottom, left:right] = True
    return encode_mask(mask)


def write_image(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (20, 30, 3), np.uint8)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def row(name, image, **changes):
    return {
        "id": name,
        "image": image,
        "instruction": f"Find what {name} means.",
        "answer": "The <p>ship </p>[SEG] is here.",
        "masks": [mask_of(2, 3, 7, 11)],
        "facets": {"granularity": "instance", "reasoning": "explicit"},
        "licence": "CC-BY-4.0",
    } | changes


def manifest_of(folder, rows, *, images=True):
    folder.mkdir(parents=True, exist_ok=True)
    if images:
        for number, name in enumerate(dict.fromkeys(item["image"] for item in rows)):
            write_image(folder / name, number)
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in rows), encoding="utf-8")
    return path


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def exported(out):
    return {
        split: lines_of(out / f"{split}.jsonl")
        for split in ("train", "val", "test")
        if (out / f"{split}.jsonl").exists()
    }


# --- boxes --------------------------------------------------------------------------------


def test_a_box_by_hand():
    # Rows 2 to 6 and columns 3 to 10: x first, ends one past.
    assert box_px(mask_of(2, 3, 7, 11)) == [3, 2, 11, 7]
    assert box_px(mask_of(0, 0, 20, 30)) == [0, 0, 30, 20]
    assert box_px(mask_of(0, 0, 0, 0)) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_box_holds_all_of_the_mask_and_touches_it_on_every_side(seed):
    mask = np.random.default_rng(seed).random((17, 23)) < 0.02

    x0, y0, x1, y1 = box_px(encode_mask(mask))

    assert mask[y0:y1, x0:x1].sum() == mask.sum()
    inside = decode_mask(encode_mask(mask))[y0:y1, x0:x1]
    for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
        assert side.any()


# --- scenes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("P0001__1.0__0___512.png", "P0001__1.0__512___0.png", True),
        ("P0001__1.0__0___512.png", "P0002__1.0__0___512.png", False),
        ("city_r00_c01.tif", "city_r07_c13.tif", True),
        ("Potsdam_2_10_0_512.png", "potsdam_2_10_512_512.png", True),
        ("tile1/image_part_001.jpg", "tile1/image_part_009.jpg", True),
        ("tile1/image_part_001.jpg", "tile2/image_part_001.jpg", False),
        ("P0001 x0 y256.png", "P0001 x256 y0.png", True),
        ("P0001 x0 y256.png", "P0002 x256 y0.png", False),
        ("airplane00.tif", "airplane01.tif", False),
        ("scene-0001.tif", "scene-0002.tif", False),
    ],
)
def test_names_of_tiles(one, other, same):
    assert (scene_name(one) == scene_name(other)) == same


@pytest.mark.parametrize("stem", ["tile_000", "tile_001", "0_3", "r1_c12"])
def test_a_folder_names_the_scene_of_bare_numbers_if_there_are_several(tmp_path, stem):
    names = (f"a/{stem}.png", "a/0_1.png", f"b/{stem}.png", "b/0_1.png")
    images = drawn_images(tmp_path, names)

    assert find_scenes(images) == dict(zip(names, (0, 0, 1, 1), strict=True))
    alone = {name: images[name] for name in names[:2]}  # the only folder is no scene
    assert len(set(find_scenes(alone).values())) == 2


def test_tiles_of_a_web_map_that_touch_are_one_scene(tmp_path):
    names = ("18/100/200.png", "18/101/200.png", "18/300/200.png", "17/50/100.png", "9/600/1.png")

    scenes = find_scenes(drawn_images(tmp_path, names))

    # 17/50/100 is the square above 18/100/200; 9/600 is outside of a map of 512 columns.
    assert list(scenes.values()) == [0, 0, 1, 0, 2]


def drawn_images(folder, names):
    """Pictures that differ, by name."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), np.full((8, 8, 3), 20 + number, np.uint8))
    return {name: folder / name for name in names}


def test_a_pattern_of_ones_own():
    assert scene_name("day7-park.png", "^(day[0-9]+)") == scene_name("day7-sea.png", "^(day[0-9]+)")
    assert scene_name("x.png", "^(day[0-9]+)") != scene_name("y.png", "^(day[0-9]+)")


def write_tif(path, west, north, crs="EPSG:32633", seed=0):
    pixels = np.random.default_rng(seed).integers(0, 255, (3, 20, 30), np.uint8)
    profile = {"driver": "GTiff", "height": 20, "width": 30, "count": 3, "dtype": "uint8"}
    transform = Affine(2, 0, west, 0, -2, north)
    with rasterio.open(path, "w", crs=crs, transform=transform, **profile) as file:
        file.write(pixels)


def test_overlapping_and_touching_ground_is_one_scene_and_a_chain_passes_it_on(tmp_path):
    # 60 m wide, 40 m high: b overlaps a, c touches b, d is 200 m away, e has no map.
    for seed, (name, west) in enumerate([("a", 0), ("b", 50), ("c", 110), ("d", 400)]):
        write_tif(tmp_path / f"{name}.tif", 500_000 + west, 5_000_000, seed=seed)
    write_image(tmp_path / "e.png", 9)
    images = {path.name: path for path in sorted(tmp_path.iterdir())}

    scenes = find_scenes(images)

    assert scenes == {"a.tif": 0, "b.tif": 0, "c.tif": 0, "d.tif": 1, "e.png": 2}


def test_the_same_ground_in_another_projection_is_the_same_scene(tmp_path):
    write_tif(tmp_path / "a.tif", 500_000, 5_000_000, seed=1)
    # 15 degrees east is the middle of zone 33; its northing 5,000,000 m lies at 45.1535 north.
    write_lonlat(tmp_path / "b.tif", 15.0001, 45.1534)
    images = {path.name: path for path in sorted(tmp_path.iterdir())}

    assert find_scenes(images) == {"a.tif": 0, "b.tif": 0}


def write_lonlat(path, west, north):
    pixels = np.full((3, 20, 30), 7, np.uint8)
    profile = {"driver": "GTiff", "height": 20, "width": 30, "count": 3, "dtype": "uint8"}
    transform = Affine(2e-5, 0, west, 0, -2e-5, north)
    with rasterio.open(path, "w", crs="EPSG:4326", transform=transform, **profile) as file:
        file.write(pixels)


def write_world(path, west, north, seed, *, step=2):
    """A picture of 60 m x 40 m with a world file: steps, and the middle of the first pixel."""
    write_image(path, seed)
    middle = (west + step / 2, north - step / 2)
    world = f"{step}\n0\n0\n{-step}\n{middle[0]}\n{middle[1]}\n"
    path.with_suffix(".pgw").write_text(world, encoding="ascii")


def test_world_files_without_a_coordinate_system_are_compared_with_each_other(tmp_path):
    # a and b share half of their ground, c touches b, d is a step further, e has no place.
    places = {"a": (0, 0), "b": (30, 0), "c": (90, -40), "d": (600, 0)}
    for seed, (name, (west, north)) in enumerate(places.items()):
        write_world(tmp_path / f"{name}.png", 500_000 + west, 5_000_000 + north, seed)
    write_image(tmp_path / "e.png", 8)
    write_image(tmp_path / "f.png", 9)
    images = {path.name: path for path in sorted(tmp_path.glob("*.png"))}

    assert find_scenes(images) == {
        **{"a.png": 0, "b.png": 0, "c.png": 0},
        **{"d.png": 1, "e.png": 2, "f.png": 3},
    }


def test_a_plane_without_a_name_is_not_that_of_longitude_and_latitude(tmp_path):
    # The same numbers: 15 degrees east and 45 north, and 15 m and 45 m of who knows what.
    write_lonlat(tmp_path / "a.tif", 15, 45)
    write_world(tmp_path / "b.png", 15, 45, 1, step=2e-5)
    write_world(tmp_path / "c.png", 15, 45, 2, step=2e-5)
    images = {path.name: path for path in sorted(tmp_path.iterdir()) if path.suffix != ".pgw"}

    assert find_scenes(images) == {"a.tif": 0, "b.png": 1, "c.png": 1}


def test_world_files_that_only_number_pixels_place_nothing(tmp_path):
    names = ("a.png", "b.png", "c.png")
    for seed, name in enumerate(names):
        write_world(tmp_path / name, 0, 0, seed, step=1)

    scenes = find_scenes({name: tmp_path / name for name in names})

    assert scenes == {"a.png": 0, "b.png": 1, "c.png": 2}


def test_no_ground_of_a_world_file_is_in_two_splits(tmp_path):
    names = ("alpha", "beta", "gamma", "delta", "eps", "zeta", "eta", "theta")
    source = manifest_of(tmp_path / "in", [row(name, f"{name}.png") for name in names])
    for number, name in enumerate(names):  # pairs that share half; 440 m from pair to pair
        west = 500 * (number // 2) + 30 * (number % 2)
        write_world(tmp_path / "in" / f"{name}.png", west, 0, number)

    run(source, tmp_path / "out", ExportOptions(split="scene", val=0.3, test=0.3))

    done = exported(tmp_path / "out")
    split_of = {item["id"]: split for split, own in done.items() for item in own}
    assert len(done) == 3
    assert all(
        split_of[one] == split_of[other] for one, other in zip(names[::2], names[1::2], strict=True)
    )


def test_equal_files_are_one_scene(tmp_path):
    write_image(tmp_path / "a.png", 1)
    write_image(tmp_path / "b.png", 1)
    write_image(tmp_path / "c.png", 2)

    assert find_scenes({n: tmp_path / n for n in ("a.png", "b.png", "c.png")}) == {
        "a.png": 0,
        "b.png": 0,
        "c.png": 1,
    }


# --- splits -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_no_scene_is_in_two_splits_and_the_shares_are_met(tmp_path, seed):
    rows = [
        row(f"{scene}-{tile}-{number}", f"city{scene}_r{tile}_c0.png")
        for scene in range(20)
        for tile in range(2)
        for number in range(1 + scene % 3)
    ]
    source = manifest_of(tmp_path / "in", rows)

    run(source, tmp_path / "out", ExportOptions(val=0.2, test=0.1, seed=seed))

    done = exported(tmp_path / "out")
    scenes = {split: {item["image"].split("_")[0] for item in own} for split, own in done.items()}
    assert not scenes["train"] & scenes["val"]
    assert not scenes["train"] & scenes["test"]
    assert not scenes["val"] & scenes["test"]
    assert {item["id"] for own in done.values() for item in own} == {item["id"] for item in rows}
    assert len(done["val"]) / len(rows) == pytest.approx(0.2, abs=0.06)
    assert len(done["test"]) / len(rows) == pytest.approx(0.1, abs=0.06)


def test_one_large_scene_is_all_training(tmp_path):
    rows = [row(f"q{tile}", f"city_r{tile}_c0.png") for tile in range(6)]

    summary = run(manifest_of(tmp_path / "in", rows), tmp_path / "out", ExportOptions(val=0.4))

    assert summary.splits == {"train": {"scenes": 1, "images": 6, "questions": 6, "masks": 6}}
    assert summary.how_split.endswith("No scene was small enough for val and test.")


def test_splits_are_carried_but_never_across_a_scene(tmp_path):
    names = {"a": "train", "b": "validation", "c": "gap"}
    rows = [row(name, f"{name}.png", split=split) for name, split in names.items()]
    crossing = [row("x", "x_0_0.png", split="train"), row("y", "x_0_1.png", split="test")]

    summary = run(manifest_of(tmp_path / "in", rows), tmp_path / "out", ExportOptions())

    assert {split: own[0]["id"] for split, own in exported(tmp_path / "out").items()} == {
        "train": "a",
        "val": "b",
    }
    assert [(item.id, item.fault) for item in summary.left_out] == [("c", False)]
    with pytest.raises(DataError, match="1 scenes are in more than one split"):
        run(manifest_of(tmp_path / "in2", crossing), tmp_path / "out2", ExportOptions())


# --- records ------------------------------------------------------------------------------


def test_facets_follow_from_the_text_and_the_masks(tmp_path):
    long = "Find " + "the very " * 6 + "thing."  # 14 words
    both = "The <p>a </p>[SEG] and the <p>b </p>[SEG]."
    rows = [
        row("one", "a.png", facets={"granularity": "part", "reasoning": "implicit", "length": "x"}),
        row("two", "a.png", instruction=long, answer=both, masks=[mask_of(0, 0, 1, 1)] * 2),
        row("none", "b.png", answer="There is none.", masks=[]),
    ]

    run(manifest_of(tmp_path / "in", rows), tmp_path / "out", ExportOptions(val=0, test=0))

    done = {item["id"]: item for item in exported(tmp_path / "out")["train"]}
    assert check_manifest(tmp_path / "out" / "train.jsonl").mistakes == []
    assert done["one"]["facets"] == {
        "granularity": "part",
        "multiplicity": "single",
        "reasoning": "implicit",
        "length": "short",
    }
    assert done["two"]["facets"]["length"] == "long"
    assert done["two"]["facets"]["multiplicity"] == "multiple"
    assert done["none"]["facets"]["multiplicity"] == "none"
    assert done["none"]["boxes_px"] == []
    assert done["two"]["boxes_px"] == [[0, 0, 1, 1]] * 2


def test_the_boxes_of_an_export_are_in_its_statistics(tmp_path):
    rows = [row("a", "a.png"), row("none", "b.png", answer="There is none.", masks=[])]

    run(manifest_of(tmp_path / "in", rows), tmp_path / "out", ExportOptions(val=0, test=0))

    counted = count_records(read_manifest(tmp_path / "out" / "train.jsonl"))
    assert (counted.records, counted.boxes) == (2, 1)
    assert counted.table_1()["annotation_type"] == ["TI", "TA", "Seg", "BBox"]


def test_what_cannot_be_published_is_listed_with_its_reason(tmp_path):
    rows = [
        row("fine", "a.png"),
        row("empty", "b.png", masks=[mask_of(0, 0, 0, 0)]),
        row("unknown", "c.png", facets={"granularity": "instance"}),
        row("free", "d.png", licence=None),
        row("gone", "e.png"),
        row("broken", "f.png"),
    ]
    source = manifest_of(tmp_path / "in", rows)
    (tmp_path / "in" / "e.png").unlink()
    (tmp_path / "in" / "f.png").write_bytes(b"no picture")

    summary = run(source, tmp_path / "out", ExportOptions())

    reasons = {item["id"]: item["reason"] for item in lines_of(tmp_path / "out" / "left_out.jsonl")}
    assert len(summary.faults()) == 5
    assert reasons["empty"] == "a mask has no pixel"
    assert reasons["unknown"].startswith('the facet "reasoning"')
    assert reasons["free"].startswith("there is no licence")
    assert {"gone", "broken"} <= reasons.keys()
    assert [item["id"] for own in exported(tmp_path / "out").values() for item in own] == ["fine"]


def said(record, who, *, wrong=(), at="2026-01-01T00:00:00Z", **corrections):
    """A reviewer's decision on a record, as the review writes it."""
    rubric = {name: name not in wrong for name in CRITERIA}
    state = fingerprint(record)
    return Decision(at=at, reviewer=who, id=record.id, record=state, rubric=rubric, **corrections)


def test_reviewers_have_the_say(tmp_path):
    names = ("yes", "no", "changed", "split", "open", "back", "old")
    source = manifest_of(tmp_path / "in", [row(name, f"{name}.png") for name in names])
    yes, no, changed, split, opened, back, old = read_manifest(source)
    with open_log(tmp_path / "review") as log:
        log.append(
            [
                said(yes, "ann"),
                said(no, "ann", wrong=("mask",), note="half of it"),
                said(changed, "ann", wrong=("object",)),
                said(changed, "ann"),
                said(split, "ann"),
                said(split, "bob", wrong=("grammar",)),
                said(back, "ann"),
                Undo(at="2026-01-01T00:00:01Z", reviewer="ann", id="back"),
                said(replace(old, instruction="What it was before."), "ann", wrong=("object",)),
            ]
        )
    with (tmp_path / "review" / "decisions.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"id": "open", "verd')  # cut off by a crash
    given = {"decisions": tmp_path / "review"}  # the folder will do

    summary = run(source, tmp_path / "out", ExportOptions(val=0, test=0), **given)
    keeping = ExportOptions(val=0, test=0, undecided="keep")
    run(source, tmp_path / "all", keeping, **given)

    assert {item["id"] for item in exported(tmp_path / "out")["train"]} == {"yes", "changed"}
    kept = {item["id"] for item in exported(tmp_path / "all")["train"]}
    assert kept == {"yes", "changed", opened.id, "back", "old"}
    assert (summary.stale, len(summary.faults())) == (1, 0)
    left = {item["id"]: item for item in lines_of(tmp_path / "out" / "left_out.jsonl")}
    assert left["no"]["said"] == ["ann: mask (half of it)"]
    assert left["split"]["reason"] == "the reviewers disagree"
    assert left["open"]["reason"] == left["old"]["reason"] == "not decided on by a reviewer"


def test_corrections_are_used_without_applying_them_by_hand(tmp_path):
    source = manifest_of(tmp_path / "in", [row("a", "a.png"), row("b", "b.png")])
    record, untouched = read_manifest(source)
    larger = mask_of(1, 2, 9, 12)
    question = "Where is the ship that lies at the quay in the upper left of this image today?"
    fixed = {"instruction": question, "answer": "See the <p>vessel </p>[SEG].", "masks": (larger,)}
    with open_log(tmp_path) as log:
        log.append([said(record, "ann", **fixed), said(untouched, "ann")])

    run(source, tmp_path / "out", ExportOptions(val=0, test=0), decisions=tmp_path)

    one, other = exported(tmp_path / "out")["train"]
    assert (one["instruction"], one["answer"]) == (question, "See the <p>vessel </p>[SEG].")
    assert one["masks"] == [larger]
    assert one["boxes_px"] == [[2, 1, 12, 9]]
    assert one["facets"]["length"] == "long"  # 16 words
    assert one["review"] == {
        "accepted_by": ["ann"],
        "changed": ["instruction", "answer", "masks"],
    }
    assert other["review"]["changed"] == []
    assert check_manifest(tmp_path / "out" / "train.jsonl").mistakes == []


def test_a_correction_that_does_not_fit_is_a_fault_and_the_rest_is_written(tmp_path):
    source = manifest_of(tmp_path / "in", [row("a", "a.png"), row("b", "b.png")])
    bad, good = read_manifest(source)
    two = (mask_of(1, 2, 9, 12), mask_of(1, 2, 9, 12))  # for one target: written by hand
    with open_log(tmp_path) as log:
        log.append([said(bad, "ann", masks=two), said(good, "ann")])

    summary = run(source, tmp_path / "out", ExportOptions(val=0, test=0), decisions=tmp_path)

    assert [item.id for item in summary.faults()] == ["a"]
    assert [item["id"] for item in exported(tmp_path / "out")["train"]] == ["b"]


def test_a_damaged_line_of_the_decisions_is_told(tmp_path):
    source = manifest_of(tmp_path / "in", [row("a", "a.png")])
    path = tmp_path / "decisions.jsonl"
    path.write_text('{"id": "a"}\n', encoding="utf-8")

    with pytest.raises(DataError, match=r'"at" should be text'):
        run(source, tmp_path / "out", ExportOptions(), decisions=path)
    with pytest.raises(DataError, match="there are no decisions"):
        run(source, tmp_path / "out", ExportOptions(), decisions=tmp_path / "in")


# --- the folder ---------------------------------------------------------------------------


def test_an_export_is_not_replaced_unasked_and_leaves_nothing_of_the_earlier_one(tmp_path):
    source = manifest_of(tmp_path / "in", [row("a", "a.png"), row("ü", "häfen/ü.png")])
    out = tmp_path / "out"
    run(source, out, ExportOptions(val=0, test=0, parquet=True))
    smaller = manifest_of(tmp_path / "in", [row("a", "a.png", split="val")])

    with pytest.raises(UsageError, match="already holds results"):
        run(smaller, out, ExportOptions())
    run(smaller, out, ExportOptions(), overwrite=True)

    left = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert left - {".lock"} == {
        *("README.md", "export.json", "left_out.jsonl", "val.jsonl", "images/a.png")
    }


def test_a_dropped_image_leaves_a_shared_world_file_to_the_one_that_stays(tmp_path):
    stays = row("b", "a.jpg")
    source = manifest_of(tmp_path / "in", [row("a", "a.png"), stays])
    (tmp_path / "in" / "a.wld").write_text("2\n0\n0\n-2\n7\n8\n", encoding="ascii")
    (tmp_path / "in" / "a.pgw").write_text("2\n0\n0\n-2\n7\n8\n", encoding="ascii")
    out = tmp_path / "out"
    run(source, out, ExportOptions(val=0, test=0))
    first = {path.name for path in (out / "images").iterdir()}

    run(manifest_of(tmp_path / "in", [stays], images=False), out, ExportOptions(), overwrite=True)

    assert first == {"a.png", "a.jpg", "a.wld", "a.pgw"}
    assert {path.name for path in (out / "images").iterdir()} == {"a.jpg", "a.wld"}


def test_nothing_left_is_an_error_that_changes_nothing(tmp_path):
    source = manifest_of(tmp_path / "in", [row("a", "a.png", licence=None)])

    with pytest.raises(DataError, match="1 times: there is no licence"):
        run(source, tmp_path / "out", ExportOptions())

    assert not (tmp_path / "out").exists()


def test_shares_that_leave_nothing_are_refused():
    with pytest.raises(RecipeError, match="take everything"):
        ExportOptions(val=0.5, test=0.5)


def test_the_card_tells_numbers_and_every_licence(tmp_path):
    rows = [
        row("a", "a.png", source="Town | survey", written_by={"provider": "templates"}),
        row("b", "b.png", licence="other terms", source="Coast"),
        row("c", "b.png", licence="other terms", source="Coast", masks=[mask_of(0, 0, 0, 0)]),
    ]

    run(manifest_of(tmp_path / "in", rows), tmp_path / "out", ExportOptions(val=0, test=0))

    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["license"] == "other"
    assert head["configs"][0]["data_files"] == [{"split": "train", "path": "train.jsonl"}]
    assert "| train | 2 | 2 | 2 | 2 |" in card
    assert "| CC-BY-4.0 | Town \\| survey | 1 |" in card
    assert "| other terms | Coast | 1 |" in card
    assert "| templates | none | 1 |" in card
    assert "| a mask has no pixel | 1 |" in card
    assert "ship (2)" in card


def test_parquet_holds_what_the_manifest_says_and_the_images_themselves(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = tmp_path / "in"
    source = manifest_of(
        folder, [row("a", "a.png"), row("b", "b.tif"), row("c", "a.png")], images=False
    )
    write_image(folder / "a.png")
    write_tif(folder / "b.tif", 500_000, 5_000_000)

    run(source, tmp_path / "out", ExportOptions(val=0, test=0, parquet=True))

    (file,) = (tmp_path / "out" / "parquet").iterdir()
    assert file.name == "train-00000-of-00001.parquet"
    rows = {item["id"]: item for item in parquet.read_table(file).to_pylist()}
    listed = read_manifest(tmp_path / "out" / "train.jsonl")
    assert all(rows[r.id]["review"] is None for r in listed)
    assert {
        r.id: None if rows[r.id]["written_by"] is None else json.loads(rows[r.id]["written_by"])
        for r in listed
    } == {r.id: r.extra.get("written_by") for r in listed}
    written = {item["id"]: item for item in exported(tmp_path / "out")["train"]}
    assert rows.keys() == written.keys() == {"a", "b", "c"}
    assert rows["a"]["image"]["bytes"] == (folder / "a.png").read_bytes()
    with rasterio.open(folder / "b.tif") as scene:
        pixels = cv2.imdecode(np.frombuffer(rows["b"]["image"]["bytes"], np.uint8), 1)[..., ::-1]
        assert (pixels == scene.read().transpose(1, 2, 0)).all()
    for name, item in rows.items():
        assert item["masks"] == written[name]["masks"]
        assert item["boxes_px"] == written[name]["boxes_px"]
        assert item["facet_length"] == written[name]["facets"]["length"]


def test_two_images_do_not_become_one(tmp_path):
    rows = [row("a", "a.png"), row("b", "images/a.png")]

    with pytest.raises(
        DataError, match=r"a\.png and images/a\.png would both become images/a\.png"
    ):
        run(manifest_of(tmp_path / "in", rows), tmp_path / "out", ExportOptions())
