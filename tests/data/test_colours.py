"""Colour words, where people would agree."""

import numpy as np
import pytest

from segearth.data.colours import colour_name, name_rgb


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((245, 245, 245), "white"),
        ((128, 128, 130), "grey"),
        ((20, 20, 22), "black"),
        ((190, 30, 30), "red"),
        ((40, 70, 170), "blue"),
        ((60, 130, 60), "green"),
        ((235, 205, 50), "yellow"),
        ((235, 125, 30), "orange"),
        ((215, 195, 160), "beige"),
        ((110, 72, 46), "brown"),
        ((200, 200, 202), None),
        ((150, 60, 160), None),
    ],
)
def test_plain_colours_have_names(rgb, name):
    assert name_rgb(rgb) == name


def test_a_few_other_pixels_do_not_matter():
    image = np.full((10, 10, 3), (190, 30, 30), np.uint8)
    image[:3] = 20

    assert colour_name(image, np.ones((10, 10), bool)) == "red"


def test_many_colours_have_no_name():
    image = np.zeros((10, 10, 3), np.uint8)
    image[:5], image[5:] = (240, 240, 240), (190, 30, 30)
    image[::2] = (20, 90, 200)

    assert colour_name(image, np.ones((10, 10), bool)) is None


def test_a_few_pixels_are_not_judged():
    image = np.full((4, 4, 3), (190, 30, 30), np.uint8)
    mask = np.zeros((4, 4), bool)
    mask[0] = True

    assert colour_name(image, mask) is None
