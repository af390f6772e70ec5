"""The k candidate masks of each target, and the one that stands for it (paper, Sec. 5.4).

Candidates stay at a quarter of the model's side, as they are decoded. The choice needs only
their scores, so just the chosen one is brought to the picture's own size; any other is
brought there when somebody asks for it.

Axes
    n  targets of an answer    k  candidates of a target    S  side of the model's square
    H, W  rows and columns of the picture
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segearth.data.letterbox import Letterbox
from segearth.matching import choose, distinct


@dataclass(frozen=True, kw_only=True)
class MaskLogits:
    """Masks of one reply.

    Attributes:
        logits: float32 ``(n, H, W)`` at the picture's own size; above 0 is target.
        scores: Confidence from 0 to 1, float32 ``(n,)``: mean probability inside the mask.
    """

    logits: NDArray[np.float32]
    scores: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """What was decoded for one reply.

    Attributes:
        logits: float32 ``(n, k, S/4, S/4)``; above 0 is target.
        quality: Learned score of each candidate, logits, float32 ``(n, k)``; None for k = 1,
            where there is nothing to choose.
        box: The way back to the picture.
        shared: The targets choose from one pool, so none may take what another has.
    """

    logits: Tensor
    quality: Tensor | None
    box: Letterbox
    shared: bool = False

    @property
    def chosen(self) -> Tensor:
        """Which candidate stands for each target, int64 ``(n,)``: the best score, or 0."""
        if self.shared and self.quality is not None and len(self.quality):
            return distinct(-self.quality.t())
        return choose(self.quality, len(self.logits))

    def selected(self) -> MaskLogits:
        """Bring the chosen candidates to the picture's size."""
        if not len(self.logits):
            shape = (0, self.box.height, self.box.width)
            return MaskLogits(logits=np.zeros(shape, np.float32), scores=np.zeros(0, np.float32))
        single = self.logits[torch.arange(len(self.logits)), self.chosen.cpu()]
        return MaskLogits(
            logits=self.box.undo(single).cpu().numpy(), scores=_confidence(single).cpu().numpy()
        )

    def mask(self, target: int, candidate: int) -> NDArray[np.bool_]:
        """Bring one candidate of one target to the picture's size, bool ``(H, W)``."""
        full = self.box.undo(self.logits[target, candidate][None])[0]
        return np.asarray((full > 0).cpu().numpy(), bool)


def _confidence(logits: Tensor) -> Tensor:
    """Mean probability inside each mask ``(n, h, w)``; 0 for an empty one."""
    probability = logits.sigmoid()
    inside = (logits > 0).float()
    total = (probability * inside).sum(dim=(1, 2))
    return total / inside.sum(dim=(1, 2)).clamp(min=1)
