"""What prediction asks of a model: encode an image, answer, and turn the answer into masks.

`segearth.model.segmenter.Segmenter` is one; a test's stand-in is ten lines.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class ReplyLike(Protocol):
    """An answer, with what the masks are made from."""

    @property
    def answer(self) -> str:
        """The sentence, in the grammar of `segearth.data.answers`."""

    @property
    def phrases(self) -> list[str]:
        """One per ``[SEG]``, in order."""


class SegmenterLike(Protocol):
    """A model, ready to run."""

    @property
    def name(self) -> str:
        """What the model is called in results."""

    @property
    def window_px(self) -> int:
        """Side of the square that the model looks at."""

    def encode(self, image: NDArray[np.uint8], gsd_m: float | None = None) -> Any:
        """Look at an (H, W, 3) RGB image; the costly part, done once an image."""

    def reply(self, encoded: Any, instruction: str) -> ReplyLike:
        """Generate the answer to an instruction."""

    def teach(self, encoded: Any, instruction: str, answer: str) -> ReplyLike:
        """Take a given answer as the model's own."""

    def masks(self, encoded: Any, reply: Any) -> Any:
        """Return `logits` (n, H, W) and `scores` (n,) of the reply's targets."""


class Masks(NamedTuple):
    """Logits and scores of n targets as plain arrays."""

    logits: NDArray[np.float32]
    """(n, H, W) on the image's own grid; above 0 is target."""
    scores: NDArray[np.float32]
    """(n,) in 0 to 1."""


def masks_of(segmenter: SegmenterLike, encoded: object, reply: ReplyLike) -> Masks:
    """Run the mask decoder and return arrays of numpy, wherever the model computes."""
    found = segmenter.masks(encoded, reply)
    return Masks(_array(found.logits), _array(found.scores))


def _array(values: Any) -> NDArray[np.float32]:
    if hasattr(values, "detach"):
        values = values.detach().float().cpu()
    return np.asarray(values, dtype=np.float32)
