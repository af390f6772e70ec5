"""Mosaics and pasted objects: pixels and masks agree, and nothing false is claimed."""

from __future__ import annotations

import numpy as np
import pytest

from segearth.data.compose import cut_out, mosaic, paste
from segearth.data.known import KnownPicture
from segearth.data.objects import SceneObject


def box(top, left, bottom, right, shape=(64, 64)):
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


def tile(*objects, absent=(), grey=0, shape=(64, 64), gsd_m=0.5):
    """Objects are white on the tile's own grey."""
    image = np.full((*shape, 3), grey, np.uint8)
    for item in objects:
        image[item.mask] = 255
    return KnownPicture(image=image, objects=tuple(objects), absent=tuple(absent), gsd_m=gsd_m)


def thing(category, mask, **more):
    return SceneObject(category=category, mask=mask, kind=more.pop("kind", "thing"), **more)


def test_tiles_lie_row_by_row_with_their_masks():
    tiles = [tile(thing("house", box(8, 8 + 8 * n, 24, 24 + 8 * n)), grey=20 * n) for n in range(4)]

    whole = mosaic(tiles, 2, 32)

    assert whole.image.shape == (64, 64, 3)
    assert [int(whole.image[row, column, 0]) for row in (1, 33) for column in (1, 33)] == [
        0,
        20,
        40,
        60,
    ]
    union = np.logical_or.reduce([item.mask for item in whole.objects])
    assert np.array_equal(whole.image[..., 0] > 150, union)
    assert len(whole.objects) == 4


@pytest.mark.parametrize("shape", [(64, 48), (48, 64)], ids=["high", "wide"])
def test_a_tile_that_is_not_square_keeps_picture_and_mask_together(shape):
    """UC Merced has tiles of 247 x 256 pixels and the like."""
    odd = tile(thing("house", box(20, 20, 40, 40, shape)), shape=shape)
    square = tile(thing("house", box(20, 20, 40, 40)))

    whole = mosaic([odd, square, square, square], 2, 64)

    union = np.logical_or.reduce([item.mask for item in whole.objects])
    white = whole.image[..., 0] > 128
    assert (union & white).sum() / (union | white).sum() > 0.9


def test_a_kind_is_complete_if_every_tile_knows_about_it():
    house, unsure = thing("house", box(8, 8, 24, 24)), thing("truck", box(40, 40, 60, 60))
    tiles = [
        tile(house, unsure, absent=("ship",)),
        tile(absent=("house", "ship", "truck")),
        tile(house, absent=("ship",)),
        tile(house, absent=("ship",)),
    ]

    whole = mosaic(tiles, 2, 32)

    complete = {item.category: item.complete for item in whole.objects}
    assert complete == {"house": True, "truck": False}
    assert whole.absent == ("ship",)


def test_one_incomplete_tile_makes_the_kind_incomplete():
    house = box(8, 8, 24, 24)
    tiles = [tile(thing("house", house))] * 3 + [tile(thing("house", house, complete=False))]

    assert not any(item.complete for item in mosaic(tiles, 2, 32).objects)


def test_what_is_there_in_one_tile_is_absent_in_none():
    tiles = [tile(thing("house", box(8, 8, 24, 24)))] + [tile(absent=("house", "ship"))] * 3

    assert mosaic(tiles, 2, 32).absent == ()


def test_stuff_of_several_tiles_is_one():
    grass = thing("grass", box(0, 0, 64, 32), kind="stuff")

    whole = mosaic([tile(grass)] * 4, 2, 32)

    assert len(whole.objects) == 1
    assert whole.objects[0].mask.sum() == 4 * 32 * 16


def test_the_ground_is_known_if_it_is_the_same_everywhere():
    same, mixed = [tile(gsd_m=0.5)] * 4, [tile(gsd_m=0.5)] * 3 + [tile(gsd_m=0.3)]

    assert mosaic(same, 2, 32).gsd_m == pytest.approx(1.0)
    assert mosaic(mixed, 2, 32).gsd_m is None


def test_only_whole_things_that_can_be_pasted_are_cut_out():
    cuts = cut_out(
        tile(
            thing("small car", box(10, 10, 20, 18)),
            thing("small car", box(0, 30, 8, 40)),  # at the border
            thing("bridge", box(30, 30, 40, 40)),  # its road would be missing
            thing("house", box(10, 22, 60, 62)),  # as large as the tile
        )
    )

    assert [cut.category for cut in cuts] == ["small car"]
    assert cuts[0].mask.sum() == 80
    assert cuts[0].pixels.shape[:2] == cuts[0].mask.shape == (12, 10)


def pasted(seed, absent=("small car",)):
    cuts = cut_out(tile(thing("small car", box(10, 10, 20, 18))))
    grass = thing("grass", box(0, 0, 200, 200, (200, 200)), kind="stuff")
    house = thing("house", box(90, 90, 110, 110, (200, 200)))
    ground = tile(grass, house, absent=absent, shape=(200, 200))
    ground.image[:] = 30
    return ground, paste(ground, cuts, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(5))
def test_pasted_things_are_where_their_masks_say(seed):
    ground, after = pasted(seed)

    cars = [item for item in after.objects if item.category == "small car"]
    union = np.logical_or.reduce([item.mask for item in cars])
    bright = after.image[..., 0] > 128
    assert 1 <= len(cars) <= 5
    assert all(item.complete for item in cars)
    assert (union & bright).sum() / (union | bright).sum() > 0.8
    assert (ground.image == 30).all()  # the ground itself is left alone


@pytest.mark.parametrize("seed", range(5))
def test_pasted_things_cover_what_is_below_and_hardly_each_other(seed):
    _, after = pasted(seed)

    cars = [item.mask for item in after.objects if item.category == "small car"]
    (grass,) = [item for item in after.objects if item.category == "grass"]
    assert not (grass.mask & np.logical_or.reduce(cars)).any()
    assert sum(int(mask.sum()) for mask in cars) <= 1.03 * np.logical_or.reduce(cars).sum()


def test_what_is_pasted_is_not_absent_any_more():
    assert pasted(0)[1].absent == ()


def test_only_what_is_surely_absent_is_pasted():
    ground, after = pasted(0, absent=("ship",))

    assert after is ground


def test_the_same_seed_pastes_the_same():
    one, other = pasted(3)[1], pasted(3)[1]

    assert np.array_equal(one.image, other.image)
