"""Samples: tokens, labels and masks of one picture, and several joined."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from segearth.config.model import TemplateRecipe
from segearth.data.answers import seg_tokens
from segearth.data.packing import Role
from segearth.data.prompting import Prompter
from segearth.data.samples import Example, Exchange, Geometry, encode_sample, stack
from segearth.errors import DataError

NANO = Path(__file__).parents[2] / "segearth" / "model" / "nano"
PYRAMID = Geometry(
    side=64,
    pad="right-bottom",
    pad_value=128,
    tower_side=0,
    tower_fit="squash",
    cells=4,
    cell_px=16,
)
SQUASH = replace(PYRAMID, tower_side=44, cells=3, cell_px=14)
BOXED = replace(SQUASH, tower_fit="letterbox")


def make(k=1, cells=4, **limits):
    tokenizer = AutoTokenizer.from_pretrained(NANO)
    tokenizer.add_tokens([*seg_tokens(k), "<p>", "</p>"], special_tokens=True)
    return Prompter(
        tokenizer=tokenizer,
        template=TemplateRecipe(
            before="[CLS]", question="{width_m} : {instruction} [SEP]", end="[SEP]"
        ),
        image_tokens=cells**2,
        queries_per_target=k,
        max_instruction_tokens=100,
        max_answer_tokens=limits.get("answer", 100),
    )


def mask(height, width, top, left, bottom, right):
    one = np.zeros((height, width), bool)
    one[top:bottom, left:right] = True
    return one


def example(height=32, width=64, **changes):
    exchanges = (
        Exchange(
            instruction="the ships",
            answer="the <p>ship </p>[SEG] and <p>dock </p>[SEG]",
            masks=(mask(height, width, 0, 0, 16, 16), mask(height, width, 16, 32, 32, 64)),
        ),
        Exchange(instruction="the runway", answer="no runway", masks=()),
        Exchange(
            instruction="a car",
            answer="a <p>car </p>[SEG]",
            masks=(mask(height, width, 0, 48, 8, 64),),
        ),
    )
    image = np.zeros((height, width, 3), np.uint8)
    return replace(Example(image=image, exchanges=exchanges, gsd_m=0.5), **changes)


def words(prompter, ids):
    return prompter.tokenizer.convert_ids_to_tokens(ids)


def test_a_sequence_written_out():
    prompter = make()
    batch = encode_sample(example(), prompter, PYRAMID)

    text = words(prompter, batch.token_ids[0, 17:].tolist())

    assert words(prompter, batch.token_ids[0, :1].tolist()) == ["[CLS]"]
    assert (batch.token_ids[0, 1:17] == 0).all()  # sixteen image tokens
    first = [
        "3",
        "##2",
        ":",
        "the",
        "ships",
        "[SEP]",
        "the",
        "<p>",
        "ship",
        "</p>",
        "[SEG]",
        "and",
        "<p>",
        "dock",
        "</p>",
        "[SEG]",
        "[SEP]",
    ]
    assert text[: len(first)] == first
    assert batch.segment[0, :17].tolist() == [0] * 17
    assert batch.segment[0, 17 : 17 + len(first)].tolist() == [1] * len(first)
    assert batch.segment.max() == 3
    assert batch.role[0, :17].tolist() == [Role.PREFIX] * 17
    assert batch.role[0, 17:23].tolist() == [Role.QUESTION] * 6
    assert batch.role[0, 23 : 17 + len(first)].tolist() == [Role.ANSWER] * (len(first) - 6)


def test_every_answer_token_is_predicted_by_the_one_before_it():
    batch = encode_sample(example(), make(), PYRAMID)
    ids, following, role = batch.token_ids[0], batch.next_ids[0], batch.role[0]

    places = (following >= 0).nonzero()[:, 0]

    assert torch.equal(following[places], ids[places + 1])
    assert (role[places + 1] == Role.ANSWER).all()
    assert len(places) == (role == Role.ANSWER).sum()
    assert torch.equal(batch.segment[0, places], batch.segment[0, places + 1])


@pytest.mark.parametrize("k", [1, 3])
def test_targets_point_at_their_tokens(k):
    prompter = make(k)
    batch = encode_sample(example(), prompter, PYRAMID)

    at = batch.token_ids[0][batch.seg_positions]

    assert at.tolist() == [prompter.seg_ids] * 3
    assert batch.target_group.tolist() == [0, 0, 2]
    assert batch.target_image.tolist() == [0, 0, 0]
    assert batch.drawn.tolist() == [True] * 3


def test_the_ground_width_is_that_of_the_longer_side():
    prompter = make()
    high = encode_sample(example(height=200, width=64), prompter, PYRAMID)
    unknown = encode_sample(example(gsd_m=None), prompter, PYRAMID)

    assert words(prompter, high.token_ids[0, 17:20].tolist()) == ["1", "##0", "##0"]
    assert words(prompter, unknown.token_ids[0, 17:19].tolist())[-1] != "100"


def test_masks_and_grid_with_maps_as_tokens():
    batch = encode_sample(example(), make(), PYRAMID)

    assert batch.target_masks.shape == (3, 64, 64)
    assert torch.equal(batch.target_masks[0].nonzero().amax(dim=0), torch.tensor([15, 15]))
    assert batch.target_grid[0].nonzero().tolist() == [[0, 0]]
    assert batch.target_grid[1].nonzero().tolist() == [[1, 2], [1, 3]]
    # The lower half of the square is padding.
    assert batch.cell_valid[0].tolist() == [[True] * 4] * 2 + [[False] * 4] * 2


def test_a_squashed_tower_sees_the_whole_picture_in_all_cells():
    batch = encode_sample(example(), make(cells=3), SQUASH)

    assert batch.tower_image.shape == (1, 3, 44, 44)
    assert batch.cell_valid.all()
    # The second target fills the lower right quarter; 44 px squashed, cells of 14, two px unseen.
    assert batch.target_grid[1].nonzero().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]


def test_a_boxed_tower_has_padding_above_and_below():
    batch = encode_sample(example(), make(cells=3), BOXED)

    assert batch.tower_image[0, :, 0, 0].tolist() == [127] * 3
    assert batch.cell_valid[0].any()
    assert batch.cell_valid[0, 1].all()  # the picture lies in rows 11 to 32 of 44
    assert batch.target_grid[0].nonzero().tolist() == [[0, 0], [1, 0]]


def test_a_boxed_tower_sees_a_square_picture_as_a_squashed_one_does():
    square = example(384, 384)

    squashed, boxed = (encode_sample(square, make(cells=3), how) for how in (SQUASH, BOXED))

    assert torch.equal(squashed.tower_image, boxed.tower_image)


@pytest.mark.parametrize(
    ("geometry", "cells"),
    [
        pytest.param(PYRAMID, 4, id="maps"),
        pytest.param(SQUASH, 3, id="squash"),
        pytest.param(BOXED, 3, id="boxed"),
    ],
)
def test_a_single_pixel_of_a_large_picture_survives_on_the_grid(geometry, cells):
    one = mask(600, 800, 300, 200, 301, 201)
    exchange = Exchange(instruction="the car", answer="the <p>car </p>[SEG]", masks=(one,))
    picture = example(600, 800, exchanges=(exchange,))

    batch = encode_sample(picture, make(cells=cells), geometry)

    assert batch.target_grid[0].sum() == 1


def test_what_siglip_does_not_see_is_not_supervised():
    geometry = replace(SQUASH, tower_side=384, cells=27)
    last = mask(384, 384, 378, 0, 384, 384)
    exchange = Exchange(instruction="the car", answer="the <p>car </p>[SEG]", masks=(last,))

    batch = encode_sample(example(384, 384, exchanges=(exchange,)), make(cells=27), geometry)

    assert not batch.target_grid.any()
    assert batch.target_masks.any()


def test_answers_without_drawn_masks_teach_words_only():
    known = example().exchanges
    undrawn = replace(known[0], masks=None)

    batch = encode_sample(example(exchanges=(undrawn, known[2])), make(), PYRAMID)

    assert batch.drawn.tolist() == [False, False, True]
    assert not batch.target_masks[:2].any()
    assert len(batch.seg_positions) == 3


def test_a_picture_without_targets():
    batch = encode_sample(example(exchanges=example().exchanges[1:2]), make(), PYRAMID)

    assert batch.target_masks.shape == (0, 64, 64)
    assert batch.seg_positions.shape == (0, 1)
    assert batch.target_grid.shape == (0, 4, 4)


def test_a_wrong_number_of_masks_is_refused():
    wrong = replace(example().exchanges[0], masks=example().exchanges[0].masks[:1])

    with pytest.raises(DataError, match=r"2 \[SEG\] but 1 masks"):
        encode_sample(example(exchanges=(wrong,)), make(), PYRAMID)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("limit", range(4, 12))
def test_an_answer_cut_within_its_targets_is_an_error_of_the_data(k, limit):
    prompter = make(k, answer=limit)
    whole = len(make(k).answer_ids(example().exchanges[0].answer))

    try:
        batch = encode_sample(example(exchanges=example().exchanges[:1]), prompter, PYRAMID)
    except DataError:
        assert limit < whole
    else:
        assert len(batch.seg_positions) == 2


def test_joined_samples_are_padded_on_the_right():
    long, short = (
        encode_sample(one, make(), PYRAMID)
        for one in (example(), example(exchanges=example().exchanges[2:]))
    )
    length = short.token_ids.shape[1]

    both = stack([long, short])

    assert both.token_ids.shape == (2, long.token_ids.shape[1])
    assert torch.equal(both.token_ids[1, :length], short.token_ids[0])
    assert (both.role[1, length:] == Role.PADDING).all()
    assert (both.next_ids[1, length:] == -100).all()
    assert not torch.isin(both.segment[1, length:], torch.arange(4)).any()


def test_joined_targets_keep_image_group_and_place():
    one, two = (
        encode_sample(example(), make(), PYRAMID),
        encode_sample(example(exchanges=example().exchanges[1:]), make(), PYRAMID),
    )

    both = stack([one, two, one])

    assert both.target_image.tolist() == [0, 0, 0, 1, 2, 2, 2]
    groups = both.target_group.tolist()
    assert groups[0] == groups[1] != groups[2]
    assert len({groups[0], groups[2], groups[3], groups[4], groups[6]}) == 5
    assert torch.equal(
        both.seg_positions, torch.cat([one.seg_positions, two.seg_positions, one.seg_positions])
    )
    at = both.token_ids[both.target_image[:, None], both.seg_positions]
    assert (at == make().seg_ids[0]).all()


def test_permuted_targets_are_permuted_masks():
    first, second = example().exchanges[0].masks
    swapped = replace(example().exchanges[0], masks=(second, first))

    one = encode_sample(example(exchanges=example().exchanges[:1]), make(), PYRAMID)
    other = encode_sample(example(exchanges=(swapped,)), make(), PYRAMID)

    assert torch.equal(one.target_masks, other.target_masks.flip(0))
    assert torch.equal(one.target_grid, other.target_grid.flip(0))


def test_a_batch_moves_whole():
    batch = encode_sample(example(), make(), PYRAMID).to(torch.device("meta"))

    assert all(getattr(batch, name).is_meta for name in batch.__dataclass_fields__)
