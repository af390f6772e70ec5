"""Figures of a small manifest, worked out by hand; pictures that show them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segearth.data.charts import MAX_BARS, WIDTH_PX, draw_bars, fit, text_width
from segearth.data.manifest import Record
from segearth.data.rle import encode_mask
from segearth.data.statistics import SIZE_EDGES, count_records
from segearth.data.word_cloud import draw_cloud


def mask(pixels):
    """Of 10 x 10 pixels, so that one is 1 %."""
    flat = np.arange(100) < pixels
    return encode_mask(flat.reshape(10, 10))


def record(instruction, answer, *pixels, image="a.png", extra=None, **facets):
    return Record(
        id=instruction,
        image=Path(image),
        instruction=instruction,
        answer=answer,
        masks=tuple(mask(count) for count in pixels),
        facets={"granularity": "instance", "length": "short", **facets},
        extra=extra or {},
        split="train",
    )


RECORDS = [
    record("Find the ships.", "The <p>ships </p>[SEG].", 5, multiplicity="single"),
    record(
        "Find the ship and the wing of the tugboat.",
        "A <p>ship </p>[SEG] and a <p>wing </p>[SEG].",
        1,
        90,
        granularity="part",
        multiplicity="multiple",
    ),
    record("Is there a dam?", "There is none.", image="b.png", multiplicity="none"),
    record(
        "ship",
        "It is <p>ship </p>[SEG].",
        10,
        extra={"answer_by": "template", "category": "tugboat", "boxes": [[0, 0, 1, 1]]},
        multiplicity="single",
    ),
]


def test_counts_by_hand():
    counted = count_records(RECORDS)

    assert (counted.records, counted.images, counted.masks, counted.absent) == (4, 2, 4, 1)
    # A plural phrase is the same class; a stated category wins over the phrase.
    assert counted.categories == {"ship": 2, "wing": 1, "tugboat": 1}
    assert counted.words == {"ships": 1, "ship": 2, "wing": 1, "tugboat": 1, "dam": 1}
    assert counted.lengths == {3: 1, 9: 1, 4: 1, 1: 1}
    assert counted.sizes == [0.05, 0.01, 0.9, 0.1]


def test_columns_of_table_1():
    assert count_records(RECORDS).table_1() == {
        "masks": 4,
        "classes": 3,
        "annotation_type": ["TI", "TA", "Seg", "BBox"],
        "granularity_segmentation": True,
        "granularity_concept": True,
        "target_single": True,
        "target_multiple": True,
        "reasoning_explicit": False,
        "reasoning_implicit": False,
        "length_long": False,
        "length_short": True,
    }
    first = count_records(RECORDS[:1]).table_1()
    assert first["annotation_type"] == ["TI", "TA", "Seg"]
    assert not first["granularity_segmentation"]
    assert not first["granularity_concept"]


@pytest.mark.parametrize(
    ("extra", "boxes"),
    [
        ({"boxes_px": [[0, 0, 5, 1]]}, 1),  # as an export writes them
        ({"boxes": [[0, 0, 5, 1]]}, 1),
        ({"boxes_px": [[0, 0, 5, 1]], "boxes": [[0, 0, 5, 1]]}, 1),
        ({"boxes_px": []}, 0),  # of a record without targets
        ({}, 0),
    ],
)
def test_boxes_under_either_name_are_counted_once_a_record(extra, boxes):
    counted = count_records([record("Find it.", "The <p>ship </p>[SEG].", 5, extra=extra)])

    assert counted.boxes == boxes
    assert ("BBox" in counted.table_1()["annotation_type"]) == bool(boxes)


def test_bars():
    counted = count_records(RECORDS)

    assert counted.length_bars() == {"1-5": 3, "6-10": 1}
    bars = counted.size_bars()
    assert bars["1.0%-3.0%"] == 1  # 0.01 lies on an edge and goes up
    assert bars["3.0%-10.0%"] == 1
    assert bars["10.0%-30.0%"] == 1
    assert bars["30.0%-100.0%"] == 1
    assert sum(bars.values()) == 4


def test_nothing_gives_no_figures_instead_of_an_error():
    shown = count_records([]).to_json()

    assert shown["instruction_words"] == {
        "min": None,
        "median": None,
        "mean": None,
        "max": None,
        "bars": {},
    }
    assert shown["table_1"]["annotation_type"] == []


@pytest.mark.parametrize("seed", range(3))
def test_every_mask_is_in_one_bar_and_every_record_in_one(seed):
    rng = np.random.default_rng(seed)
    records = [
        record(" ".join(["word"] * rng.integers(1, 90)), "<p>it </p>[SEG]", rng.integers(1, 101))
        for _ in range(30)
    ]

    counted = count_records(records)

    assert sum(counted.size_bars().values()) == 30 == sum(counted.length_bars().values())
    assert len(counted.size_bars()) == len(SIZE_EDGES) - 1


def test_bars_are_as_long_as_their_counts():
    picture = draw_bars({"a": 10, "b": 5, "größer 建筑": 0}, "Things")

    blue = (picture == (60, 110, 170)).all(axis=2).sum(axis=1)
    lengths = [blue[64 + 26 * row + 12] for row in range(3)]
    assert lengths[0] == pytest.approx(2 * lengths[1], abs=2)
    assert lengths[2] <= 1
    assert picture.shape[1] == WIDTH_PX


def test_many_bars_end_in_the_sum_of_the_rest():
    many = {f"class {index}": 1 for index in range(100)}

    assert (
        draw_bars(many, "Things").shape == draw_bars(dict(list(many.items())[:MAX_BARS]), "").shape
    )


def test_long_labels_are_cut_to_fit():
    shown = fit("a very long name of a category that goes on and on", 100, 16)

    assert shown.endswith("…")
    assert text_width(shown, 16) <= 100


def test_a_commoner_word_takes_more_room_and_no_word_touches_another():
    common = draw_cloud({"runway": 100, "ship": 1})
    alone = draw_cloud({"runway": 100})

    # "ship" is drawn somewhere where nothing of "runway" is.
    changed = (common != alone).any(axis=2)
    assert changed.any()
    assert (alone[changed] == 255).all()
    assert changed.sum() < (alone != 255).any(axis=2).sum()
    assert (draw_cloud({"runway": 100, "ship": 1}) == common).all()


def test_an_empty_cloud_is_a_white_picture():
    assert (draw_cloud({}) == 255).all()
