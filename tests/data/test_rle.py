"""Run lengths: the part of a mask that its box holds."""

from __future__ import annotations

import numpy as np
import pytest

from segearth.data.rle import decode_crop, decode_mask, encode_mask
from segearth.errors import DataError


@pytest.mark.parametrize("seed", range(6))
def test_a_crop_is_what_the_box_around_the_mask_holds(seed):
    rng = np.random.default_rng(seed)
    mask = np.zeros((17, 23), bool)
    mask[rng.integers(17, size=4), rng.integers(23, size=4)] = True
    mask[:, -1] |= seed == 0  # down to the last pixel
    mask[0, 0] |= seed == 1
    rle = encode_mask(mask)

    crop, top, left = decode_crop(rle)

    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    assert (top, left) == (rows[0], columns[0])
    assert crop.shape == (rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1)
    assert (decode_mask(rle)[top:, left:][: crop.shape[0], : crop.shape[1]] == crop).all()
    assert crop.sum() == mask.sum()


def test_the_crop_of_an_empty_and_of_a_full_mask():
    assert decode_crop(encode_mask(np.zeros((3, 4), bool)))[0].shape == (0, 0)
    assert decode_crop(encode_mask(np.ones((3, 4), bool)))[0].shape == (3, 4)


@pytest.mark.parametrize("counts", ["", "0", "~~", "oo"])
def test_damaged_counts_are_refused(counts):
    with pytest.raises(DataError, match="damaged"):
        decode_crop({"size": [3, 4], "counts": counts})
