"""Arrangements with water: marinas, coasts, open sea, rivers."""

from __future__ import annotations

import numpy as np

from segearth.data.scenes_canvas import Canvas, Points, Spot
from segearth.data.scenes_grounds import (
    draw_road,
    region,
    water,
)
from segearth.data.scenes_placing import free_spot, heading, scatter_trees
from segearth.data.scenes_shapes import blob, curved, dashes, put, ribbon, straight
from segearth.data.scenes_structures import (
    draw_dock,
    draw_house,
    draw_trees,
)
from segearth.data.scenes_vehicles import (
    draw_boat,
    draw_car,
    draw_ship,
)
from segearth.data.textures import add_level, noise, texture


def marina(canvas: Canvas) -> None:
    """Draw docks with boats on both sides; sometimes a quay with cars."""
    rng, size = canvas.rng, canvas.size
    canvas.image = water(canvas, "sea")
    canvas.spread(np.ones((size, size), bool), canvas.image, canvas.add("water"))
    angle = heading(rng)
    across = np.array([-np.sin(angle), np.cos(angle)])
    length_m = rng.uniform(6, 13)
    gap = canvas.px(2 * length_m + rng.uniform(9, 20))
    middle = np.array([size / 2, size / 2]) + across * rng.uniform(-0.3, 0.3) * size
    fill = rng.uniform(0.2, 1.0)
    dock_reach = size * rng.uniform(0.3, 1.1)
    for row in (-1, 0, 1):
        at = middle + across * row * gap
        if rng.random() < 0.2 and row:
            continue
        dock = canvas.add("dock")
        ends = straight(at, angle, dock_reach)
        draw_dock(canvas, ends[0], ends[1], canvas.px(2.2), dock)
        for side in (-1, 1):
            _boats_along(canvas, at, angle, side, dock_reach, length_m, fill)
    if rng.random() < 0.4:
        spot = free_spot(canvas, canvas.px(length_m), canvas.px(4), angle)
        if spot is not None:
            draw_boat(canvas, spot, rng.uniform(0, 2 * np.pi), length_m)


def _boats_along(
    canvas: Canvas, at: Points, angle: float, side: int, reach: float, length_m: float, fill: float
) -> None:
    rng = canvas.rng
    step = canvas.px(0.42 * length_m + rng.uniform(0.6, 1.6))
    for along in np.arange(-0.95 * reach, 0.95 * reach, step):
        if rng.random() > fill:
            continue
        own = length_m * rng.uniform(0.75, 1.0)
        away = canvas.px(1.4 + own / 2)
        place = put([(along, side * away)], at, angle)[0]
        if canvas.holds(place, 10):
            facing = angle + side * np.pi / 2 + (np.pi if rng.random() < 0.25 else 0)
            draw_boat(canvas, place, facing + rng.normal(0, 0.03), own)


def coast(canvas: Canvas) -> None:
    """Draw the sea, a breaking wave, a beach, and land behind it; ships or boats at times."""
    rng, size = canvas.rng, canvas.size
    green = rng.random() < 0.6
    land = canvas.add("grass" if green else "bare land", colour="green" if green else None)
    canvas.fill("grass" if green else "dry", land)
    angle = rng.uniform(0, 2 * np.pi)
    shore = rng.uniform(-0.25, 0.2) * size
    sand = rng.uniform(0.12, 0.4) * size
    steps = np.arange(size, dtype=np.float32)
    depth = np.cos(angle) * (steps[None, :] - size / 2) + np.sin(angle) * (
        steps[:, None] - size / 2
    )
    depth = depth + noise(rng, "cloud", size) * 0.04 * size + noise(rng, "coarse", size) * 2
    canvas.spread(
        depth < shore + sand, texture(rng, "sand", size), canvas.add("beach", colour="beige")
    )
    sea = canvas.add("sea")
    canvas.spread(depth < shore, water(canvas, "sea"), sea, edge=1.5)
    if rng.random() < 0.6:
        foam = np.abs(depth - shore) < (0.02 + 0.02 * noise(rng, "coarse", size)) * size
        pale = add_level(texture(rng, "concrete", size), np.full((size, size), 30, np.float32))
        canvas.spread(foam, pale, edge=1.2)
    canvas.occupied[depth < shore + sand + 6] = 255
    for _ in range(int(rng.integers(0, 5))):
        side = canvas.px(rng.uniform(9, 16))
        spot = free_spot(canvas, 1.4 * side, side, angle)
        if spot is not None:
            draw_house(canvas, spot, 1.4 * side, side, angle)
    scatter_trees(canvas, int(rng.integers(0, 7)), (2.0, 4.5))
    canvas.occupied[:] = np.where(depth < shore - 8, 0, 255)
    _afloat(canvas)


def _afloat(canvas: Canvas) -> None:
    """Put ships or boats on the free water."""
    rng = canvas.rng
    ships = rng.random() < 0.4
    for _ in range(int(rng.integers(0, 5))):
        length_m = rng.uniform(25, 60) if ships else rng.uniform(6, 14)
        angle = rng.uniform(0, 2 * np.pi)
        spot = free_spot(canvas, canvas.px(length_m), canvas.px(0.3 * length_m), angle, 4)
        if spot is not None:
            (draw_ship if ships else draw_boat)(canvas, spot, angle, length_m)


def open_water(canvas: Canvas) -> None:
    """Draw ships or boats on the sea, perhaps beside a quay."""
    rng, size = canvas.rng, canvas.size
    canvas.image = water(canvas, "sea")
    canvas.spread(np.ones((size, size), bool), canvas.image, canvas.add("sea"))
    if rng.random() < 0.5:
        angle = heading(rng)
        at = size * np.array([rng.choice([0.0, 1.0]), 0.5])
        at = at if rng.random() < 0.5 else at[::-1]
        dock = canvas.add("dock")
        ends = straight(at, angle, 0.6 * size)
        draw_dock(canvas, ends[0], ends[1], canvas.px(rng.uniform(6, 22)), dock)
        canvas.reserve(ribbon(ends, canvas.px(22)))
    for _ in range(2):
        _afloat(canvas)


def river(canvas: Canvas) -> None:
    """Draw a river through woods or fields, sometimes under a bridge."""
    rng, size = canvas.rng, canvas.size
    canvas.fill("grass", canvas.add("grass", colour="green"))
    angle = rng.uniform(0, np.pi)
    centre = curved(rng, size * rng.uniform(0.3, 0.7, 2), angle, 1.3 * size, 0.12 * size)
    width = canvas.px(rng.uniform(12, 28))
    bank = ribbon(centre, width + canvas.px(5))
    canvas.spread(region(canvas, bank), texture(rng, "soil", size), edge=2.5)
    canvas.spread(
        region(canvas, ribbon(centre, width)), water(canvas, "river"), canvas.add("river")
    )
    canvas.reserve(bank)
    if rng.random() < 0.5:
        _bridge(canvas, centre[18], angle + np.pi / 2 + rng.normal(0, 0.2), 1.24 * width)
    for _ in range(int(rng.integers(0, 3))):
        outline = blob(rng, size * rng.uniform(0, 1, 2), size * rng.uniform(0.1, 0.25))
        if canvas.is_free(outline):
            draw_trees(canvas, outline, canvas.add("forest", colour="green"))
    scatter_trees(canvas, int(rng.integers(2, 14)), (2.0, 5.0))


def _bridge(canvas: Canvas, place: Spot, angle: float, span_px: float) -> None:
    """Lead a road over the water, with a few cars."""
    rng = canvas.rng
    way = straight(place, angle, 1.2 * canvas.size)
    draw_road(canvas, way, canvas.px(8), canvas.add("road", colour="grey"))
    bridge = canvas.add("bridge", colour="grey")
    span = straight(place, angle, span_px / 2)
    canvas.shadow(ribbon(span, canvas.px(9)), 3)
    canvas.polygon(ribbon(span, canvas.px(9)), (176, 174, 168), bridge)
    for start, end in dashes(span, canvas.px(3), canvas.px(4)):
        canvas.line(start, end, (230, 230, 226))
    for share in rng.uniform(0.25, 0.75, int(rng.integers(0, 4))):
        aside = np.array([-np.sin(angle), np.cos(angle)]) * rng.choice([-1, 1]) * canvas.px(2)
        draw_car(canvas, way[0] + (way[1] - way[0]) * share + aside, angle)
