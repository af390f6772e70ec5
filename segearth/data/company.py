"""Which things are seen together, counted over annotated tiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from segearth.data.targets import AnnotatedImage
from segearth.data.vocabulary import singular


class Company:
    """How often one category is seen beside another."""

    def __init__(self, tiles: Iterable[AnnotatedImage]) -> None:
        """Count the pairs of categories that share a tile."""
        self._tiles: Counter[str] = Counter()
        self._pairs: Counter[tuple[str, str]] = Counter()
        for tile in tiles:
            present = sorted({singular(target.phrase) for target in tile.targets})
            self._tiles.update(present)
            self._pairs.update((one, other) for one in present for other in present)

    def expect(self, present: Collection[str], names: Sequence[str]) -> NDArray[np.float64]:
        """Say how much each of `names` is to be expected in a picture.

        Args:
            present: Categories that are in the picture. Of a picture without any that was
                counted, nothing but how common a category is can be said.
            names: Categories to compare.

        Returns:
            ``(len(names),)`` shares that sum to 1: for each name, the mean over `present` of
            the share of tiles with the one that also have the other. All 0 if none of `names`
            was ever seen.
        """
        beside = sorted(category for category in present if self._tiles[category])
        if beside:
            found = np.array(
                [
                    sum(self._pairs[other, name] / self._tiles[other] for other in beside)
                    for name in names
                ]
            )
        else:
            found = np.array([float(self._tiles[name]) for name in names])
        total = found.sum()
        return found / total if total else found
