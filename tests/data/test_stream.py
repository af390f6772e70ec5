"""The stream: decided by number, masks for every `[SEG]`, mirrored texts with mirrored pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from segearth.config.recipe import DataRecipe
from segearth.data.answers import count_seg
from segearth.data.rle import encode_mask
from segearth.data.stream import Stream
from segearth.errors import DataError, RecipeError

PX = 256


def box(top, left, bottom, right):
    mask = np.zeros((PX, PX), bool)
    mask[top:bottom, left:right] = True
    return mask


LEFT, RIGHT, FIELD = box(20, 20, 60, 60), box(180, 190, 230, 230), box(100, 0, 160, 256)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six annotated tiles, one without annotation, and two written questions about the first."""
    place = tmp_path_factory.mktemp("aerial")
    rows = []
    for number in range(7):
        image = np.full((PX, PX, 3), 60 + 5 * number, np.uint8)
        image[FIELD], image[LEFT], image[RIGHT] = (40, 160, 40), (240, 240, 240), (250, 250, 250)
        cv2.imwrite(str(place / f"{number}.png"), image[..., ::-1])
        targets = [
            ("airplanes", "semantic", LEFT | RIGHT),
            ("grass", "semantic", FIELD),
        ]
        rows.append(
            {
                "image": f"{number}.png",
                "scene": "airplane",
                "gsd_m": 0.3,
                "split": "train",
                "annotated": number < 6,
                "targets": [
                    {"phrase": phrase, "granularity": granularity, "mask": encode_mask(mask)}
                    for phrase, granularity, mask in targets
                ]
                if number < 6
                else [],
            }
        )
    (place / "targets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    records = [
        ("the airplane on the left", "The <p>airplane </p>[SEG] is on the left.", [LEFT]),
        ("the airplane at the bottom right", "The <p>airplane </p>[SEG] is there.", [RIGHT]),
    ]
    lines = [
        {
            "id": str(number),
            "image": "0.png",
            "instruction": instruction,
            "answer": answer,
            "masks": [encode_mask(mask) for mask in masks],
            "facets": {},
            "gsd_m": 0.3,
        }
        for number, (instruction, answer, masks) in enumerate(records)
    ]
    (place / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return place


def recipe(folder, **changes):
    plain = {
        "targets": str(folder / "targets.jsonl"),
        "train": str(folder / "train.jsonl"),
        "questions": 3,
        "flip": True,
    }
    return DataRecipe(**{**plain, **changes})


MIXES = {
    "tiles": {},
    "mosaics": {"mosaic": 1.0},
    "pasted": {"paste": 1.0},
    "scaled": {"scale": 1.0, "train": ""},
    "drawn": {"drawn": 1.0},
    "all": {"drawn": 0.2, "mosaic": 0.2, "paste": 0.2, "scale": 0.4},
}


def same(one, other):
    return (
        np.array_equal(one.image, other.image)
        and one.gsd_m == other.gsd_m
        and [(e.instruction, e.answer) for e in one.exchanges]
        == [(e.instruction, e.answer) for e in other.exchanges]
        and all(
            np.array_equal(a, b)
            for x, y in zip(one.exchanges, other.exchanges, strict=True)
            for a, b in zip(x.masks, y.masks, strict=True)
        )
    )


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_every_seg_has_a_mask_of_the_pictures_size(folder, mix):
    stream = Stream(recipe(folder, **mix), seed=1)

    for number in range(12):
        example = stream.example(number)
        assert example.image.ndim == 3
        assert example.image.dtype == np.uint8
        assert example.exchanges
        for exchange in example.exchanges:
            assert exchange.instruction.strip()
            assert exchange.answer.strip()
            assert count_seg(exchange.answer) == len(exchange.masks)
            for mask in exchange.masks:
                assert mask.shape == example.image.shape[:2]
                assert mask.any()


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_an_example_is_decided_by_its_number(folder, mix):
    stream, again = Stream(recipe(folder, **mix), seed=1), Stream(recipe(folder, **mix), seed=1)

    forwards = [stream.example(number) for number in range(6)]
    backwards = [again.example(number) for number in reversed(range(6))][::-1]

    assert all(same(one, other) for one, other in zip(forwards, backwards, strict=True))


def test_numbers_and_seeds_differ(folder):
    stream, other = (Stream(recipe(folder, drawn=1.0), seed=seed) for seed in (1, 2))

    assert not same(stream.example(0), stream.example(1))
    assert not same(stream.example(0), other.example(0))


def test_a_mirrored_picture_has_mirrored_words_and_masks(folder, tmp_path):
    """Only the written questions about the first tile, mirrored or not."""
    stream = Stream(recipe(folder, targets="", questions=2), seed=3)
    sides = set()

    for number in range(30):
        for exchange in stream.example(number).exchanges:
            if "[SEG]" not in exchange.answer or count_seg(exchange.answer) > 1:
                continue
            rows, columns = np.nonzero(exchange.masks[0])
            words = exchange.instruction.lower() + " " + exchange.answer.lower()
            side = "left" if columns.mean() < PX / 2 else "right"
            other = {"left": "right", "right": "left"}[side]
            assert side in words, words
            assert other not in words, words
            if "bottom" in words or "lower" in words:
                assert rows.mean() > PX / 2, words
            if "top" in words or "upper" in words:
                assert rows.mean() < PX / 2, words
            sides.add(side)
    assert sides == {"left", "right"}


def test_bright_pixels_lie_under_the_masks_of_airplanes(folder):
    """Tiles, crops and mosaics alike: picture and masks are moved together."""
    stream = Stream(recipe(folder, mosaic=0.4, scale=0.5), seed=5)
    checked = 0

    for number in range(25):
        example = stream.example(number)
        light = example.image.mean(axis=2)
        for exchange in example.exchanges:
            if exchange.answer.count("<p>airplane") == count_seg(exchange.answer) > 0:
                inside = np.logical_or.reduce(exchange.masks)
                assert light[inside].mean() > light.mean() + 30
                checked += 1
    assert checked >= 10


def test_the_share_of_questions_after_absent_things_is_bounded(folder):
    stream = Stream(recipe(folder, train="", questions=6), seed=1)

    refused = [
        sum(not exchange.masks for exchange in stream.example(number).exchanges)
        for number in range(40)
    ]

    assert max(refused) == 3


def test_what_a_picture_might_show_is_asked_for_more_often(folder):
    stream = Stream(recipe(folder, train="", questions=6), seed=1)
    picture = replace(
        stream._known(stream.annotated[0]), absent=("ship", "dam", "grass", "windmill", "stadium")
    )
    rng = np.random.default_rng(0)

    first = [stream._offer(picture, rng)[0] for _ in range(200)]

    # Grass is in every tile with airplanes: 0.4 / 5 + 0.6 = 0.68 of the draws.
    assert 110 <= first.count("grass") <= 160
    assert set(first) == set(picture.absent)


def test_sometimes_the_ground_is_not_told(folder):
    stream = Stream(recipe(folder), seed=1)

    told = {stream.example(number).gsd_m is None for number in range(30)}

    assert told == {True, False}


def test_other_splits_are_not_learnt_from(folder, tmp_path):
    rows = [json.loads(line) for line in (folder / "targets.jsonl").read_text().splitlines()]
    for row in rows:
        row["split"] = "validation"
    (folder / "held-out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    with pytest.raises(RecipeError, match="nothing to learn from"):
        Stream(recipe(folder, targets=str(folder / "held-out.jsonl"), train=""), seed=1)


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(RecipeError, match="nothing to learn from"):
        Stream(DataRecipe(), seed=0)


@pytest.mark.parametrize("key", ["train", "targets"])
def test_a_missing_file_is_named(key, tmp_path):
    with pytest.raises(DataError, match="missing"):
        Stream(DataRecipe(**{key: str(tmp_path / "missing.jsonl")}), seed=0)


def test_a_picture_larger_than_its_tile_is_cut_or_shrunk(tmp_path):
    image = np.zeros((1400, 1200, 3), np.uint8)
    mask = np.zeros((1400, 1200), bool)
    mask[100:1300, 100:1100] = True
    image[mask] = (40, 160, 40)
    cv2.imwrite(str(tmp_path / "large.png"), image[..., ::-1])
    row = {
        "image": "large.png",
        "scene": "dubai",
        "gsd_m": 0.3,
        "split": "train",
        "annotated": True,
        "targets": [{"phrase": "grass", "granularity": "semantic", "mask": encode_mask(mask)}],
    }
    (tmp_path / "targets.jsonl").write_text(json.dumps(row) + "\n")
    stream = Stream(DataRecipe(targets=str(tmp_path / "targets.jsonl"), questions=1), seed=0)

    example = stream.example(0)

    assert max(example.image.shape) <= 1024
    assert Path(tmp_path / "large.png").is_file()
    assert all(m.shape == example.image.shape[:2] for e in example.exchanges for m in e.masks)


def test_a_large_picture_counts_for_as_many_tiles_as_its_side_is_long(tmp_path):
    rows = []
    for name, side in (("tile", PX), ("scene", 4 * PX)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros((side, side, 3), np.uint8))
        target = {
            "phrase": "grass",
            "granularity": "semantic",
            "mask": encode_mask(np.ones((side, side), bool)),
        }
        row = {"image": f"{name}.png", "scene": name, "gsd_m": None, "split": "train"}
        rows.append({**row, "annotated": True, "targets": [target]})
    (tmp_path / "targets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    stream = Stream(DataRecipe(targets=str(tmp_path / "targets.jsonl")), seed=0)

    assert [tile.scene for tile in stream.annotated] == ["tile"] + 4 * ["scene"]


def test_a_written_question_about_a_large_picture_is_the_same_whatever_came_before(tmp_path):
    """A picture in `targets` is kept shrunk; masks and ground size of `train` are of the file's."""
    mask = np.zeros((1600, 1600), bool)
    mask[200:900, 300:1200] = True
    image = np.full((1600, 1600, 3), 90, np.uint8)
    image[mask] = (40, 160, 40)
    cv2.imwrite(str(tmp_path / "large.png"), image[..., ::-1])
    common = {"image": "large.png", "gsd_m": 0.3, "split": "train"}
    target = {"phrase": "grass", "granularity": "semantic", "mask": encode_mask(mask)}
    tile = {**common, "scene": "park", "annotated": True, "targets": [target]}
    written = {"id": "a", "instruction": "Show the lawn.", "masks": [encode_mask(mask)]}
    written |= {**common, "answer": "The <p>lawn </p>[SEG] is here.", "facets": {}}
    (tmp_path / "targets.jsonl").write_text(json.dumps(tile) + "\n")
    (tmp_path / "train.jsonl").write_text(json.dumps(written) + "\n")
    one, other = (Stream(recipe(tmp_path), seed=0) for _ in range(2))

    after_others = [one.example(number) for number in range(6)]

    for number in (5, 3, 1):  # each alone, or in another order
        assert same(other.example(number), after_others[number])
    assert any(example.image.shape[0] == 1600 for example in after_others)
