"""What the shrunk scene says about one instruction, and what follows for the windows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segearth.geo.windows import Window
from segearth.prediction.interface import Masks

MAX_SHRINK = 4.0
"""Beyond this the overview is too coarse to say which one is meant."""

GATE_MARGIN_PX = 3
"""How far around an overview mask, in overview pixels, windows may add detail."""


@dataclass
class Question:
    """One instruction on its way through a scene."""

    number: int
    instruction: str
    answer: str = ""
    """The overview's sentence."""
    phrases: list[str] = field(default_factory=list)
    """One per ``[SEG]`` of it."""
    masks: Masks | None = None
    """Of the overview, (n, h, w)."""
    target_numbers: list[int | None] = field(default_factory=list)
    """Which of the scene's targets each ``[SEG]`` is."""
    gates: dict[int, NDArray[np.bool_]] = field(default_factory=dict)
    """By place of the ``[SEG]``: (h, w) where windows may mark it; only for "the one"."""

    @property
    def is_open(self) -> bool:
        """Whether windows should look for themselves: not if every target is gated."""
        return not self.phrases or len(self.gates) < len(self.phrases)

    @property
    def gated_targets(self) -> set[int | None]:
        """Numbers of the targets that windows must not find by themselves."""
        return {self.target_numbers[index] for index in self.gates}

    def gates_in(self, window: Window, size: tuple[int, int]) -> dict[int, NDArray[np.bool_]]:
        """Return the gates that reach into a window, at the window's resolution.

        Args:
            window: The place.
            size: (height, width) of the scene.
        """
        crops = {index: crop(gate, window, size) for index, gate in self.gates.items()}
        return {index: gate for index, gate in crops.items() if gate.any()}


def gate_around(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Widen an overview mask by the margin."""
    import cv2

    kernel = np.ones((2 * GATE_MARGIN_PX + 1,) * 2, np.uint8)
    return cv2.dilate(mask.astype(np.uint8), kernel).astype(bool)


def crop(mask: NDArray[np.bool_], window: Window, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Enlarge the part of an overview mask that a window covers.

    Args:
        mask: (h, w) for the whole scene.
        window: The place.
        size: (height, width) of the scene.

    Returns:
        (window height, window width), by nearest pixel.
    """
    height, width = size
    rows = (window.row + np.arange(window.height) + 0.5) * mask.shape[0] / height
    columns = (window.column + np.arange(window.width) + 0.5) * mask.shape[1] / width
    return mask[np.ix_(rows.astype(int), columns.astype(int))]


def enlarge(
    logits: NDArray[np.float32], row: int, rows: int, size: tuple[int, int]
) -> NDArray[np.float32]:
    """Enlarge rows of overview logits to the scene's size, bilinearly.

    Args:
        logits: (h, w) for the whole scene.
        row: First row of the scene.
        rows: How many.
        size: (height, width) of the scene.

    Returns:
        (rows, width).
    """
    height, width = size
    above, below, share = _between(np.arange(row, row + rows), height, len(logits))
    band = logits[above] * (1 - share[:, None]) + logits[below] * share[:, None]
    left, right, share = _between(np.arange(width), width, logits.shape[1])
    return np.asarray(band[:, left] * (1 - share) + band[:, right] * share, np.float32)


def _between(
    places: NDArray[np.int64], length: int, coarse: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return for pixels of a fine axis the two coarse pixels beside, and the second's share."""
    position = np.clip((places + 0.5) * coarse / length - 0.5, 0, coarse - 1)
    first = position.astype(np.int64)
    return first, np.minimum(first + 1, coarse - 1), (position - first).astype(np.float32)
