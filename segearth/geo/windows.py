"""Cut a scene into overlapping windows and blend their logits back, a strip at a time.

Windows go left to right, top to bottom. Every pixel of a target gets the weighted mean of
the logits of all windows that cover it; weights fall to the window's edge as a raised
cosine over the overlap, because a window sees an object at its edge only in part. A
window that does not name a target votes `ABSENT_LOGIT` for all of it.

Rows that no later window covers leave at once, so memory is one strip: window height x
scene width x (targets + 1) float32, whatever the scene's height.

    offsets  [0, 384, 768, …]      where windows begin along an axis, in pixels
    strip    (S, W)                the rows that windows in work cover; S rows of W columns
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ABSENT_LOGIT = -2.0
"""A vote of about 0.12 in probability: a doubt that one sure window outweighs."""

_LEAST_WEIGHT = 1e-3  # the scene's own edge is covered by nothing else


@dataclass(frozen=True)
class Window:
    """A rectangle of a scene, in pixels."""

    row: int
    column: int
    height: int
    width: int


def window_offsets(length: int, side: int, overlap: int) -> list[int]:
    """Place windows along an axis.

    Args:
        length: Of the axis, at least 1.
        side: Of a window; it is cut to `length` where that is shorter.
        overlap: Pixels that neighbours share at least, less than `side`.

    Returns:
        Where each begins: evenly spread, so that the last one does not repeat most of the
        one before it.
    """
    last = max(0, length - side)
    gaps = -(-last // (side - overlap))
    return [round(index * last / gaps) for index in range(gaps + 1)] if gaps else [0]


def edge_weights(length: int, overlap: int) -> NDArray[np.float32]:
    """Return the weights along one axis of a window.

    Args:
        length: Of the window.
        overlap: Over how many pixels weights rise from either edge.

    Returns:
        (length,) in [0.001, 1]; the falling and rising halves of two neighbours sum to 1.
    """
    inward = np.minimum(np.arange(length), np.arange(length)[::-1]) + 0.5
    ramp = np.minimum(inward / max(overlap, 1), 1)
    return np.maximum(0.5 - 0.5 * np.cos(np.pi * ramp), _LEAST_WEIGHT).astype(np.float32)


@dataclass(frozen=True)
class FinishedRows:
    """Rows that no later window will change."""

    row: int
    valid: NDArray[np.bool_]
    """(R, W)."""
    masks: dict[int, NDArray[np.bool_]]
    """(R, W) by target, only valid pixels set."""


class StripBlend:
    """The strip in work: sums of weighted logits by target, and of weights."""

    def __init__(self, side: int, width: int, overlap: int) -> None:
        """Start above the scene's first row.

        Args:
            side: Height of a window, at most the scene's.
            width: Of the scene.
            overlap: As given to `window_offsets`.
        """
        self._overlap = overlap
        self._row = 0
        self._weights = np.zeros((side, width), np.float32)
        self._valid = np.zeros((side, width), bool)
        self._sums: dict[int, NDArray[np.float32]] = {}

    @property
    def peak_bytes(self) -> int:
        """Memory of the strip with the targets seen so far."""
        arrays: Sequence[NDArray[np.generic]] = [self._weights, self._valid, *self._sums.values()]
        return sum(array.nbytes for array in arrays)

    def cover(self, window: Window, valid: NDArray[np.bool_]) -> None:
        """Count a window in, once: all targets get its vote for "absent" until `add` says more.

        Args:
            window: The place; its row must not lie above rows that are finished.
            valid: (height, width) pixels that count.
        """
        place = self._place(window)
        self._weights[place] += self._window_weights(window)
        self._valid[place] |= valid

    def add(self, target: int, window: Window, logits: NDArray[np.float32]) -> None:
        """Replace a covered window's vote for one target, at most once per window and target.

        Args:
            target: Its number; a new one begins with what was covered so far as absent.
            window: As given to `cover`.
            logits: (height, width).
        """
        if target not in self._sums:
            self._sums[target] = np.zeros_like(self._weights)
        # Sums hold the difference to "absent", so windows that say nothing need no work.
        self._sums[target][self._place(window)] += self._window_weights(window) * (
            logits - ABSENT_LOGIT
        )

    def finish(self, until: int) -> FinishedRows:
        """Take out the rows above `until` and move the strip down to there.

        Args:
            until: Row of the next windows, or the scene's height.

        Returns:
            Their masks: where the blended logit is above 0.
        """
        count = until - self._row
        valid = self._valid[:count].copy()
        masks = {
            target: (sums[:count] + ABSENT_LOGIT * self._weights[:count] > 0) & valid
            for target, sums in self._sums.items()
        }
        finished = FinishedRows(self._row, valid, masks)
        for array in (self._weights, self._valid, *self._sums.values()):
            kept = len(array) - count
            array[:kept] = array[count:]
            array[kept:] = 0
        self._row = until
        return finished

    def _place(self, window: Window) -> tuple[slice, slice]:
        top = window.row - self._row
        return (
            slice(top, top + window.height),
            slice(window.column, window.column + window.width),
        )

    def _window_weights(self, window: Window) -> NDArray[np.float32]:
        """Return (height, width) weights of a window."""
        down = edge_weights(window.height, self._overlap)
        return down[:, None] * edge_weights(window.width, self._overlap)
