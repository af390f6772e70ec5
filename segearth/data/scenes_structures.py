"""What is built: houses, halls, tanks, pools, docks, solar panels, and the trees beside them."""

from __future__ import annotations

import cv2
import numpy as np

from segearth.data.scenes_canvas import Canvas, Points, Spot
from segearth.data.scenes_shapes import bearing, blob, ellipse, put, rectangle
from segearth.data.scenes_vehicles import choose_colour, paint
from segearth.data.textures import Colour, texture

_ROOFS = ("grey", "grey", "brown", "brown", "red", "beige", "white", "black")
_FLAT_ROOFS = ("white", "white", "grey", "grey", "beige", "brown", "blue")


def scaled(colour: Colour, factor: float) -> Colour:
    """Lighten or darken a colour."""
    r, g, b = (min(255.0, value * factor) for value in colour)
    return (r, g, b)


def draw_house(canvas: Canvas, place: Spot, length: float, width: float, angle: float) -> int:
    """Draw a house with a pitched roof: two or four slopes, lit from the sun's side.

    Args:
        canvas: Where to.
        place: Centre in pixels.
        length: Along the ridge, in pixels.
        width: Across it, in pixels.
        angle: Of the ridge.
    """
    rng = canvas.rng
    name = choose_colour(rng, _ROOFS, 0.04)
    item = canvas.add("house", colour=name)
    outlines = [(length, width, 0.0, 0.0)]
    if rng.random() < 0.45:  # a wing across the end
        side = rng.choice([-1.0, 1.0])
        outlines.append((0.5 * width, 0.95 * width, side * 0.3 * length, 0.35 * width))
    base = paint(rng, name)
    for long, wide, dx, dy in outlines:
        at = put([(dx, dy)], place, angle)[0]
        canvas.shadow(rectangle(at, long, wide, angle), 4.5)
    for long, wide, dx, dy in outlines:
        at = put([(dx, dy)], place, angle)[0]
        _pitched_roof(canvas, item, at, (long, wide), angle, base)
    if rng.random() < 0.5:
        spot = put([(rng.uniform(-0.3, 0.3) * length, 0.2 * width)], place, angle)[0]
        canvas.polygon(rectangle(spot, canvas.px(0.9), canvas.px(0.9), angle), (90, 70, 64))
    return item


def _pitched_roof(
    canvas: Canvas,
    item: int,
    at: Points,
    sides: tuple[float, float],
    angle: float,
    base: Colour,
) -> None:
    length, width = sides
    if width > length:
        length, width, angle = width, length, angle + np.pi / 2
    a, b = length / 2, width / 2
    ridge = a - canvas.rng.choice([0.0, 0.9 * b])
    # A slope that looks to the sun is lighter: shadows fall away from it.
    normal = np.array([-np.sin(angle), np.cos(angle)])
    tilt = 0.2 * float(-normal @ canvas.sun / np.hypot(*canvas.sun))
    canvas.polygon(rectangle(at, length, width, angle), base, item)
    near = [(-a, b), (a, b), (ridge, 0), (-ridge, 0)]
    far = [(-a, -b), (a, -b), (ridge, 0), (-ridge, 0)]
    canvas.polygon(put(near, at, angle), scaled(base, 1 + tilt))
    canvas.polygon(put(far, at, angle), scaled(base, 1 - tilt))
    ends = put([(-ridge, 0), (ridge, 0)], at, angle)
    canvas.line(ends[0], ends[1], scaled(base, 1.12))


def draw_building(
    canvas: Canvas,
    place: Spot,
    length: float,
    width: float,
    angle: float,
    *,
    category: str = "building",
    colour: str | None = None,
    height_m: float | None = None,
) -> int:
    """Draw a hall or block with a flat or low roof, units and skylights on it."""
    rng = canvas.rng
    name = colour or choose_colour(rng, _FLAT_ROOFS, 0.08)
    item = canvas.add(category, colour=name)
    base = paint(rng, name)
    outline = rectangle(place, length, width, angle)
    if rng.random() < 0.3:
        a, b, cut = length / 2, width / 2, rng.uniform(0.2, 0.45)
        steps = [(-a, -b), (a, -b), (a, b - cut * width), (a - cut * length, b - cut * width)]
        outline = put([*steps, (a - cut * length, b), (-a, b)], place, angle)
    canvas.shadow(outline, height_m or rng.uniform(4, 9))
    canvas.polygon(outline, scaled(base, 0.82), item)
    centre = outline.mean(axis=0)
    rim = 1 - min(0.12, 2 * canvas.px(0.5) / min(length, width))
    canvas.polygon(centre + (outline - centre) * rim, base)
    if rng.random() < 0.35:
        ends = put([(-length / 2, 0), (length / 2, 0)], place, angle)
        canvas.line(ends[0], ends[1], scaled(base, 0.86), max(1.0, canvas.px(0.3)))
    for _ in range(int(rng.integers(0, 7))):
        dx, dy = rng.uniform(-0.36, 0.05, 2) * (length, width)
        spot = put([(dx, dy)], place, angle)[0]
        side = canvas.px(rng.uniform(1, 2.4))
        canvas.polygon(
            rectangle(spot, side * rng.uniform(0.8, 2), side, angle),
            scaled(base, rng.choice([0.7, 0.8, 1.15])),
        )
    return item


def draw_tank(canvas: Canvas, place: Spot, radius: float) -> int:
    """Draw a round storage tank, seen a little from the side, with its shadow inside or out."""
    rng = canvas.rng
    name = choose_colour(rng, ("white", "white", "white", "grey", "beige"), 0.12)
    item = canvas.add("storage tank", colour=name)
    base = paint(rng, name)
    height_m = rng.uniform(6, 13)
    ring = ellipse(place, radius, radius, count=40)
    # The wall leans outward from the picture's nadir; a constant lean is close enough.
    lean = turned(canvas) * canvas.px(height_m) * rng.uniform(0.02, 0.16)
    canvas.shadow(ring, height_m)
    canvas.polygon(ring, scaled(base, 0.66), item)
    roof = ring - lean
    canvas.polygon(ring - 0.5 * lean, scaled(base, 0.66), item)
    canvas.polygon(roof, base, item)
    at = place - lean
    if rng.random() < 0.4:  # a floating roof lies below the rim, partly in the shade
        canvas.polygon(ellipse(at, 0.9 * radius, 0.9 * radius), scaled(base, 0.62))
        inner = at + canvas.sun / np.hypot(*canvas.sun) * 0.12 * radius
        canvas.polygon(ellipse(inner, 0.78 * radius, 0.78 * radius), scaled(base, 0.9))
    else:
        canvas.polygon(ellipse(at, 0.86 * radius, 0.86 * radius), scaled(base, 0.97))
    turn_to = rng.uniform(0, 2 * np.pi)
    edge = at + 0.86 * radius * np.array([np.cos(turn_to), np.sin(turn_to)])
    canvas.line(at, edge, scaled(base, 0.7))
    canvas.polygon(ellipse(at, 0.06 * radius, 0.06 * radius), scaled(base, 0.72))
    return item


def turned(canvas: Canvas) -> Points:
    """Return a unit vector across the sun's direction."""
    sun = canvas.sun / np.hypot(*canvas.sun)
    return np.array([-sun[1], sun[0]])


def draw_pool(canvas: Canvas, place: Spot, length: float, angle: float) -> int:
    """Draw a swimming pool with a pale deck: a rectangle, an oval or a kidney."""
    rng = canvas.rng
    item = canvas.add("swimming pool", colour="blue")
    form = rng.random()
    if form < 0.45:
        outline = rectangle(place, length, 0.5 * length, angle)
    elif form < 0.75:
        outline = ellipse(place, length / 2, 0.3 * length, angle)
    else:
        outline = blob(rng, place, 0.42 * length, rough=0.12)
    centre = outline.mean(axis=0)
    shade = rng.uniform(196, 226)
    canvas.polygon(centre + (outline - centre) * 1.28, (shade, shade * 0.97, shade * 0.9))
    canvas.reserve(centre + (outline - centre) * 1.28)
    blue: Colour = (rng.uniform(50, 90), rng.uniform(150, 180), rng.uniform(205, 225))
    canvas.polygon(outline, blue, item)
    return item


def draw_tree(canvas: Canvas, place: Spot, radius: float) -> int:
    """Draw a single tree: a ragged crown, light on the sun's side, and its shadow."""
    rng = canvas.rng
    item = canvas.add("tree", colour="green")
    crown = blob(rng, place, radius, rough=0.1)
    r, g, b = rng.uniform(44, 78), rng.uniform(78, 108), rng.uniform(40, 60)
    canvas.shadow(crown, canvas.gsd_m * radius * 1.3)
    canvas.polygon(crown, (r * 0.72, g * 0.72, b * 0.78), item)
    light = -canvas.sun / np.hypot(*canvas.sun)
    for _ in range(int(4 + radius / 2)):
        away = rng.normal(0, 0.4, 2) * radius
        away *= min(1.0, 0.75 * radius / max(1e-6, float(np.hypot(*away))))
        level = 0.8 + 0.3 * float(light @ away) / radius + rng.normal(0, 0.08)
        at = place + away
        puff = ellipse(at, radius * 0.26, radius * 0.22, count=9)
        canvas.polygon(puff, scaled((r, g, b), max(0.5, level)))
    return item


def draw_trees(canvas: Canvas, outline: Points, item: int) -> None:
    """Cover a region with a closed canopy and let it throw a shadow."""
    mask = np.zeros((canvas.size, canvas.size), np.uint8)
    canvas.shadow(outline, 7)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1)
    canvas.spread(mask.view(np.bool_), texture(canvas.rng, "canopy", canvas.size), item, edge=1.2)
    canvas.reserve(outline)


def draw_dock(canvas: Canvas, start: Points, end: Points, width: float, item: int) -> None:
    """Draw a walkway over the water between two points."""
    length = float(np.hypot(*(end - start)))
    angle = bearing(start, end)
    middle = (start + end) / 2
    plank = rectangle(middle, length, width, angle)
    shade = canvas.rng.uniform(150, 205)
    canvas.shadow(plank, 1.0)
    canvas.polygon(plank, (shade, shade * 0.95, shade * 0.85), item)


def draw_solar_panels(canvas: Canvas, place: Spot, angle: float, rows: int) -> None:
    """Draw rows of solar panels; each row is an object."""
    length, width = canvas.px(canvas.rng.uniform(14, 26)), canvas.px(3.2)
    for row in range(rows):
        at = put([(0, (row - (rows - 1) / 2) * width * 1.9)], place, angle)[0]
        item = canvas.add("solar panel")
        table = rectangle(at, length, width, angle)
        canvas.shadow(table, 1.5)
        canvas.polygon(table, (36, 44, 74), item)
        for share in np.linspace(-0.5, 0.5, 9)[1:-1]:
            ends = put([(share * length, -width / 2), (share * length, width / 2)], at, angle)
            canvas.line(ends[0], ends[1], (82, 90, 116))
