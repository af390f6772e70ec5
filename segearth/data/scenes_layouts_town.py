"""Arrangements of built-up places: homes, car parks, junctions, depots, sports grounds."""

from __future__ import annotations

import numpy as np

from segearth.data.scenes_canvas import Canvas, Points
from segearth.data.scenes_grounds import (
    draw_baseball_diamond,
    draw_basketball_court,
    draw_road,
    draw_soccer_field,
    draw_tennis_court,
)
from segearth.data.scenes_placing import cars_in_bays, free_spot, heading, scatter_trees
from segearth.data.scenes_shapes import curved, put, rectangle, ribbon, straight
from segearth.data.scenes_structures import (
    draw_building,
    draw_house,
    draw_pool,
    draw_tank,
    scaled,
)
from segearth.data.scenes_vehicles import draw_car, draw_truck

_MOST_CARS = 80  # on one car park: each takes a quarter of a millisecond


def residential(canvas: Canvas) -> None:
    """Draw one or two streets with houses, driveways, pools, cars and trees."""
    rng, size = canvas.rng, canvas.size
    canvas.fill("lawn" if rng.random() < 0.6 else "grass", canvas.add("grass", colour="green"))
    angle = heading(rng)
    road = canvas.add("road", colour="grey")
    width = canvas.px(rng.uniform(7, 10))
    depth = canvas.px(rng.uniform(30, 38))
    offset = rng.uniform(-0.25, 0.25) * size
    across = np.array([-np.sin(angle), np.cos(angle)])
    middle = np.array([size / 2, size / 2])
    reach = 1.1 * size
    streets = np.arange(-3, 4) * (2 * depth + width) + offset
    for shift in streets[np.abs(streets) < 0.75 * size]:
        at = middle + across * shift
        marked = bool(rng.random() < 0.3)
        draw_road(canvas, straight(at, angle, reach), width, road, marked=marked)
    if rng.random() < 0.3:
        at = middle + np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(-0.4, 0.4) * size
        draw_road(canvas, straight(at, angle + np.pi / 2, reach), width, road, marked=False)
    lot = canvas.px(rng.uniform(17, 26))
    for shift in streets[np.abs(streets) < 0.85 * size]:
        for side in (-1, 1):
            for along in np.arange(-reach, reach, lot) + rng.uniform(0, lot):
                _lot(canvas, middle + across * shift, angle, along, side, width, depth, lot)
    scatter_trees(canvas, int(rng.integers(2, 14)), (2.0, 5.0))
    for shift in streets:
        _cars_on(canvas, middle + across * shift, angle, width, int(rng.integers(0, 4)))


def _lot(
    canvas: Canvas,
    street: Points,
    angle: float,
    along: float,
    side: int,
    road: float,
    depth: float,
    lot: float,
) -> None:
    """Draw a house with its driveway beside a street, perhaps with a pool behind it."""
    rng = canvas.rng
    if rng.random() < 0.12:
        return
    length, width = 0.6 * lot * rng.uniform(0.9, 1.15), canvas.px(rng.uniform(8, 12))
    back = road / 2 + canvas.px(rng.uniform(6, 9)) + width / 2
    place = put([(along, side * back)], street, angle)[0]
    if not canvas.holds(place, 20):
        return
    turn = angle + rng.choice([0.0, 0.0, np.pi / 2]) + rng.normal(0, 0.04)
    if not canvas.is_free(rectangle(place, max(length, width), max(length, width), turn), 1):
        return
    if rng.random() < 0.75:
        _driveway(canvas, street, angle, along + 0.3 * length, side, road, back)
    draw_house(canvas, place, length, width, turn)
    if rng.random() < 0.28:
        far = back + width / 2 + canvas.px(7)
        at = put([(along + rng.uniform(-0.2, 0.2) * lot, side * far)], street, angle)[0]
        pool = canvas.px(rng.uniform(6, 10))
        if far + pool < depth + road and canvas.is_free(rectangle(at, pool, pool, angle)):
            draw_pool(canvas, at, pool, angle + rng.choice([0.0, np.pi / 2]))


def _driveway(
    canvas: Canvas, street: Points, angle: float, along: float, side: int, road: float, back: float
) -> None:
    rng = canvas.rng
    item = canvas.add("driveway")
    ends = put([(along, side * (road / 2)), (along, side * back)], street, angle)
    shade = rng.uniform(172, 208)
    width = canvas.px(rng.uniform(3.2, 5.5))
    canvas.polygon(ribbon(ends, width), (shade, shade * 0.98, shade * 0.95), item)
    if rng.random() < 0.35:
        at = ends[0] + (ends[1] - ends[0]) * 0.4
        draw_car(canvas, at, angle + side * np.pi / 2)


def _cars_on(canvas: Canvas, street: Points, angle: float, width: float, count: int) -> None:
    rng = canvas.rng
    for _ in range(count):
        side = rng.choice([-1, 1])
        along = rng.uniform(-0.6, 0.6) * canvas.size
        place = put([(along, side * 0.27 * width)], street, angle)[0]
        if canvas.holds(place):
            draw_car(canvas, place, angle + (0 if side > 0 else np.pi))


def parking(canvas: Canvas) -> None:
    """Draw a car park with rows of bays, a building, islands and perhaps a truck."""
    rng, size = canvas.rng, canvas.size
    canvas.fill("grass", canvas.add("grass", colour="green"))
    angle = heading(rng)
    lot = canvas.add("parking lot", colour="grey")
    length, width = size * rng.uniform(0.7, 1.3), size * rng.uniform(0.6, 1.2)
    place = size * rng.uniform(0.35, 0.65, 2)
    outline = rectangle(place, length, width, angle)
    shade = rng.uniform(92, 136)
    canvas.polygon(rectangle(place, length + 5, width + 5, angle), (180, 178, 170))
    canvas.polygon(outline, (shade, shade, shade * 1.01), lot)
    canvas.occupied[:] = 0  # bays lie on the lot; nothing is in their way yet
    depth, aisle = canvas.px(5.2), canvas.px(7)
    rows = int(min(5, width // (2 * depth + aisle)))
    bays = max(1, rows) * 2 * 0.86 * length / canvas.px(2.9)
    fill = rng.uniform(0.15, 0.95) * min(1.0, _MOST_CARS / bays)
    for row in range(max(1, rows)):
        across = (row - (rows - 1) / 2) * (2 * depth + aisle)
        for half in (-0.5, 0.5):
            at = put([(0, across + half * depth)], place, angle)[0]
            cars_in_bays(canvas, at, angle, 0.86 * length, depth, fill)
    canvas.reserve(outline)
    _beside_lot(canvas, angle)


def _beside_lot(canvas: Canvas, angle: float) -> None:
    rng = canvas.rng
    for _ in range(int(rng.integers(0, 4))):
        length, width = canvas.px(rng.uniform(12, 34)), canvas.px(rng.uniform(10, 22))
        spot = free_spot(canvas, length, width, angle)
        if spot is not None:
            draw_building(canvas, spot, length, width, angle)
    scatter_trees(canvas, int(rng.integers(0, 9)), (2.0, 4.5))


def depot(canvas: Canvas) -> None:
    """Draw storage tanks of several sizes with a service road, halls and trucks."""
    rng, size = canvas.rng, canvas.size
    ground = rng.choice(["dry", "concrete", "grass"])
    name = {"dry": "bare land", "grass": "grass"}.get(str(ground))
    canvas.fill(str(ground), canvas.add(name) if name else 0)
    angle = heading(rng)
    if rng.random() < 0.6:
        road = canvas.add("road", colour="grey")
        at = size * rng.uniform(0.2, 0.8, 2)
        draw_road(canvas, straight(at, angle, 1.2 * size), canvas.px(7), road, marked=False)
    radius = canvas.px(rng.uniform(5, 17))
    grid = rng.random() < 0.5
    for _ in range(int(rng.integers(1, 12))):
        r = radius * (1.0 if grid and rng.random() < 0.8 else rng.uniform(0.5, 1.5))
        spot = free_spot(canvas, 2.5 * r, 2.5 * r, angle)
        if spot is not None:
            draw_tank(canvas, spot, r)
    for _ in range(int(rng.integers(0, 4))):
        length, width = canvas.px(rng.uniform(9, 28)), canvas.px(rng.uniform(7, 15))
        spot = free_spot(canvas, length, width, angle)
        if spot is not None:
            draw_building(canvas, spot, length, width, angle)
    for _ in range(int(rng.integers(0, 4))):
        spot = free_spot(canvas, canvas.px(15), canvas.px(5), angle)
        if spot is not None:
            draw_truck(canvas, spot, angle)
    scatter_trees(canvas, int(rng.integers(0, 6)), (2.0, 5.0))


def sports(canvas: Canvas) -> None:
    """Draw a sports ground: a few courts and fields, a path, a car park's edge, trees."""
    rng, size = canvas.rng, canvas.size
    canvas.fill("lawn" if rng.random() < 0.6 else "grass", canvas.add("grass", colour="green"))
    angle = heading(rng)
    if rng.random() < 0.4:
        path = canvas.add("path")
        centre = curved(rng, size * rng.uniform(0.2, 0.8, 2), angle, 1.1 * size, 0.05 * size)
        band = ribbon(centre, canvas.px(2.6))
        canvas.polygon(band, scaled((206, 198, 180), rng.uniform(0.9, 1.08)), path)
        canvas.reserve(band)
    if rng.random() < 0.35:
        spot = free_spot(canvas, canvas.px(40), canvas.px(40), angle)
        if spot is not None:
            draw_baseball_diamond(canvas, spot, rng.uniform(0, 2 * np.pi))
    if rng.random() < 0.3:
        length = size * rng.uniform(0.5, 0.8)
        spot = free_spot(canvas, length, 0.64 * length, angle)
        if spot is not None:
            draw_soccer_field(canvas, spot, angle, length)
    for _ in range(int(rng.integers(1, 7))):
        length, width = canvas.px(36), canvas.px(18)
        turn = angle + rng.choice([0.0, 0.0, 0.0, np.pi / 2])
        spot = free_spot(canvas, length, width, turn)
        if spot is not None:
            draw = draw_basketball_court if rng.random() < 0.2 else draw_tennis_court
            draw(canvas, spot, turn)
    _beside_lot(canvas, angle)
