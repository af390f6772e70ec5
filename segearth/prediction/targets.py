"""The targets of one scene while they are being found: who they are, and their pixels on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segearth.geo.bit_rows import BitRows
from segearth.prediction.phrases import fold

MAX_TARGETS = 32  # a strip is kept in memory for each


@dataclass
class Target:
    """One target of one question."""

    question: int
    """Which of the instructions it answers, from 0."""
    phrase: str
    mask: BitRows
    _score_sum: float = field(default=0.0, repr=False)
    _score_weight: float = field(default=0.0, repr=False)

    @property
    def score(self) -> float:
        """Mean of the scores of all windows that show it, weighted by its pixels in each."""
        return self._score_sum / self._score_weight if self._score_weight else 0.0

    def count_score(self, score: float, logits: NDArray[np.float32]) -> None:
        """Take a window's score into the mean."""
        weight = max(1, int((logits > 0).sum()))
        self._score_sum += weight * score
        self._score_weight += weight


class Targets:
    """All targets of a scene, in order of first appearance."""

    def __init__(self, scratch: Path, height: int, width: int) -> None:
        """Keep masks of a (height, width) scene as files in a scratch folder."""
        self._scratch = scratch
        self._size = height, width
        self._numbers: dict[tuple[int, str], int] = {}
        self.found: list[Target] = []
        self.left_out: set[str] = set()
        """Phrases beyond `MAX_TARGETS`, which were named but not followed."""

    def add(self, question: int, phrase: str, score: float, logits: NDArray[np.float32]) -> Target:
        """Add a target, also one whose phrase is there already."""
        mask = BitRows(self._scratch / f"target-{len(self.found)}", *self._size)
        target = Target(question, phrase, mask)
        target.count_score(score, logits)
        self.found.append(target)
        return target

    def number(self, question: int, phrase: str) -> int | None:
        """Return the number of the target that a phrase means, a new one if needed.

        Returns:
            An index into `found`, or None if there are too many targets already.
        """
        key = question, fold(phrase)
        if key not in self._numbers:
            if len(self.found) >= MAX_TARGETS:
                self.left_out.add(phrase)
                return None
            self._numbers[key] = len(self.found)
            mask = BitRows(self._scratch / f"target-{len(self.found)}", *self._size)
            self.found.append(Target(question, phrase, mask))
        return self._numbers[key]
