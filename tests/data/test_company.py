"""Which things are seen together: worked by hand on three tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segearth.data.company import Company
from segearth.data.rle import encode_mask
from segearth.data.targets import AnnotatedImage, Target

RLE = encode_mask(np.ones((4, 4), bool))


def tile(*phrases):
    targets = tuple(Target(phrase=p, granularity="semantic", mask=RLE) for p in phrases)
    return AnnotatedImage(
        image=Path("a.png"), scene="", split="train", annotated=True, targets=targets
    )


COMPANY = Company([tile("houses", "trees"), tile("houses", "swimming pools"), tile("sea", "ships")])


def test_what_is_often_seen_beside_is_expected():
    # Half of the tiles with a house have a pool, none has a ship.
    shares = COMPANY.expect({"house"}, ["swimming pool", "ship", "house"])

    assert shares == pytest.approx([1 / 3, 0, 2 / 3])


def test_each_thing_present_has_the_same_voice():
    # Beside houses: pool 1/2, ship 0; beside sea: pool 0, ship 1.
    assert COMPANY.expect({"house", "sea"}, ["swimming pool", "ship"]) == pytest.approx(
        [1 / 3, 2 / 3]
    )


def test_of_an_unknown_picture_the_common_is_expected():
    assert COMPANY.expect((), ["house", "ship"]) == pytest.approx([2 / 3, 1 / 3])
    assert COMPANY.expect({"volcano"}, ["house", "ship"]) == pytest.approx([2 / 3, 1 / 3])


def test_what_was_never_seen_is_not_expected():
    assert COMPANY.expect({"house"}, ["dam", "windmill"]).tolist() == [0, 0]
