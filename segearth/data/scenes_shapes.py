"""Outlines in pixels: rectangles, rounds, blobs, ribbons, and outlines put in place.

All return (n, 2) float64, x then y. An angle turns from x towards y (clockwise as seen).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segearth.data.scenes_canvas import Points, Spot


def put(outline: Sequence[tuple[float, float]] | Points, place: Spot, angle: float) -> Points:
    """Turn an outline about its origin and move it to a place."""
    return turn(np.asarray(outline, dtype=np.float64), angle) + place


def turn(points: Points, angle: float) -> Points:
    """Turn points about the origin."""
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[c, s], [-s, c]]))


def rectangle(place: Spot, length: float, width: float, angle: float) -> Points:
    """Return the corners of a rectangle whose length lies along `angle`."""
    a, b = length / 2, width / 2
    return put([(-a, -b), (a, -b), (a, b), (-a, b)], place, angle)


def ellipse(
    place: Spot, radius_a: float, radius_b: float, angle: float = 0.0, count: int = 28
) -> Points:
    """Return points on an ellipse."""
    steps = np.linspace(0, 2 * np.pi, count, endpoint=False)
    ring = np.stack([radius_a * np.cos(steps), radius_b * np.sin(steps)], axis=-1)
    return turn(ring, angle) + place


def blob(rng: np.random.Generator, place: Spot, radius: float, *, rough: float = 0.25) -> Points:
    """Return a smooth, irregular round outline: a pond, a bunker, a clump of trees."""
    steps = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    reach = np.ones(40)
    for order in (1, 2, 3, 4):
        reach += rough / order * rng.normal() * np.cos(order * steps + rng.uniform(0, 2 * np.pi))
    reach = np.maximum(reach, 0.35) * radius
    stretch = rng.uniform(0.7, 1.0)
    ring = np.stack([reach * np.cos(steps), stretch * reach * np.sin(steps)], axis=-1)
    return turn(ring, rng.uniform(0, np.pi)) + place


def ribbon(centre: Points, width: float) -> Points:
    """Return the outline of a band of even width along a line."""
    ahead = np.gradient(centre, axis=0)
    ahead /= np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)[:, None]
    side = np.stack([-ahead[:, 1], ahead[:, 0]], axis=-1) * (width / 2)
    return np.concatenate([centre + side, (centre - side)[::-1]])


def bearing(start: Spot, end: Spot) -> float:
    """Return the angle of the way from one point to another."""
    return float(np.arctan2(end[1] - start[1], end[0] - start[0]))


def straight(place: Spot, angle: float, reach: float) -> Points:
    """Return the two ends of a line through a point, `reach` to each side."""
    ahead = np.array([np.cos(angle), np.sin(angle)]) * reach
    return np.array([place - ahead, place + ahead])


def curved(
    rng: np.random.Generator, place: Spot, angle: float, reach: float, bend: float
) -> Points:
    """Return a gently winding line through a point; `bend` is how far it strays."""
    along = np.linspace(-reach, reach, 36)
    waves = rng.uniform(0.7, 1.6) * np.pi / reach
    stray = bend * np.sin(along * waves + rng.uniform(0, 2 * np.pi))
    stray -= stray[18]
    return turn(np.stack([along, stray], axis=-1), angle) + place


def stroke(start: Points, end: Points, width: float) -> Points:
    """Return the rectangle of a painted line between two points."""
    return ribbon(np.stack([start, end]), width)


def dashes(centre: Points, dash: float, gap: float) -> list[tuple[Points, Points]]:
    """Cut a line into dashes: pairs of end points."""
    steps = np.hypot(*np.diff(centre, axis=0).T)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    starts = np.arange(0, length[-1], dash + gap)
    pairs = []
    for start in starts:
        ends = np.array([start, min(start + dash, length[-1])])
        xy = np.stack([np.interp(ends, length, centre[:, axis]) for axis in (0, 1)], axis=-1)
        pairs.append((xy[0], xy[1]))
    return pairs
