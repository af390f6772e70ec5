"""Turn any band values into the 0 to 255 a model sees, by one stretch for the whole scene.

A stretch of its own for every window turns water and cloud into noise and leaves seams,
so limits are measured once, on a decimated read of the whole scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segearth.errors import UsageError

PERCENTILES = (2.0, 98.0)


@dataclass(frozen=True)
class Stretch:
    """Band limits that become 0 and 255; what lies outside is clipped."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    def apply(self, values: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Scale bands to bytes.

        Args:
            values: (bands, H, W), any real type.
            valid: (H, W); where false, the result is 0 whatever the values are.

        Returns:
            (bands, H, W) uint8.
        """
        if values.dtype == np.uint8 and {*self.low, *self.high} == {*AS_IT_IS.low, *AS_IT_IS.high}:
            return np.where(valid, values, np.uint8(0))
        scaled = np.zeros(values.shape, np.uint8)
        for band, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            # Band by band: a float copy of all of them would treble the memory of a window.
            with np.errstate(invalid="ignore", over="ignore"):
                share = (values[band].astype(np.float32) - np.float32(low)) / np.float32(high - low)
            share = np.clip(np.nan_to_num(share), 0, 1) * 255
            scaled[band] = np.where(valid, np.rint(share), 0)
        return scaled


AS_IT_IS = Stretch((0.0,), (255.0,))


def measure_stretch(values: NDArray[np.generic], valid: NDArray[np.bool_]) -> Stretch:
    """Take the limits of each band from percentiles 2 and 98 of its valid pixels.

    Args:
        values: (bands, h, w), a decimated read of the whole scene.
        valid: (h, w), true somewhere.

    Returns:
        The stretch; a band of one value gets a width of 1, so that it becomes 0.
    """
    limits = [np.percentile(band[valid].astype(np.float64), PERCENTILES) for band in values]
    low = tuple(float(pair[0]) for pair in limits)
    high = tuple(float(max(pair[1], np.nextafter(pair[0] + 1e-6, np.inf))) for pair in limits)
    return Stretch(low, high)


def parse_stretch(text: str | None) -> Stretch | str | None:
    """Read the `--stretch` option.

    Args:
        text: "none", "percentile", "MIN,MAX", or None for the default.

    Returns:
        "none" or "percentile", a one-band `Stretch` of the given limits, or None.

    Raises:
        UsageError: It is none of these.
    """
    if text is None or text in {"none", "percentile"}:
        return text
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low = high = 0.0
    if not (np.isfinite([low, high]).all() and low < high):
        raise UsageError(
            f"'{text}' is no stretch",
            where="--stretch",
            hint="give none, percentile, or the values for black and white as MIN,MAX: 0,3000",
        )
    return Stretch((low,), (high,))
