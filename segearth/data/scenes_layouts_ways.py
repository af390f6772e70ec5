"""Arrangements along roads: junctions, motorways with a bridge over them, mobile home parks."""

from __future__ import annotations

import numpy as np

from segearth.data.scenes_canvas import Canvas, Points, Spot
from segearth.data.scenes_grounds import draw_crossing, draw_road
from segearth.data.scenes_placing import free_spot, heading, scatter_trees
from segearth.data.scenes_shapes import curved, put, rectangle, ribbon, straight
from segearth.data.scenes_structures import draw_building, scaled
from segearth.data.scenes_vehicles import draw_car, draw_truck


def crossroads(canvas: Canvas) -> None:
    """Draw two streets that cross, with traffic, zebra crossings, blocks and trees."""
    rng, size = canvas.rng, canvas.size
    if rng.random() < 0.7:
        canvas.fill("grass", canvas.add("grass", colour="green"))
    else:
        canvas.fill("concrete")
    angle = heading(rng)
    lanes = int(rng.choice([2, 2, 4]))
    width = canvas.px(3.6 * lanes)
    place = size * rng.uniform(0.35, 0.65, 2)
    road = canvas.add("road", colour="grey")
    for turn in (0.0, np.pi / 2):
        draw_road(canvas, straight(place, angle + turn, 1.2 * size), width, road, lanes=lanes)
    core = rectangle(place, width, width, angle)
    canvas.polygon(core, (104, 104, 106), road)
    for turn in np.arange(4) * np.pi / 2:
        if rng.random() < 0.55:
            at = put([(width / 2 + canvas.px(3), 0)], place, angle + turn)[0]
            draw_crossing(canvas, at, angle + turn, width)
        _traffic(canvas, place, angle + turn, width, lanes)
    for _ in range(int(rng.integers(1, 7))):
        length, deep = canvas.px(rng.uniform(10, 30)), canvas.px(rng.uniform(9, 20))
        spot = free_spot(canvas, length, deep, angle)
        if spot is not None:
            draw_building(canvas, spot, length, deep, angle)
    scatter_trees(canvas, int(rng.integers(0, 12)), (2.0, 5.0))


def _traffic(canvas: Canvas, place: Spot, angle: float, width: float, lanes: int) -> None:
    """Put vehicles on one arm of a junction, in their lanes."""
    rng = canvas.rng
    for lane in range(lanes):
        aside = ((lane + 0.5) / lanes - 0.5) * width
        toward = aside < 0
        along = width / 2 + canvas.px(rng.uniform(9, 22))
        while along < canvas.size and rng.random() < 0.5:
            at = put([(along, aside)], place, angle)[0]
            turn = angle + (np.pi if toward else 0.0)
            draw = draw_truck if rng.random() < 0.14 else draw_car
            draw(canvas, at, turn)
            along += canvas.px(rng.uniform(17, 40))


def motorway(canvas: Canvas) -> None:
    """Draw a freeway with traffic, often with an overpass, between grass verges."""
    rng, size = canvas.rng, canvas.size
    canvas.fill("grass", canvas.add("grass", colour="green"))
    angle = heading(rng)
    lanes = int(rng.choice([4, 6]))
    width = canvas.px(3.6 * lanes)
    centre = straight(size * rng.uniform(0.35, 0.65, 2), angle, 1.3 * size)
    draw_road(canvas, centre, width, canvas.add("freeway", colour="grey"), lanes=lanes)
    place = (centre[0] + centre[1]) / 2
    median = ribbon(centre, canvas.px(0.8))
    canvas.polygon(median, (188, 184, 170))
    crossing = rng.random() < 0.55
    turn = angle + rng.uniform(0.8, 2.3)
    deck = canvas.px(rng.uniform(9, 14))
    for lane in range(lanes):
        aside = ((lane + 0.5) / lanes - 0.5) * width
        gap = deck if crossing else 0.0
        _lane(canvas, place, angle, aside, gap)
    if crossing:
        _overpass(canvas, place, turn, deck)
    scatter_trees(canvas, int(rng.integers(0, 14)), (2.0, 5.0))


def _lane(canvas: Canvas, place: Spot, angle: float, aside: float, gap: float) -> None:
    """Let vehicles follow each other in a lane, none of them half under a bridge."""
    rng = canvas.rng
    along = -canvas.size + canvas.px(rng.uniform(0, 40))
    while along < canvas.size:
        at = put([(along, aside)], place, angle)[0]
        if abs(along) > 1.6 * gap + canvas.px(18) and canvas.holds(at, 12):
            draw = draw_truck if rng.random() < 0.2 else draw_car
            draw(canvas, at, angle + (0.0 if aside < 0 else np.pi))
        along += canvas.px(rng.uniform(18, 90))


def _overpass(canvas: Canvas, place: Spot, angle: float, deck: float) -> None:
    """Lead a road over whatever is there, with its shadow and a few cars."""
    rng = canvas.rng
    centre: Points = straight(place, angle, 1.3 * canvas.size)
    band = ribbon(centre, deck)
    canvas.shadow(band, 6)
    shade = rng.uniform(150, 190)
    canvas.polygon(band, (shade, shade, shade * 0.97), canvas.add("overpass", colour="grey"))
    canvas.reserve(band)
    for side in (-0.46, 0.46):
        rail = ribbon(centre, 2 * side * deck)
        canvas.line(rail[0], rail[1], scaled((shade, shade, shade), 1.2), canvas.px(0.5))
    for side in (-0.22, 0.22):
        for along in rng.uniform(-0.4, 0.4, int(rng.integers(0, 3))) * canvas.size:
            at = put([(along, side * deck)], place, angle)[0]
            draw_car(canvas, at, angle + (0.0 if side < 0 else np.pi))


def mobile_homes(canvas: Canvas) -> None:
    """Draw rows of mobile homes along a winding lane, with cars and trees."""
    rng, size = canvas.rng, canvas.size
    if rng.random() < 0.5:
        canvas.fill("grass", canvas.add("grass", colour="green"))
    else:
        canvas.fill("dry", canvas.add("bare land"))
    angle = heading(rng)
    lane = canvas.add("road", colour="grey")
    centre = curved(rng, size * rng.uniform(0.3, 0.7, 2), angle, 1.3 * size, 0.02 * size)
    draw_road(canvas, centre, canvas.px(6.5), lane, marked=False)
    place = centre[18]
    step, tilt = canvas.px(rng.uniform(8.5, 12)), rng.choice([0.0, 0.5, -0.5])
    names = ("white", "white", "beige", "grey", "brown")
    for side in (-1, 1):
        for row in range(2):
            away = canvas.px(11 + 17 * row)
            for along in np.arange(-size, size, step):
                at = put([(along, side * away)], place, angle)[0]
                _home(canvas, at, angle + np.pi / 2 + tilt, names)
    for _ in range(int(rng.integers(0, 5))):
        at = put([(rng.uniform(-0.5, 0.5) * size, canvas.px(1.6))], place, angle)[0]
        if canvas.holds(at):
            draw_car(canvas, at, angle)
    scatter_trees(canvas, int(rng.integers(2, 12)), (1.5, 4.0))


def _home(canvas: Canvas, at: Spot, angle: float, names: tuple[str, ...]) -> None:
    rng = canvas.rng
    length, width = canvas.px(rng.uniform(10, 14)), canvas.px(rng.uniform(3.8, 5.5))
    if not canvas.holds(at, 15) or rng.random() < 0.2:
        return
    if canvas.is_free(rectangle(at, length, width, angle), 1):
        colour = names[int(rng.integers(len(names)))]
        draw_building(
            canvas,
            at,
            length,
            width,
            angle,
            category="mobile home",
            colour=colour,
            height_m=3.2,
        )
