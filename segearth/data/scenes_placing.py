"""Find room for things, and repeat them."""

from __future__ import annotations

import numpy as np

from segearth.data.scenes_canvas import Canvas, Points, Spot
from segearth.data.scenes_shapes import put, rectangle
from segearth.data.scenes_structures import draw_tree
from segearth.data.scenes_vehicles import draw_car

_TRIES = 14


def heading(rng: np.random.Generator) -> float:
    """Choose the angle of a place: often along the picture, as streets often are."""
    if rng.random() < 0.35:
        return float(rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.02))
    return float(rng.uniform(0, np.pi))


def free_spot(
    canvas: Canvas, length: float, width: float, angle: float, margin_px: float = 3.0
) -> Spot | None:
    """Find a place for a rectangle among what stands there; it may be cut by the border.

    Returns:
        Its centre in pixels, or None if there was no room.
    """
    for _ in range(_TRIES):
        place = canvas.rng.uniform(0.02, 0.98, 2) * canvas.size
        if canvas.is_free(rectangle(place, length, width, angle), margin_px):
            return place
    return None


def scatter_trees(canvas: Canvas, count: int, radius_m: tuple[float, float]) -> None:
    """Plant trees where nothing stands."""
    for _ in range(count):
        radius = canvas.px(canvas.rng.uniform(*radius_m))
        spot = free_spot(canvas, 2 * radius, 2 * radius, 0.0, 1.0)
        if spot is not None:
            draw_tree(canvas, spot, radius)


def cars_in_bays(
    canvas: Canvas, at: Points, angle: float, length: float, depth: float, fill: float
) -> None:
    """Draw one row of marked bays and park cars in some of them."""
    rng = canvas.rng
    step = canvas.px(rng.uniform(2.7, 3.0))
    count = int(length // step)
    for index in range(count):
        along = (index - (count - 1) / 2) * step
        place = put([(along, 0)], at, angle)[0]
        if not canvas.holds(place, depth):
            continue
        ends = put([(along - step / 2, -depth / 2), (along - step / 2, depth / 2)], at, angle)
        canvas.line(ends[0], ends[1], (206, 206, 202))
        if rng.random() < fill:
            turn = angle + rng.choice([-1, 1]) * np.pi / 2 + rng.normal(0, 0.03)
            draw_car(canvas, place, float(turn))
