"""How many masks of 512 x 512 can be measured a second, and are the figures right?

    python tests/benchmarks/shape_speed.py [MASKS]

Not a test: a busy machine would fail it. Measures the same masks with scikit-image's
regionprops, side by side, and prints one JSON object; exit 1 if a bound is missed. The rate
is masks per second of processor time on one core, run lengths in, figures out; two cores
double it, because masks are independent. scikit-image is in the `dev` extra.
"""

from __future__ import annotations

import json
import sys
import time

import cv2
import numpy as np
from skimage.measure import label, regionprops
from skimage.morphology import convex_hull_image

from segearth.building.shapes.measures import measure_shape
from segearth.data.rle import decode_crop, decode_mask, encode_mask

SIDE_PX = 512
BOUNDS = {
    "masks_per_cpu_second": 1000.0,  # 2000 a second on two cores
    "eccentricity": 1e-6,  # largest difference to scikit-image
    "extent": 1e-6,
    "solidity": 1e-6,
}
SIZES_PX = {"small": (6, 20), "medium": (20, 80), "large": (80, 240)}


def blob(rng: np.random.Generator, radii: tuple[int, int]) -> np.ndarray:
    """A star-shaped outline with random bumps, somewhere in the picture."""
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    bumps = sum(rng.uniform(0, 0.12) * np.cos(k * angles + rng.uniform(0, 6)) for k in range(2, 6))
    radius = rng.uniform(*radii) * (1 + bumps) / 1.3
    stretch = rng.uniform(0.4, 1)
    centre = rng.uniform(radii[1] + 8, SIDE_PX - radii[1] - 8, 2)
    points = np.stack([np.cos(angles) * radius, np.sin(angles) * radius * stretch], 1) + centre
    mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    cv2.fillPoly(mask, [points.astype(np.int32)], 1)
    return mask > 0


def cpu_seconds(work: object, items: list) -> float:
    """Processor time for all items, the best of three rounds."""
    rounds = []
    for _ in range(3):
        start = time.process_time()
        for item in items:
            work(item)
        rounds.append(time.process_time() - start)
    return min(rounds)


def theirs(rle: dict) -> tuple[float, ...]:
    """What regionprops has of our figures; perimeter stands in for circularity's."""
    (props,) = regionprops(label(decode_mask(rle), connectivity=2))
    return props.eccentricity, props.solidity, props.extent, props.perimeter


def expected(rle: dict) -> dict[str, float]:
    """The figures that scikit-image can give by the same definition.

    The hull of regionprops goes around the pixels; without offsets it goes through their
    centres, as ours does.
    """
    mask = decode_mask(rle)
    eccentricity, _, extent, _ = theirs(rle)
    hull = convex_hull_image(mask, offset_coordinates=False)
    return {
        "eccentricity": eccentricity,
        "solidity": mask.sum() / hull.sum(),
        "extent": extent,
    }


def main(count: int) -> int:
    """Measure, print, compare."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    result: dict[str, object] = {"masks": count, "bounds": BOUNDS}
    missed = []
    for name, radii in SIZES_PX.items():
        masks = [encode_mask(blob(rng, radii)) for _ in range(count)]
        ours_s = cpu_seconds(lambda rle: measure_shape(decode_crop(rle)[0]), masks)
        theirs_s = cpu_seconds(theirs, masks)
        differences: dict[str, float] = {}
        for rle in masks:
            figures = measure_shape(decode_crop(rle)[0]).figures
            for figure, value in expected(rle).items():
                difference = float(abs(figures[figure] - value))
                differences[figure] = max(differences.get(figure, 0.0), difference)
        rate = count / ours_s
        result[name] = {
            "masks_per_cpu_second": round(rate),
            "scikit_image_per_cpu_second": round(count / theirs_s),
            "largest_difference": differences,
        }
        missed += [f"{name} rate"] if rate < BOUNDS["masks_per_cpu_second"] else []
        missed += [f"{name} {key}" for key, value in differences.items() if value > BOUNDS[key]]
    sys.stdout.write(json.dumps({**result, "missed": missed}) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
