"""Letterboxes: sizes by hand, undoing, thin and tiny pictures, the attention grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from segearth.data.letterbox import any_overlap_grid, letterbox, squash, to_tensor


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "side", "fitted"),
    [
        pytest.param(800, 800, 1024, (1024, 1024), id="square"),
        pytest.param(600, 800, 1024, (768, 1024), id="wide"),
        pytest.param(1000, 333, 100, (100, 33), id="high"),
        pytest.param(333, 667, 96, (48, 96), id="half-rounds-up"),
        pytest.param(1, 20_000, 1024, (1, 1024), id="one-row"),
        pytest.param(20_000, 1, 1024, (1024, 1), id="one-column"),
        pytest.param(1, 1, 96, (96, 96), id="one-pixel"),
    ],
)
def test_the_long_side_fills_the_square(height, width, side, fitted):
    box = letterbox(height, width, side)

    assert (box.fitted_height, box.fitted_width) == fitted
    assert (box.top, box.left) == (0, 0)


def test_padding_is_grey_and_right_or_below():
    square = letterbox(2, 4, 4).picture(noise(2, 4), 128)

    assert np.array_equal(square[:2], noise(2, 4))
    assert (square[2:] == 128).all()


def test_padding_can_go_to_both_sides():
    box = letterbox(2, 4, 4, "centre")

    square = box.picture(noise(2, 4), 0)

    assert (box.top, box.left) == (1, 0)
    assert np.array_equal(square[1:3], noise(2, 4))
    assert not square[0].any()
    assert not square[3].any()


@pytest.mark.parametrize(
    "shape", [(96, 96), (1, 20_000), (20_000, 1), (1, 1), (30, 200), (251, 97)]
)
@pytest.mark.parametrize("pad", ["right-bottom", "centre"])
def test_undoing_gives_the_pictures_size(shape, pad):
    box = letterbox(*shape, 96, pad)

    logits = box.undo(torch.randn(2, 24, 24))

    assert logits.shape == (2, *shape)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("pad", ["right-bottom", "centre"])
def test_undoing_is_exact_where_nothing_was_resized(pad):
    box = letterbox(40, 96, 96, pad)
    logits = torch.randn(3, 96, 96)

    undone = box.undo(logits)

    assert torch.equal(undone, logits[:, box.top : box.top + 40, :96])


@pytest.mark.parametrize("pad", ["right-bottom", "centre"])
@pytest.mark.parametrize("shape", [(60, 90), (300, 200)])
def test_a_mask_comes_back_where_it_was(shape, pad):
    mask = np.zeros(shape, bool)
    mask[shape[0] // 4 : shape[0] // 2, shape[1] // 4 : shape[1] // 2] = True
    box = letterbox(*shape, 96, pad)

    there = torch.from_numpy(box.mask(mask))[None].float() * 2 - 1
    back = box.undo(there)[0].numpy() > 0

    assert (back & mask).sum() / (back | mask).sum() > 0.9


def test_masks_and_pictures_lie_the_same():
    image = np.zeros((50, 80, 3), np.uint8)
    image[10:30, 20:70] = 255
    box = letterbox(50, 80, 32)

    picture, mask = box.picture(image, 0), box.mask(image[..., 0] > 0)

    assert np.array_equal(picture[..., 0] >= 128, mask)


def test_shrinking_averages_instead_of_skipping():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200

    small = letterbox(64, 64, 16).picture(stripes, 0)

    assert (small == 100).all()


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((1, 20_000), id="row"),
        pytest.param((20_000, 1), id="column"),
    ],
)
def test_shrinking_averages_a_single_line_too(shape):
    small = letterbox(*shape, 100).picture(noise(*shape), 0)

    line = small[:1] if shape[0] == 1 else small[:, :1]
    assert line.std() < 10  # the mean of 200 pixels of noise; one alone has 74


def test_a_mask_pixel_is_on_if_half_of_it_is():
    mask = np.zeros((4, 4), bool)
    mask[:, :1] = True  # half of the left column of the small picture
    mask[0, 2] = True  # a quarter of its top right pixel

    small = letterbox(4, 4, 2).mask(mask)

    assert small.tolist() == [[True, False], [True, False]]


def test_an_empty_mask_stays_empty_and_a_full_one_full():
    box = letterbox(30, 50, 96)

    assert not box.mask(np.zeros((30, 50), bool)).any()
    full = box.mask(np.ones((30, 50), bool))
    assert full[: box.fitted_height].all()
    assert not full[box.fitted_height :].any()


def test_a_single_pixel_survives_on_the_grid():
    mask = np.zeros((64, 64), bool)
    mask[37, 5] = True

    grid = any_overlap_grid(mask, 8, 8)

    assert np.argwhere(grid).tolist() == [[37 // 8, 5 // 8]]


def test_what_the_tower_does_not_see_is_not_on_the_grid():
    mask = np.zeros((384, 384), bool)
    mask[378:], mask[:, 378:] = True, True  # SigLIP's cells end here
    seen = mask.copy()
    seen[377, 377] = True

    assert not any_overlap_grid(mask, 27, 14).any()
    assert np.argwhere(any_overlap_grid(seen, 27, 14)).tolist() == [[26, 26]]


@pytest.mark.parametrize(("height", "width"), [(80, 70), (10, 31), (1, 5)])
def test_squashing_is_what_siglips_processor_does(height, width):
    image = noise(height, width)

    theirs = np.asarray(Image.fromarray(image).resize((24, 24), Image.Resampling.BICUBIC))

    assert np.abs(squash(image, 24).astype(int) - theirs).max() <= 1  # rounding


def test_squashing_ignores_the_aspect():
    assert squash(noise(20, 50), 16).shape == (16, 16, 3)
    assert np.array_equal(squash(noise(16, 16), 16), noise(16, 16))


def test_a_tensor_has_channels_first():
    image = noise(4, 4)

    assert torch.equal(to_tensor(image)[1], torch.from_numpy(image[..., 1].copy()))
