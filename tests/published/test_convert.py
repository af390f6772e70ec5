"""Each published layout becomes manifests that pass the check; what does not fit is reported."""

from __future__ import annotations

import json
import os
import pickle

import cv2
import numpy as np
import pytest
from conversion import converted, kinds
from makers import (
    DOCK,
    NOTHING,
    SHIP,
    lasers_record,
    make_earthreason,
    make_lasers,
    make_phrases,
    make_rrsis_d,
    make_samrs,
    rectangle,
    rle,
    save_image,
    save_json,
    save_mask,
)

from segearth.data.rle import decode_mask
from segearth.errors import DataError, UsageError
from segearth.published.catalogue import BENCHMARKS
from segearth.published.convert import convert
from segearth.published.readers import Choices, find_splits


@pytest.fixture
def rrsis_d(tmp_path):
    return make_rrsis_d(
        tmp_path / "RRSIS-D",
        [
            ("train", "00001.jpg", SHIP, ["The tank  on the left", "A round tank"]),
            ("val", "00002.jpg", DOCK, ["The upper tank"]),
            ("test", "00003.jpg", rectangle(0, 0, 2, 2, height=8, width=9), ["A tank"]),
            ("test", "00004.jpg", NOTHING, ["A tank"]),
            ("test", "00005.jpg", DOCK, ["A tank"]),
            ("test", "00005.jpg", DOCK, ["A tank"]),
            ("test", "00005.jpg", SHIP, ["A tank"]),
        ],
    )


def test_rrsis_d(rrsis_d, tmp_path):
    _report, records = converted("rrsis-d", rrsis_d, tmp_path / "out")

    (train,) = records["train"]
    assert train.instruction == "The tank on the left"
    assert train.answer == "It is <p>storage tank </p>[SEG]."
    assert (decode_mask(train.masks[0]) == SHIP).all()
    assert train.facets == {
        "granularity": "instance",
        "multiplicity": "single",
        "reasoning": "explicit",
        "length": "short",
    }
    assert train.extra == {
        "answer_by": "template",
        "category": "storage tank",
        "boxes": [[1, 1, 4, 3]],
    }
    assert (train.split, train.source) == ("train", "RRSIS-D")
    assert train.image == (tmp_path / "out" / "images" / "00001.jpg").resolve()


def test_what_is_wrong_with_rrsis_d_is_counted_and_left_out(rrsis_d, tmp_path):
    (rrsis_d / "images" / "rrsisd" / "JPEGImages" / "00002.jpg").unlink()

    report, _records = converted("rrsis-d", rrsis_d, tmp_path / "out")

    assert kinds(report.left_out) == {
        "image missing": 1,
        "mask size": 1,
        "mask empty": 1,
        "duplicate record": 1,
    }
    assert kinds(report.noted) == {
        "ambiguous expression": 1,
        "split count": 3,
        "stated size": 1,
    }
    assert report.left_out["mask size"].examples == [
        {
            "split": "test",
            "id": "2-0",
            "message": '"masks"[0] is 8 x 9 (height x width), the image is 8 x 10',
        }
    ]
    test = report.splits["test"]
    assert (test.found, test.records, test.left_out, test.images) == (5, 2, 3, 1)
    # Images of which no record came out are not left behind.
    assert sorted(path.name for path in (tmp_path / "out" / "images").iterdir()) == [
        "00001.jpg",
        "00005.jpg",
    ]


def test_all_sentences_of_rrsis_d(rrsis_d, tmp_path):
    _, records = converted("rrsis-d", rrsis_d, tmp_path / "out", questions="all")

    assert [record.instruction for record in records["train"]] == [
        "The tank on the left",
        "A round tank",
    ]


def test_a_pickle_that_calls_something_is_refused(rrsis_d, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Call:
        def __reduce__(self):
            return os.system, ("touch ran",)

    (rrsis_d / "rrsisd" / "refs(unc).p").write_bytes(pickle.dumps([Call()]))

    with pytest.raises(DataError, match=r"is refused: it names .*system"):
        find_splits("rrsis-d", rrsis_d, Choices())
    assert not (tmp_path / "ran").exists()


def test_a_name_that_leads_outside_is_left_out(tmp_path):
    root = make_rrsis_d(tmp_path / "src", [("train", "1.jpg", SHIP, ["A tank"])])
    refs = pickle.loads((root / "rrsisd" / "refs(unc).p").read_bytes())
    save_image(root / "outside.jpg")
    refs = [{**refs[0], "ref_id": 7, "file_name": "../../../outside.jpg"}, *refs]
    (root / "rrsisd" / "refs(unc).p").write_bytes(pickle.dumps(refs))

    report, records = converted("rrsis-d", root, tmp_path / "out")

    assert kinds(report.left_out) == {"entry unusable": 1}
    assert [record.id for record in records["train"]] == ["0-0"]


def test_refsegrs(tmp_path):
    two = SHIP | DOCK
    root = make_phrases(
        tmp_path / "RefSegRS",
        {
            "train": ["1 vehicle on the road", "1 bus", "2 vehicle", "oddline", "9 lost van"],
            "val": ["3 größeres Gebäude"],
        },
        {"1": SHIP, "2": two, "3": DOCK},
    )

    report, records = converted("refsegrs", tmp_path, tmp_path.parent / f"{tmp_path.name}-out")

    assert [record.id for record in records["train"]] == ["1-1", "1-2", "2-3"]
    assert records["train"][0].answer == "It is <p>vehicle on the road </p>[SEG]."
    assert [record.facets["granularity"] for record in records["train"]] == [
        "instance",
        "instance",
        "semantic",
    ]
    assert records["val"][0].instruction == "größeres Gebäude"
    assert kinds(report.left_out) == {"no phrase": 1, "mask missing or unreadable": 1}
    assert report.splits["train"].found == 5
    assert root.is_dir()


def test_risbench_names_files_in_its_lists(tmp_path):
    make_phrases(
        tmp_path / "src",
        {"val": ["train_0_0.png the ship on the left of the image", "../x.png a ship"]},
        {"train_0_0": SHIP},
        folders=("img_rgb", "mask"),
        suffix=".png",
    )

    report, records = converted("risbench", tmp_path / "src", tmp_path / "out")

    (record,) = records["val"]
    assert (record.id, record.image.name) == ("train_0_0-1", "train_0_0.png")
    assert (decode_mask(record.masks[0]) == SHIP).all()
    assert kinds(report.left_out) == {"name leads outside": 1}
    noted = [example["message"] for example in report.noted["split count"].examples]
    assert noted[1] == "2 expressions found, 10,013 published"


QUESTIONS = ["Where could ships be moored?", "Which place is for ships?"]


def test_earthreason(tmp_path):
    make_earthreason(
        tmp_path / "src" / "rs_reason_seg" / "RSReasonSeg",
        [
            ("train", "pier_1", DOCK, QUESTIONS, ["The pier."]),
            ("train", "none_1", NOTHING, QUESTIONS, []),
            ("train", "odd_1", NOTHING, QUESTIONS, ["The pier is long."]),
            ("test", "pier_2", SHIP, QUESTIONS, []),
        ],
    )
    (tmp_path / "src/rs_reason_seg/RSReasonSeg/train/images/lonely.jpg").write_bytes(b"")

    report, records = converted("earthreason", tmp_path / "src", tmp_path / "out")

    absent, pier = records["train"]
    assert (pier.instruction, pier.answer) == (
        QUESTIONS[0],
        "It is the <p>target </p>[SEG]. The pier.",
    )
    assert (absent.answer, absent.masks) == ("There is no target object in the image.", ())
    assert absent.facets["multiplicity"] == "none"
    assert pier.facets["reasoning"] == "implicit"
    assert kinds(report.left_out) == {"file missing": 1, "empty label": 1}
    assert report.splits["train"].absent == 1
    assert report.splits["train"].found == 4
    assert records["test"][0].image.parent.name == "test"


def test_all_questions_of_earthreason(tmp_path):
    make_earthreason(tmp_path / "src", [("val", "a", DOCK, [*QUESTIONS, QUESTIONS[0]], ["So."])])

    report, records = converted("earthreason", tmp_path / "src", tmp_path / "out", questions="all")

    assert [record.instruction for record in records["val"]] == QUESTIONS
    assert kinds(report.left_out) == {"duplicate record": 1}


def test_lasers(tmp_path):
    ask = "Segment the ship and the dock."
    both = lasers_record(1, ask, "The <p>ship </p>[SEG] lies at the <p>dock </p>[SEG].", SHIP, DOCK)
    hidden = lasers_record(
        2, "Where does it end?", "At the <p>wing </p>[SEG].", SHIP, image="1.png"
    )
    make_lasers(
        tmp_path / "src",
        {
            "train/train_data": [both, lasers_record(3, ask, "No ship.", image="é.png")],
            "test/test_multi_cate": [both, hidden],
            "test/test_implicit": [hidden, lasers_record(4, "Show it.", "Here: [SEG].", DOCK)],
        },
    )

    report, records = converted("lasers", tmp_path / "src", tmp_path / "out")

    assert list(records) == ["train", "test", "test_implicit", "test_multi_cate"]
    train = records["train"]
    assert [len(record.masks) for record in train] == [2, 0]
    assert train[0].facets == {
        "granularity": "instance",
        "multiplicity": "multiple",
        "reasoning": "explicit",
        "length": "short",
    }
    assert [record.facets["multiplicity"] for record in train] == ["multiple", "none"]
    # A record of two subsets is in test.jsonl once, and in the manifest of each.
    assert len(records["test"]) == 3
    assert report.splits["test"].found == 4
    assert [len(records[f"test_{name}"]) for name in ("implicit", "multi_cate")] == [2, 2]
    part = records["test_multi_cate"][1]
    assert (part.facets["granularity"], part.facets["reasoning"]) == ("part", "implicit")
    unmarked = records["test_implicit"][1]
    assert unmarked.answer == "Here: <p>target </p>[SEG]."
    assert unmarked.facets["reasoning"] == "implicit"
    assert unmarked.extra == {"subset": "test_implicit", "image_source": "FAST"}
    assert report.noted["target without phrase"].count == 2


def test_lasers_without_masks_says_so(tmp_path):
    record = lasers_record(1, "Find it.", "The <p>ship </p>[SEG].")
    del record["mask"]
    fewer = lasers_record(2, "Find both.", "A <p>ship </p>[SEG], a <p>dock </p>[SEG].", SHIP)
    make_lasers(tmp_path / "src", {"test/a": [record, fewer]})

    with pytest.raises(DataError, match=r"no record came out of .*no masks: 1, mask count: 1"):
        converted("lasers", tmp_path / "src", tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["left_out"]["mask count"]["count"] == 1


def test_samrs_instances_and_their_boxes(tmp_path):
    make_samrs(
        tmp_path / "src",
        {
            "P1": [
                ("small-vehicle", SHIP, [1, 1, 4, 3.5]),
                ("small-vehicle", DOCK, [5, 2, 9, 7]),
                ("golffield", DOCK, [5, 4, 7, 2, 9, 5, 7, 7]),  # corners of a turned box
                ("ship", DOCK, [5, 2, 9]),
            ],
            "P2": [],
        },
    )

    report, records = converted("samrs", tmp_path / "src", tmp_path / "out")

    golf, ship, cars = records["train"]
    assert (cars.instruction, cars.answer) == (
        "Segment every small vehicle.",
        "It is <p>small vehicle </p>[SEG].",
    )
    assert (decode_mask(cars.masks[0]) == (SHIP | DOCK)).all()
    assert cars.extra["boxes"] == [[1, 1, 4, 3.5], [5, 2, 9, 7]]
    assert (golf.extra["category"], golf.extra["boxes"]) == ("golf field", [[5, 2, 9, 7]])
    assert "boxes" not in ship.extra
    assert kinds(report.noted) == {"image without objects": 1, "box unusable": 1}


def test_samrs_classes_without_instances_need_the_subset_s_name(tmp_path):
    root = tmp_path / "src"
    save_image(root / "JPEGImages-test" / "7.png")
    levels = np.full((8, 10), 255, np.uint8)
    levels[SHIP] = 13
    save_mask(root / "hbox_segs_init" / "gray" / "7.png", levels, value=1)

    with pytest.raises(UsageError, match="gray does not name its classes"):
        find_splits("samrs", root, Choices())
    _, records = converted("samrs", root, tmp_path / "out", subset="sior")

    (record,) = records["all"]
    assert record.instruction == "Segment every ship."
    assert (decode_mask(record.masks[0]) == SHIP).all()


def test_coco_polygons_and_run_lengths(tmp_path):
    root = tmp_path / "src"
    save_image(root / "images" / "a.png")
    save_image(root / "images" / "b.png")
    columns = [int(run) for run in (9, 2, 69)]  # (1, 1) and (2, 1), down the first columns
    save_json(
        root / "annotations" / "instances_val2017.json",
        {
            "images": [
                {"id": 1, "file_name": "a.png", "height": 8, "width": 10},
                {"id": 2, "file_name": "b.png", "height": 8, "width": 10},
                {"id": 3, "file_name": "../../b.png", "height": 8, "width": 10},
            ],
            "categories": [{"id": 5, "name": "ship"}, {"id": 6, "name": "dock"}],
            "annotations": [
                {
                    "id": 1, "image_id": 1, "category_id": 5, "bbox": [1, 1, 3, 2],
                    "segmentation": [[1, 1, 4, 1, 4, 3, 1, 3]],
                },
                {
                    "id": 2, "image_id": 1, "category_id": 5, "iscrowd": 1,
                    "segmentation": {"size": [8, 10], "counts": columns},
                },
                {"id": 3, "image_id": 1, "category_id": 6, "segmentation": rle(DOCK)},
                {"id": 4, "image_id": 2, "category_id": 6, "segmentation": [[1, 1, 1e9, 1, 4, 3]]},
                {"id": 5, "image_id": 9, "category_id": 6, "segmentation": rle(DOCK)},
            ],
        },
    )  # fmt: skip

    report, records = converted("coco", root, tmp_path / "out")

    dock, ship = records["val2017"]
    expected = SHIP.copy()
    expected[1:3, 1] = True
    assert (decode_mask(ship.masks[0]) == expected).all()
    assert (decode_mask(dock.masks[0]) == DOCK).all()
    assert (dock.facets["granularity"], ship.facets["granularity"]) == ("instance", "semantic")
    assert ship.extra["boxes"] == [[1, 1, 4, 3]]
    assert kinds(report.left_out) == {
        "annotation without image": 1,
        "annotation unusable": 1,
        "name leads outside": 1,
    }
    assert kinds(report.noted) == {"crowd": 1}


def test_coco_images_of_two_splits_may_have_the_same_name(tmp_path):
    root = tmp_path / "src"
    for split in ("train", "val"):
        save_image(root / "images" / split / "1.png")
        save_json(
            root / "annotations" / f"instances_{split}.json",
            {
                "images": [{"id": 1, "file_name": "1.png", "height": 8, "width": 10}],
                "categories": [{"id": 1, "name": "ship"}],
                "annotations": [
                    {"id": 1, "image_id": 1, "category_id": 1, "segmentation": rle(SHIP)}
                ],
            },
        )

    _, records = converted("coco", root, tmp_path / "out")

    for split in ("train", "val"):
        assert records[split][0].image.samefile(root / "images" / split / "1.png")


def one_coco_image(root, **odd):
    """A ship on 1.png; `odd` replaces keys of "image", "category" and "annotation"."""
    save_image(root / "images" / "1.png")
    image = {"id": 1, "file_name": "1.png", "height": 8, "width": 10}
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": rle(SHIP)}
    rows = {
        "images": [image, image | {"id": 2} | odd.get("image", {})],
        "categories": [{"id": 1, "name": "ship"} | odd.get("category", {})],
        "annotations": [
            annotation,
            annotation | {"id": 2, "image_id": 2} | odd.get("annotation", {}),
        ],
    }
    save_json(root / "annotations" / "instances_val.json", rows)
    return root


@pytest.mark.parametrize(
    ("odd", "kind"),
    [
        pytest.param({"annotation": {"category_id": [1]}}, "annotation unusable", id="list-as-id"),
        pytest.param({"image": {"file_name": "a" * 5000}}, "name leads outside", id="long-name"),
        pytest.param({"image": {"file_name": "../1.png"}}, "name leads outside", id="other-folder"),
        pytest.param({"image": {"height": None}}, "annotation unusable", id="no-height"),
    ],
)
def test_an_odd_entry_of_a_coco_file_costs_the_others_nothing(tmp_path, odd, kind):
    root = one_coco_image(tmp_path / "src", **odd)
    (tmp_path / "src" / "1.png").write_bytes(b"")

    report, records = converted("coco", root, tmp_path / "out")

    assert [record.id for record in records["val"]] == ["1-ship"]
    assert kinds(report.left_out) == {kind: 1}


def test_a_box_that_is_no_number_does_not_get_into_a_manifest(tmp_path):
    root = one_coco_image(tmp_path / "src", annotation={"bbox": [float("nan"), 1, 2, 3]})

    converted("coco", root, tmp_path / "out")

    assert "NaN" not in (tmp_path / "out" / "val.jsonl").read_text(encoding="utf-8")


def test_links_leave_the_permissions_of_the_source_alone(rrsis_d, tmp_path):
    original = rrsis_d / "images" / "rrsisd" / "JPEGImages" / "00001.jpg"
    original.chmod(0o440)

    converted("rrsis-d", rrsis_d, tmp_path / "out")
    converted("rrsis-d", rrsis_d, tmp_path / "out", overwrite=True)

    assert original.stat().st_mode & 0o777 == 0o440
    assert list((tmp_path / "out" / "images").glob(".*")) == []


def test_images_are_hard_links_to_the_source(rrsis_d, tmp_path):
    report, records = converted("rrsis-d", rrsis_d, tmp_path / "out")

    original = rrsis_d / "images" / "rrsisd" / "JPEGImages" / "00001.jpg"
    assert records["train"][0].image.samefile(original)
    assert report.images == {"linked": 3, "copied": 0}


def test_images_are_copies_where_links_are_impossible(rrsis_d, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError

    monkeypatch.setattr(os, "link", refuse)

    report, records = converted("rrsis-d", rrsis_d, tmp_path / "out")

    assert report.images == {"linked": 0, "copied": 3}
    assert records["train"][0].image.stat().st_nlink == 1


def test_a_damaged_image_is_left_out_with_its_reason(rrsis_d, tmp_path):
    image = rrsis_d / "images" / "rrsisd" / "JPEGImages" / "00001.jpg"
    image.write_bytes(image.read_bytes()[:40])

    report, records = converted("rrsis-d", rrsis_d, tmp_path / "out")

    assert records["train"] == []
    assert report.left_out["image unreadable"].count == 1


def test_a_dropped_image_takes_what_lay_beside_it_but_no_shared_world_file(tmp_path):
    entries = [("train", "a.jpg", SHIP, ["A"]), ("train", "b.jpg", NOTHING, ["B"])]
    entries += [("train", "c.jpg", SHIP, ["C"]), ("train", "c.png", NOTHING, ["D"])]
    root = make_rrsis_d(tmp_path / "RRSIS-D", entries)
    images = root / "images" / "rrsisd" / "JPEGImages"
    for name in ("a.wld", "b.wld", "c.wld"):
        (images / name).write_text("1\n0\n0\n-1\n0\n0\n")

    converted("rrsis-d", root, tmp_path / "out")

    brought = sorted(path.name for path in (tmp_path / "out" / "images").rglob("*.*"))
    assert brought == ["a.jpg", "a.wld", "c.jpg", "c.wld"]


def test_an_earlier_conversion_is_kept_unless_told_otherwise(rrsis_d, tmp_path):
    out = tmp_path / "out"
    converted("rrsis-d", rrsis_d, out)
    (out / "mine.jsonl").write_text("{}")
    make_earthreason(tmp_path / "er", [("train", "a", DOCK, QUESTIONS, ["So."])])

    with pytest.raises(UsageError, match="already holds results"):
        converted("earthreason", tmp_path / "er", out)
    converted("earthreason", tmp_path / "er", out, overwrite=True)

    # The manifests of the other benchmark are gone, other files are not.
    assert sorted(path.name for path in out.glob("*.jsonl")) == [
        "left_out.jsonl",
        "mine.jsonl",
        "train.jsonl",
    ]


def test_a_damaged_source_costs_no_earlier_manifest(rrsis_d, tmp_path):
    converted("rrsis-d", rrsis_d, tmp_path / "out")
    before = (tmp_path / "out" / "train.jsonl").read_bytes()
    make_lasers(tmp_path / "src", {"train/train_data": []})
    (tmp_path / "src" / "train" / "images").mkdir()
    (tmp_path / "src" / "train" / "annotations" / "train_data.json").write_text("[{]")

    with pytest.raises(DataError, match="is no JSON"):
        converted("lasers", tmp_path / "src", tmp_path / "out", overwrite=True)

    assert (tmp_path / "out" / "train.jsonl").read_bytes() == before
    assert (tmp_path / "out" / "val.jsonl").exists()


def test_a_source_that_turns_out_damaged_leaves_no_manifests_of_two_benchmarks(rrsis_d, tmp_path):
    out = tmp_path / "out"
    make_lasers(tmp_path / "src", {"test/test_a": []})
    (tmp_path / "src" / "test" / "images").mkdir()
    index = tmp_path / "src" / "test" / "annotations" / "test_a.json"
    good = index.read_text()
    index.write_text("[{]")
    converted("rrsis-d", rrsis_d, out)
    with pytest.raises(DataError, match="is no JSON"):
        converted("lasers", tmp_path / "src", out, overwrite=True)
    index.write_text(good)
    make_earthreason(tmp_path / "er", [("train", "a", DOCK, QUESTIONS, ["So."])])

    converted("earthreason", tmp_path / "er", out)

    assert sorted(path.name for path in out.iterdir()) == [
        "images",
        "left_out.jsonl",
        "report.json",
        "train.jsonl",
    ]


def test_an_image_of_two_splits_stays_if_one_of_them_uses_it(tmp_path):
    good = lasers_record(1, "Find it.", "The <p>ship </p>[SEG].", SHIP)
    bad = lasers_record(2, "Find it.", "The <p>ship </p>[SEG].", NOTHING)
    make_lasers(tmp_path / "src", {"test/test_a": [good], "test/test_b": [bad]})

    _, records = converted("lasers", tmp_path / "src", tmp_path / "out")

    assert [len(found) for found in records.values()] == [1, 1, 0]  # test, a, b
    assert records["test"][0].image.is_file()


def test_an_interrupted_conversion_can_be_run_again(rrsis_d, tmp_path):
    def interrupt(examples, split):
        yield next(iter(examples))
        raise KeyboardInterrupt

    splits = find_splits("rrsis-d", rrsis_d, Choices())
    with pytest.raises(KeyboardInterrupt):
        convert(BENCHMARKS["rrsis-d"], rrsis_d, splits, tmp_path / "out", track=interrupt)
    assert list((tmp_path / "out").glob("*.json*")) == []

    _, records = converted("rrsis-d", rrsis_d, tmp_path / "out")

    assert len(records["train"]) == 1


@pytest.mark.parametrize("name", ["lasers", "rrsis-d", "refsegrs", "risbench", "earthreason"])
def test_a_folder_that_holds_something_else_says_what_it_should_hold(name, tmp_path):
    (tmp_path / "src").mkdir()

    with pytest.raises(DataError, match="does not hold") as caught:
        find_splits(name, tmp_path / "src", Choices())

    assert BENCHMARKS[name].layout in caught.value.hint


def test_out_may_not_lie_in_the_source(rrsis_d, tmp_path):
    for out in (rrsis_d / "out", tmp_path):
        with pytest.raises(UsageError, match="lie in each other"):
            converted("rrsis-d", rrsis_d, out)


def test_a_choice_that_does_not_concern_the_benchmark_is_refused(rrsis_d):
    with pytest.raises(UsageError, match="rrsis-d has no choice of text"):
        find_splits("rrsis-d", rrsis_d, Choices(text="name"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no JSON"),
        (b"[1]", "is no JSON object"),
        (b"\xff\xfe", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b'{"annotations": 3}', '"annotations" is no list'),
    ],
)
def test_a_damaged_index_is_one_line(rrsis_d, content, message):
    (rrsis_d / "rrsisd" / "instances.json").write_bytes(content)

    with pytest.raises(DataError, match=message):
        find_splits("rrsis-d", rrsis_d, Choices())


def test_masks_of_16_bits_are_refused(tmp_path):
    root = make_phrases(tmp_path / "src", {"train": ["1 a ship"]}, {"1": SHIP})
    cv2.imwrite(str(root / "masks" / "1.tif"), SHIP.astype(np.uint16))

    with pytest.raises(DataError, match="no record came out"):
        converted("refsegrs", root, tmp_path / "out")
