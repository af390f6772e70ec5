"""What a proposer is: it looks at a view and proposes masks. And which of equal ones stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from segearth.building.masks.file import MaskRow
from segearth.building.masks.grid import View


@dataclass(frozen=True)
class Proposal:
    """A mask in a view."""

    mask: NDArray[np.bool_]
    """(h, w), as large as the view."""
    score: float
    """The proposer's own; higher is better."""
    point: tuple[float, float] | None = None
    """The prompt, x and y in the view; None if there was none."""


class Proposer(Protocol):
    """Draws masks without knowing what they are."""

    name: str
    """Goes into the file."""

    def propose(self, view: View) -> list[Proposal]:
        """Propose masks, none of them empty."""


def drop_duplicates(masks: Sequence[MaskRow], iou: float) -> list[MaskRow]:
    """Keep of masks that overlap too much the one that is trusted most.

    Trusted most are masks taken over from annotation (score null), then the highest score,
    then the earlier one. Greedy, so a mask goes only because of one that stays.

    Args:
        masks: Of one image.
        iou: Intersection over union from which two masks are the same.

    Returns:
        Those that stay, in their order. Of two that were taken over both stay: that is the
        annotation's business.
    """
    if not masks:
        return []
    order = sorted(
        range(len(masks)),
        key=lambda index: -float("inf") if (score := masks[index]["score"]) is None else -score,
    )
    runs = [
        {"size": mask["mask"]["size"], "counts": mask["mask"]["counts"].encode()} for mask in masks
    ]
    overlaps = np.asarray(coco.iou(runs, runs, [0] * len(runs)))
    stays: list[int] = []
    for index in order:
        if masks[index]["score"] is None or not (overlaps[index, stays] >= iou).any():
            stays.append(index)
    return [masks[index] for index in sorted(stays)]
