"""Propose masks without any weights: regions of like colour, at several scales.

Not part of the paper; it stands in for SAM where no SAM weights are. A region is an alpha-
connected component (Soille 2008, "Constrained connectivity for hierarchical image
partitioning and simplification", IEEE TPAMI 30(7)): pixels that a chain of neighbours joins,
each step of at most alpha in colour. A larger alpha joins smaller regions, so the scales
form a hierarchy of parts and wholes. The picture is smoothed first, edges kept. It sees
things that stand out evenly (tanks, pools, roofs, fields), not what has a pattern of its own.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, find_objects
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from segearth.building.masks.grid import View
from segearth.building.masks.proposals import Proposal

ALPHAS = (3.0, 5.0, 8.0, 12.0, 18.0)
"""Largest step between neighbours, as distance in Lab on OpenCV's 8-bit scale."""
MIN_AREA_PX = 24
"""Smaller regions are grain."""
MAX_SHARE = 0.6
"""Larger regions are background."""
MAX_REGIONS = 200
"""A scale, the largest first: fine texture must not flood the file."""

_LINK = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


class Regions:
    """The proposer `regions`."""

    name = "regions"

    def propose(self, view: View) -> list[Proposal]:
        """Propose the regions of all scales; points are not used.

        Args:
            view: What to look at.

        Returns:
            Regions with their holes filled and threads cut. The score, 0 to 1, is the share
            of the step across the border that is not found inside: 1 - inside / across, both
            mean steps between neighbours.
        """
        height, width = view.pixels.shape[:2]
        if height < 2 or width < 2:
            return []
        smooth = cv2.bilateralFilter(view.pixels, 7, 30, 5)
        lab = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB).astype(np.float32)
        index = np.arange(height * width).reshape(height, width)
        pairs = np.concatenate(
            [
                np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()]),
                np.stack([index[:-1].ravel(), index[1:].ravel()]),
            ],
            axis=1,
        )
        flat = lab.reshape(-1, 3)
        steps = np.linalg.norm(flat[pairs[0]] - flat[pairs[1]], axis=1)
        found = []
        for alpha in ALPHAS:
            found += _at_scale(pairs, steps, alpha, (height, width))
        return found


def _at_scale(
    pairs: NDArray[np.int64], steps: NDArray[np.float32], alpha: float, size: tuple[int, int]
) -> list[Proposal]:
    """Return the regions for one alpha.

    Args:
        pairs: (2, n) neighbours, as numbers of pixels.
        steps: (n,) distance in colour of each pair.
        alpha: Largest step within a region.
        size: Height and width.
    """
    pixels = size[0] * size[1]
    joined = steps <= alpha
    ones = np.ones(int(joined.sum()), np.uint8)
    graph = coo_array((ones, (pairs[0, joined], pairs[1, joined])), shape=(pixels, pixels))
    count, labels = connected_components(graph, directed=False)
    areas = np.bincount(labels, minlength=count)
    contrast = _contrast(labels[pairs], steps, count)
    wanted = np.flatnonzero((areas >= MIN_AREA_PX) & (areas <= MAX_SHARE * pixels))
    wanted = wanted[np.argsort(-areas[wanted], kind="stable")][:MAX_REGIONS]
    where = find_objects(labels.reshape(size) + 1)
    proposals = []
    for label in wanted.tolist():
        window = where[label]
        part = binary_fill_holes(labels.reshape(size)[window] == label)
        part = cv2.morphologyEx(np.asarray(part, np.uint8), cv2.MORPH_OPEN, _LINK)
        if np.count_nonzero(part) >= MIN_AREA_PX:
            mask = np.zeros(size, bool)
            mask[window] = part > 0
            proposals.append(Proposal(mask, float(contrast[label])))
    return proposals


def _contrast(
    sides: NDArray[np.int32], steps: NDArray[np.float32], count: int
) -> NDArray[np.float64]:
    """Return how much larger the steps across each region's border are than those inside.

    Args:
        sides: (2, n), the regions of each pair.
        steps: (n,).
        count: How many regions there are.
    """
    inside = sides[0] == sides[1]
    within = _mean(sides[0, inside], steps[inside], count)
    across = _mean(sides[:, ~inside].ravel(), np.tile(steps[~inside], 2), count)
    return np.clip(1 - within / np.maximum(across, 1e-6), 0, 1)


def _mean(
    labels: NDArray[np.int32], values: NDArray[np.float32], count: int
) -> NDArray[np.float64]:
    """Average values by label; 0 where there are none."""
    sums = np.bincount(labels, weights=values, minlength=count)
    return sums / np.maximum(np.bincount(labels, minlength=count), 1)
