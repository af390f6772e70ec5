"""Objects are measured in fractions of the picture."""

import numpy as np
import pytest

from segearth.data.objects import SceneObject, measure


def thing(mask, **known):
    return SceneObject(category="building", mask=mask, kind="thing", **known)


def test_a_box_is_measured_by_hand():
    mask = np.zeros((10, 20), bool)
    mask[2:6, 4:12] = True

    (item,) = measure([thing(mask, colour="red")])

    assert (item.left, item.top, item.right, item.bottom) == (0.2, 0.2, 0.6, 0.6)
    assert (item.x, item.y) == pytest.approx((8 / 20, 4 / 10))
    assert item.area_px == 32
    assert item.colour == "red"


def test_one_pixel_lies_in_the_middle_of_itself():
    mask = np.zeros((8, 8), bool)
    mask[0, 7] = True

    (item,) = measure([thing(mask)])

    assert (item.x, item.y) == pytest.approx((7.5 / 8, 0.5 / 8))


def test_an_empty_mask_is_left_out_and_the_others_keep_their_index():
    full = np.ones((4, 4), bool)

    items = measure([thing(~full), thing(full)])

    assert [item.index for item in items] == [1]


def test_what_spans_the_picture_is_not_compact():
    mask = np.zeros((10, 10), bool)
    mask[5, :] = True

    (item,) = measure([thing(mask)])

    assert not item.compact
