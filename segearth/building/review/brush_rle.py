"""Masks the way Label Studio's brush stores them: the thi.ng "rle-pack" bit stream.

Not COCO's run lengths. Values are the bytes of an RGBA picture, row by row; the mask is the
alpha channel. The stream: how many values (32 bits), bits a value - 1 (5 bits), four bit
lengths - 1 (4 bits each), then blocks of: is it a run? (1 bit), which of the four lengths
(2 bits), count - 1 (that many bits), and one value for a run or `count` values.
Source: thi.ng/umbrella, packages/rle-pack. Label Studio's own SDK has a converter, but
cannot be installed beside the OpenCV that the rest of this package needs.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from segearth.errors import DataError

_CHANNELS = 4
_VALUE_BITS = 8
_COUNT_BITS = (3, 6, 10, 16)
"""For counts up to 8, 64, 1024 and 65536: what most runs along a row need."""


def encode_brush(mask: NDArray[np.bool_]) -> list[int]:
    """Encode a mask.

    Args:
        mask: (H, W), true on the target.

    Returns:
        The stream's bytes, each 0 to 255, as Label Studio has them in JSON.
    """
    flat = mask.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate([[0], edges, [flat.size]])
    blocks = [
        f"{flat.size * _CHANNELS:032b}{_VALUE_BITS - 1:05b}",
        *(f"{bits - 1:04b}" for bits in _COUNT_BITS),
    ]
    longest = 1 << _COUNT_BITS[-1]
    for start, stop in pairwise(bounds):
        value = "1" * _VALUE_BITS if flat[start] else "0" * _VALUE_BITS
        left = int(stop - start) * _CHANNELS
        while left:
            count = min(left, longest)
            which = next(i for i, bits in enumerate(_COUNT_BITS) if count <= 1 << bits)
            blocks.append(f"1{which:02b}{count - 1:0{_COUNT_BITS[which]}b}{value}")
            left -= count
    stream = "".join(blocks)
    stream += "0" * (-len(stream) % 8)
    return list(int(stream, 2).to_bytes(len(stream) // 8))


def decode_brush(stream: list[int], height: int, width: int) -> NDArray[np.bool_]:
    """Decode a mask.

    Args:
        stream: Bytes, each 0 to 255.
        height: Rows of the picture.
        width: Columns.

    Returns:
        (H, W) bool: where alpha is above 0.

    Raises:
        DataError: The stream is damaged or of a picture of another size.
    """
    try:
        reader = _Reader(bytes(stream))
        total, value_bits = reader.read(32), reader.read(5) + 1
        count_bits = [reader.read(4) + 1 for _ in range(4)]
        if total != height * width * _CHANNELS or value_bits != _VALUE_BITS:
            raise DataError(f"a brush mask is not of {height} x {width} pixels")
        values = np.zeros(total, np.uint8)
        place = 0
        while place < total:
            is_run = reader.read(1)
            count = 1 + reader.read(count_bits[reader.read(2)])
            if place + count > total:
                raise EOFError
            values[place : place + count] = (
                reader.read(_VALUE_BITS) if is_run else reader.read_bytes(count)
            )
            place += count
    except (EOFError, ValueError, TypeError) as error:
        raise DataError("a brush mask is damaged") from error
    return values.reshape(height, width, _CHANNELS)[..., 3] > 0


class _Reader:
    """Read numbers of any bit length off a stream of bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._bits = np.unpackbits(np.frombuffer(data, np.uint8))
        self._place = 0

    def read(self, bits: int) -> int:
        """Read a number, highest bit first."""
        start, stop = self._move(bits)
        whole = int.from_bytes(self._data[start // 8 : (stop + 7) // 8])
        return whole >> (-stop % 8) & ((1 << bits) - 1)

    def read_bytes(self, count: int) -> NDArray[np.uint8]:
        """Read several bytes, which need not start where a byte of the stream does."""
        start, stop = self._move(8 * count)
        return np.packbits(self._bits[start:stop])

    def _move(self, bits: int) -> tuple[int, int]:
        start, stop = self._place, self._place + bits
        if stop > len(self._bits):
            raise EOFError
        self._place = stop
        return start, stop
