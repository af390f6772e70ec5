"""Changing a picture keeps picture and masks together, and never claims more than is known."""

from __future__ import annotations

import numpy as np
import pytest

from segearth.data.augment import crop, drop_crumbs, recolour, resize, rotate, turn
from segearth.data.known import KnownPicture
from segearth.data.objects import SceneObject


def box(top, left, bottom, right, shape=(60, 80)):
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


def thing(category, mask, **more):
    return SceneObject(category=category, mask=mask, kind=more.pop("kind", "thing"), **more)


def picture(*objects, shape=(60, 80)):
    """Every object is painted in a grey of its own, so that pixels tell where it went."""
    image = np.zeros((*shape, 3), np.uint8)
    for number, item in enumerate(objects, start=1):
        image[item.mask] = 40 * number
    return KnownPicture(image=image, objects=tuple(objects), absent=("ship",), gsd_m=0.5)


def assert_together(changed):
    for number, item in enumerate(changed.objects, start=1):
        assert np.array_equal(changed.image[..., 0] == 40 * number, item.mask)


@pytest.mark.parametrize("seed", range(8))
def test_turning_moves_picture_and_masks_alike(seed):
    before = picture(thing("house", box(5, 10, 20, 40)), thing("truck", box(40, 60, 50, 70)))

    after = turn(before, np.random.default_rng(seed))

    assert_together(after)
    assert sorted(after.image.shape[:2]) == [60, 80]
    assert after.gsd_m == 0.5
    assert [item.mask.sum() for item in after.objects] == [450, 100]


def test_all_eight_ways_to_turn_occur():
    before = picture(thing("house", box(5, 10, 20, 40)))

    seen = {turn(before, np.random.default_rng(seed)).image.tobytes() for seed in range(60)}

    assert len(seen) == 8


def test_rotating_by_a_quarter_is_turning():
    before = picture(thing("house", box(5, 10, 20, 40, (64, 64))), shape=(64, 64))

    after = rotate(before, 90)

    assert np.array_equal(after.image, np.rot90(before.image))
    assert np.array_equal(after.objects[0].mask, np.rot90(before.objects[0].mask))


def test_rotating_keeps_the_largest_square_without_a_border():
    ground = thing("grass", np.ones((100, 100), bool), kind="stuff")

    after = rotate(picture(ground, shape=(100, 100)), 45)

    assert after.image.shape == (70, 70, 3)  # 100 / sqrt(2) = 70.7
    assert after.objects[0].mask.all()
    assert (after.image == 40).all()
    assert after.gsd_m == 0.5


@pytest.mark.parametrize("degrees", [-44.1, -12.7, 0.908, 30.0])
def test_rotating_brings_in_no_black(degrees):
    ground = KnownPicture(
        image=np.full((256, 256, 3), 200, np.uint8), objects=(), absent=(), gsd_m=None
    )

    assert rotate(ground, degrees).image.min() >= 199


def test_rotating_moves_picture_and_masks_alike_and_drops_what_it_cuts_off():
    inside = thing("house", box(40, 55, 60, 75, (100, 100)))
    corner = thing("truck", box(0, 0, 12, 12, (100, 100)))

    after = rotate(picture(inside, corner, shape=(100, 100)), 45)

    (house,) = after.objects  # the corner is off
    rows, columns = np.nonzero(house.mask)
    # Its centre lay 15 right of the middle; 45 degrees against the clock lifts it by 15 / sqrt(2).
    assert columns.mean() == pytest.approx(34.5 + 10.6, abs=0.6)
    assert rows.mean() == pytest.approx(34.5 - 10.6, abs=0.6)
    assert house.mask.sum() == pytest.approx(400, rel=0.03)
    assert (after.image[..., 0][house.mask] >= 20).all()


def test_a_crop_moves_picture_and_masks_alike():
    before = picture(thing("house", box(10, 20, 20, 40)), thing("truck", box(30, 50, 40, 60)))

    after = crop(before, 5, 15, 45, 55)

    assert after.image.shape == (45, 55, 3)
    assert_together(after)
    assert all(item.complete for item in after.objects)


def test_a_thing_that_is_mostly_cut_off_is_dropped_and_its_kind_incomplete():
    before = picture(
        thing("house", box(0, 0, 20, 20)),
        thing("house", box(40, 40, 50, 50)),
        thing("truck", box(40, 60, 50, 70)),
    )

    after = crop(before, 0, 12, 60, 68)  # two fifths of the first house are left

    assert [(item.category, item.complete) for item in after.objects] == [
        ("house", False),
        ("truck", True),
    ]


def test_a_thing_that_is_mostly_left_stays_whole_in_name():
    before = picture(thing("house", box(0, 0, 20, 20)))

    after = crop(before, 0, 5, 60, 75)

    assert [(item.category, item.complete) for item in after.objects] == [("house", True)]
    assert after.objects[0].mask.sum() == 20 * 15


def test_a_thing_that_is_outside_leaves_its_kind_complete():
    before = picture(thing("house", box(0, 0, 10, 10)), thing("house", box(40, 40, 50, 50)))

    after = crop(before, 20, 20, 40, 60)

    assert [(item.category, item.complete) for item in after.objects] == [("house", True)]


def test_stuff_may_be_cut_as_much_as_one_likes():
    before = picture(thing("grass", box(0, 0, 60, 40), kind="stuff"))

    after = crop(before, 0, 35, 60, 45)

    assert [(item.category, item.complete) for item in after.objects] == [("grass", True)]


def test_parts_follow_their_things_through_a_crop():
    before = picture(
        thing("truck", box(0, 0, 10, 10)),
        thing("airplane", box(30, 30, 50, 60)),
        thing("wing", box(35, 35, 40, 45), kind="part", parent=1),
    )

    after = crop(before, 20, 20, 40, 60)

    assert [(item.category, item.parent) for item in after.objects] == [
        ("airplane", None),
        ("wing", 0),
    ]


def test_a_part_of_a_thing_that_was_dropped_has_no_parent():
    before = picture(
        thing("airplane", box(0, 0, 40, 40)),
        thing("wing", box(30, 30, 40, 40), kind="part", parent=0),
    )

    after = crop(before, 28, 28, 32, 52)

    assert [(item.category, item.parent) for item in after.objects] == [("wing", None)]


@pytest.mark.parametrize("side", [40, 160])
def test_resizing_keeps_the_aspect_and_the_ground(side):
    before = picture(thing("house", box(20, 20, 40, 60)))

    after = resize(before, side)

    scale = side / 80
    assert after.image.shape[:2] == (60 * scale, side)
    assert after.gsd_m == pytest.approx(0.5 / scale)
    assert after.objects[0].mask.shape == after.image.shape[:2]
    assert after.objects[0].mask.sum() == pytest.approx(800 * scale**2, rel=0.1)
    assert np.array_equal(after.image[..., 0] > 20, after.objects[0].mask)


def test_an_unknown_ground_stays_unknown():
    before = KnownPicture(image=np.zeros((8, 8, 3), np.uint8), objects=(), absent=(), gsd_m=None)

    assert resize(before, 16).gsd_m is None


def test_crumbs_are_left_out_and_their_kind_is_incomplete():
    objects = (
        thing("house", box(0, 0, 3, 3)),
        thing("house", box(10, 10, 30, 30)),
        thing("truck", box(40, 40, 50, 50)),
    )

    kept = drop_crumbs(objects)

    assert [(item.category, item.complete) for item in kept] == [("house", False), ("truck", True)]


def test_without_crumbs_nothing_changes():
    objects = (thing("airplane", box(0, 0, 9, 9)), thing("wing", box(0, 0, 5, 5), parent=0))

    assert drop_crumbs(objects) == objects


@pytest.mark.parametrize("seed", range(5))
def test_colours_vary_and_stay_colours(seed):
    image = np.zeros((20, 20, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 200, 60, 50

    changed = recolour(image, np.random.default_rng(seed))

    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, image)
    red, green, blue = changed.reshape(-1, 3).mean(axis=0)
    assert red > green + 20
    assert red > blue + 20


def test_the_same_seed_varies_the_same():
    image = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)

    one, other = (recolour(image, np.random.default_rng(7)) for _ in range(2))

    assert np.array_equal(one, other)
