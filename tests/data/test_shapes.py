"""Shapes: small drawings whose pixels can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from segearth.data.rle import encode_mask
from segearth.data.shapes import draw_shapes
from segearth.errors import DataError

GREY = np.full((20, 20, 3), 128, np.uint8)
SQUARE = {"poly": [[2, 2], [11.75, 2], [11.75, 6.75], [2, 6.75]]}


def half_red():
    image = np.zeros((20, 20, 3), np.uint8)
    image[:, :10] = (200, 30, 30)
    image[:, 10:] = (30, 200, 30)
    return image


def test_a_polygon_covers_the_pixels_it_covers_by_half():
    mask = draw_shapes(GREY, [SQUARE])

    assert mask.sum() == 10 * 5
    assert mask[2:7, 2:12].all()


def test_a_disc_is_round_and_about_its_area():
    mask = draw_shapes(GREY, [{"circle": [10, 10, 6]}])

    assert mask[10, 4:16].all()
    assert not mask[4, 4]
    assert mask.sum() == pytest.approx(np.pi * 36, rel=0.06)


def test_a_turned_box_is_the_other_way_round():
    upright = draw_shapes(GREY, [{"box": [10, 10, 4, 12, 0]}])
    turned = draw_shapes(GREY, [{"box": [10, 10, 12, 4, 90]}])

    assert (upright & turned).sum() >= 0.95 * (upright | turned).sum()


def test_an_ellipse_with_equal_axes_is_a_disc():
    ellipse = draw_shapes(GREY, [{"ellipse": [10, 10, 6, 6, 30]}])
    disc = draw_shapes(GREY, [{"circle": [10, 10, 6]}])

    assert (ellipse ^ disc).sum() <= 8


def test_shapes_are_applied_in_order():
    disc = {"circle": [5, 5, 2]}

    assert not draw_shapes(GREY, [SQUARE, {"minus": SQUARE}]).any()
    assert draw_shapes(GREY, [{"minus": SQUARE}, disc]).any()


def test_a_threshold_takes_both_ends_of_its_range():
    image = np.repeat(np.arange(20, dtype=np.uint8)[None, :, None], 20, axis=0).repeat(3, axis=2)
    whole = {"poly": [[0, 0], [20, 0], [20, 20], [0, 20]]}

    mask = draw_shapes(image, [{"thresh": {"within": whole, "min": 5, "max": 7}}])

    assert np.flatnonzero(mask.any(0)).tolist() == [5, 6, 7]


def test_growing_stops_where_the_colour_changes():
    mask = draw_shapes(half_red(), [{"grow": {"seeds": [[2, 2]]}}])

    assert mask[:, :9].all()
    assert not mask[:, 11:].any()


def test_growing_stays_within():
    mask = draw_shapes(half_red(), [{"grow": {"seeds": [[3, 3]], "tol": 8, "within": SQUARE}}])

    assert 30 <= mask.sum() <= 50


def test_cleaning_drops_specks_and_fills_holes():
    speck, hole = {"circle": [16, 16, 0.5]}, {"minus": {"circle": [9, 9, 0.5]}}
    block = {"poly": [[4, 4], [13.75, 4], [13.75, 13.75], [4, 13.75]]}

    mask = draw_shapes(GREY, [block, hole, speck, {"clean": 2}])

    assert mask[9, 9]
    assert not mask[14:, 14:].any()


def test_grabcut_finds_the_object_in_a_loose_outline():
    rng = np.random.default_rng(0)
    image = rng.integers(90, 110, (40, 40, 3)).astype(np.uint8)
    image[12:28, 12:28] = rng.integers(220, 240, (16, 16, 3))
    loose = {"poly": [[7, 7], [33, 7], [33, 33], [7, 33]]}

    mask = draw_shapes(image, [{"grabcut": loose}])

    truth = np.zeros((40, 40), bool)
    truth[12:28, 12:28] = True
    assert (mask & truth).sum() / (mask | truth).sum() > 0.9


@pytest.mark.parametrize(
    "shape",
    [
        {"star": [1, 2]},
        {},
        {"circle": [1, 2]},
        {"circle": [1, 2, "x"]},
        {"circle": [1, 2, float("nan")]},
        {"poly": [[1, 2], [1e12, 3], [4, 5]]},
        {"minus": {"clean": 1}},
        {"grow": {"tol": 3}},
        {"grow": {"seeds": [[50, 50]]}},
        {"circle": [5, 5, 2], "box": [1, 1, 1, 1, 0]},
    ],
    ids=str,
)
def test_a_shape_that_makes_no_sense_is_named(shape):
    with pytest.raises(DataError, match="cannot be drawn"):
        draw_shapes(GREY, [shape])


# Drawn by the tool that the annotators of the UC Merced tiles looked at, which is not part of
# this project: their coordinates mean what they meant there, to the pixel.
ANNOTATED = {
    "decimals": (
        [{"poly": [[20.3, 30.7], [60.9, 35.2], [41.5, 80.1]]}, {"circle": [70.4, 50.6, 9.3]}],
        "oP51o72N2N2N3M2N2N3N1N2N3M2N2N3M2N2N3N1N2N3M2N2NN2N2N2N3L3N2N2M3N2N2N2M3N3M2M3N2N2M3N`01"
        "^O6L3M2N1O2O001N100001O0O101O0O2N3M3Kcn[1",
    ),
    "turned": (
        [
            {"ellipse": [120.2, 90.8, 30.4, 11.7, 25]},
            {"minus": {"box": [121.1, 92.4, 20.5, 9.2, -33]}},
        ],
        "^Rg04k74L2N2O2N1N2O001O1O1O1O001O1O010O1OKiHAW7>lHAS7>oHAR7>PIAo6>:01NiHDl6;UIFj6:UIGl67T"
        "IJl65UILj64UIMl61TI1k6NVI2k6MTI4l6KTI7l6HTI8l6GTI:m6GQI9o6HoH:Q7GlH:T7GkH9V7800100O001O1O"
        "1O1O001N2O1O2M2O2M4Kmdj0",
    ),
    "colours": (
        [
            {"grow": {"seeds": [[60.5, 70.2]], "tol": 10}},
            {"thresh": {"within": {"box": [150, 150, 60, 30, 10]}, "min": 130, "max": 175}},
            {"clean": 1},
        ],
        "TZ85j72N2N1000001O1N101OO100001N10001OO02OO11O0O11O01OO10O11O0001OO1000001O00O11O1O0O010"
        "0001N2N2N2O1O1KWH0`R92UUG7J5N2O2O0O100O101N100O100O101N100O100O101O000001O01O00000001O01"
        "O000001O0001O000001O01O00000001O01O000001O0001O000001N1J6K5J7Jh[b0",
    ),
}


@pytest.mark.parametrize(("shapes", "counts"), ANNOTATED.values(), ids=ANNOTATED.keys())
def test_coordinates_mean_what_they_meant_to_the_annotators(shapes, counts):
    x, y = np.meshgrid(np.arange(256), np.arange(256))
    image = np.stack([x, y, np.full_like(x, 90)], axis=-1).astype(np.uint8)

    assert encode_mask(draw_shapes(image, shapes))["counts"] == counts
