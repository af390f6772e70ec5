"""Arrangements of open country: fields and golf courses; and plain mixtures of things."""

from __future__ import annotations

import numpy as np

from segearth.data.scenes_canvas import Canvas, Points, Spot
from segearth.data.scenes_grounds import (
    draw_basketball_court,
    draw_bunker,
    draw_golf_hole,
    draw_helipad,
    draw_pond,
    draw_road,
    draw_tennis_court,
    region,
)
from segearth.data.scenes_placing import free_spot, heading, scatter_trees
from segearth.data.scenes_shapes import blob, curved, rectangle, ribbon
from segearth.data.scenes_structures import (
    draw_building,
    draw_house,
    draw_pool,
    draw_solar_panels,
    draw_tank,
    draw_trees,
)
from segearth.data.scenes_vehicles import (
    draw_airplane,
    draw_car,
    draw_truck,
)
from segearth.data.textures import add_level, stripes, texture


def countryside(canvas: Canvas) -> None:
    """Draw fields in strips, a wood, a road, a farm, sometimes a pond or solar panels."""
    rng, size = canvas.rng, canvas.size
    canvas.fill("grass", canvas.add("grass", colour="green"))
    angle = heading(rng)
    for _ in range(int(rng.integers(1, 4))):
        length, width = size * rng.uniform(0.3, 0.9, 2)
        _field(canvas, rectangle(size * rng.uniform(0, 1, 2), length, width, angle), angle)
    if rng.random() < 0.5:
        outline = blob(rng, size * rng.uniform(0, 1, 2), size * rng.uniform(0.15, 0.35))
        draw_trees(canvas, outline, canvas.add("forest", colour="green"))
    if rng.random() < 0.6:
        road = canvas.add("road", colour="grey")
        centre = curved(rng, size * rng.uniform(0.2, 0.8, 2), angle, 1.3 * size, 0.06 * size)
        draw_road(canvas, centre, canvas.px(rng.uniform(5, 8)), road)
    if rng.random() < 0.35:
        radius = size * rng.uniform(0.08, 0.2)
        spot = free_spot(canvas, 2 * radius, 2 * radius, 0.0)
        if spot is not None:
            draw_pond(canvas, spot, radius)
    if rng.random() < 0.3:
        spot = free_spot(canvas, canvas.px(28), canvas.px(30), angle)
        if spot is not None:
            draw_solar_panels(canvas, spot, angle, int(rng.integers(2, 5)))
    for _ in range(int(rng.integers(0, 5))):
        side = canvas.px(rng.uniform(8, 14))
        spot = free_spot(canvas, 1.6 * side, side, angle)
        if spot is not None:
            draw_house(canvas, spot, 1.6 * side, side, angle)
    scatter_trees(canvas, int(rng.integers(0, 9)), (2.0, 6.0))


def _field(canvas: Canvas, outline: Points, angle: float) -> None:
    rng = canvas.rng
    colour = ((150, 160, 96), (184, 170, 120), (132, 104, 80), (112, 146, 82))[int(rng.integers(4))]
    crop = texture(rng, "soil", canvas.size, colour=colour)
    period = canvas.px(rng.uniform(1.2, 4))
    crop = add_level(crop, stripes(rng, canvas.size, angle, max(3.0, period), rng.uniform(6, 18)))
    canvas.spread(region(canvas, outline), crop, canvas.add("farmland"))


def golf(canvas: Canvas) -> None:
    """Draw a golf course: greens, bunkers, a pond, a cart path and trees."""
    rng, size = canvas.rng, canvas.size
    canvas.fill("grass", canvas.add("fairway", colour="green"))
    if rng.random() < 0.6:
        path = canvas.add("path")
        centre = curved(rng, size * rng.uniform(0.2, 0.8, 2), heading(rng), size, 0.1 * size)
        band = ribbon(centre, canvas.px(2.6))
        canvas.polygon(band, (204, 196, 178), path)
        canvas.reserve(band)
    for _ in range(int(rng.integers(1, 3))):
        radius = canvas.px(rng.uniform(8, 15))
        spot = free_spot(canvas, 2 * radius, 2 * radius, 0.0)
        if spot is not None:
            draw_golf_hole(canvas, spot, radius)
    for _ in range(int(rng.integers(0, 4))):
        draw_bunker(canvas, size * rng.uniform(0.05, 0.95, 2), canvas.px(rng.uniform(3, 8)))
    if rng.random() < 0.4:
        radius = size * rng.uniform(0.08, 0.2)
        spot = free_spot(canvas, 2 * radius, 2 * radius, 0.0)
        if spot is not None:
            draw_pond(canvas, spot, radius)
    scatter_trees(canvas, int(rng.integers(2, 18)), (2.0, 5.5))


def mixture(canvas: Canvas) -> None:
    """Scatter a few things of a few kinds: the plainest lesson in positions and sizes."""
    rng = canvas.rng
    surface = str(rng.choice(["grass", "dry", "concrete", "soil", "lawn"]))
    name = {"grass": "grass", "lawn": "grass", "dry": "bare land", "soil": "bare land"}.get(surface)
    canvas.fill(surface, canvas.add(name) if name else 0)
    kinds = rng.permutation(len(_THINGS))[: int(rng.integers(1, 5))]
    for kind in kinds:
        draw, (length_m, width_m) = _THINGS[int(kind)]
        for _ in range(int(rng.integers(1, 6))):
            scale, angle = rng.uniform(0.6, 1.35), rng.uniform(0, 2 * np.pi)
            spot = free_spot(canvas, canvas.px(length_m * scale), canvas.px(width_m * scale), angle)
            if spot is not None:
                draw(canvas, spot, angle, scale)


def _building(canvas: Canvas, place: Spot, angle: float, scale: float) -> None:
    draw_building(canvas, place, canvas.px(20 * scale), canvas.px(12 * scale), angle)


def _house(canvas: Canvas, place: Spot, angle: float, scale: float) -> None:
    draw_house(canvas, place, canvas.px(15 * scale), canvas.px(10 * scale), angle)


_THINGS = (
    (_building, (22, 14)),
    (_house, (18, 14)),
    (lambda c, p, a, s: draw_tank(c, p, c.px(8 * s)), (20, 20)),
    (lambda c, p, a, s: draw_airplane(c, p, a, 18 * s), (20, 19)),
    (lambda c, p, a, s: draw_car(c, p, a), (7, 4)),
    (lambda c, p, a, s: draw_truck(c, p, a), (18, 5)),
    (lambda c, p, a, s: draw_pool(c, p, c.px(9 * s), a), (13, 11)),
    (lambda c, p, a, s: draw_tennis_court(c, p, a), (37, 19)),
    (lambda c, p, a, s: draw_basketball_court(c, p, a), (32, 18)),
    (lambda c, p, a, s: draw_helipad(c, p), (24, 24)),
    (lambda c, p, a, s: draw_golf_hole(c, p, c.px(9 * s)), (36, 36)),
    (lambda c, p, a, s: draw_solar_panels(c, p, a, 2), (28, 16)),
)
