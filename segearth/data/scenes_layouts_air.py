"""Arrangements of airfields and aprons."""

from __future__ import annotations

import numpy as np

from segearth.data.scenes_canvas import Canvas, Points
from segearth.data.scenes_grounds import (
    draw_runway,
)
from segearth.data.scenes_placing import free_spot, heading, scatter_trees
from segearth.data.scenes_shapes import put, ribbon, straight
from segearth.data.scenes_structures import (
    draw_building,
)
from segearth.data.scenes_vehicles import (
    draw_airplane,
    draw_car,
    draw_truck,
)


def airfield(canvas: Canvas) -> None:
    """Draw exactly one runway, with a taxiway, aircraft, hangars and mown grass."""
    rng, size = canvas.rng, canvas.size
    dry = rng.random() < 0.35
    name, surface = ("bare land", "dry") if dry else ("grass", "grass")
    canvas.fill(surface, canvas.add(name, colour=None if dry else "green"))
    angle = heading(rng)
    across = np.array([-np.sin(angle), np.cos(angle)])
    at = np.array([size / 2, size / 2]) + across * rng.uniform(-0.3, 0.3) * size
    width = canvas.px(rng.uniform(15, 26))
    draw_runway(canvas, straight(at, angle, 1.2 * size), width, marked=bool(rng.random() < 0.5))
    side = rng.choice([-1, 1])
    lane_at = at + across * side * (width / 2 + canvas.px(rng.uniform(12, 20)))
    if rng.random() < 0.6:
        _taxiway(canvas, lane_at, angle)
    if rng.random() < 0.5:
        along = rng.uniform(-0.3, 0.3) * size
        spot = put([(along, 0)], at, angle)[0]
        draw_airplane(canvas, spot, angle + rng.choice([0.0, np.pi]), rng.uniform(12, 26))
    for _ in range(int(rng.integers(0, 4))):
        length, deep = canvas.px(rng.uniform(12, 24)), canvas.px(rng.uniform(10, 18))
        spot = free_spot(canvas, length, deep, angle)
        if spot is not None:
            draw_building(canvas, spot, length, deep, angle, category="hangar")
    for _ in range(int(rng.integers(0, 5))):
        span = rng.uniform(9, 16)
        _park(canvas, span, rng.uniform(0, 2 * np.pi))
    scatter_trees(canvas, int(rng.integers(0, 5)), (2.0, 4.0))


def _taxiway(canvas: Canvas, at: Points, angle: float) -> None:
    item = canvas.add("taxiway", colour="grey")
    centre = straight(at, angle, 1.2 * canvas.size)
    outline = ribbon(centre, canvas.px(10))
    shade = canvas.rng.uniform(120, 160)
    canvas.polygon(outline, (shade, shade, shade * 0.98), item)
    canvas.reserve(outline)
    canvas.line(centre[0], centre[1], (206, 176, 60), canvas.px(0.3))


def _park(canvas: Canvas, span_m: float, angle: float) -> None:
    span = canvas.px(span_m)
    spot = free_spot(canvas, 1.1 * span, span, angle)
    if spot is not None:
        draw_airplane(canvas, spot, angle, span_m)


def apron(canvas: Canvas) -> None:
    """Draw parked airliners on concrete, with vehicles and a terminal or hangar."""
    rng, size = canvas.rng, canvas.size
    canvas.fill("concrete")
    angle = heading(rng)
    for shift in np.arange(-1, 1.01, rng.uniform(0.12, 0.3)):
        joint = straight(size * np.array([0.5 + shift, 0.5]), angle, 1.5 * size)
        canvas.line(joint[0], joint[1], (150, 148, 142))
    if rng.random() < 0.5:
        length, width = canvas.px(rng.uniform(30, 60)), canvas.px(rng.uniform(14, 26))
        at = size * np.array([rng.choice([0.04, 0.96]), rng.uniform(0.2, 0.8)])
        at = at if rng.random() < 0.5 else at[::-1]
        category = "terminal" if rng.random() < 0.5 else "hangar"
        draw_building(canvas, at, length, width, angle, category=category)
    base = rng.uniform(16, 36)
    turn = rng.uniform(0, 2 * np.pi)
    for _ in range(int(rng.integers(1, 7))):
        span = base * rng.choice([1.0, 1.0, rng.uniform(0.4, 1.3)])
        spread = 0.15 if rng.random() < 0.6 else 3.0
        _park(canvas, span, turn + rng.normal(0, spread))
    for _ in range(int(rng.integers(0, 7))):
        spot = free_spot(canvas, canvas.px(12), canvas.px(4), angle)
        if spot is not None:
            draw = draw_truck if rng.random() < 0.4 else draw_car
            draw(canvas, spot, rng.uniform(0, 2 * np.pi))
