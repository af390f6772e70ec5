"""Ways, water and playing fields: what is painted or poured on the ground."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from segearth.data.scenes_canvas import Canvas, Points, Spot
from segearth.data.scenes_shapes import (
    bearing,
    blob,
    dashes,
    ellipse,
    put,
    rectangle,
    ribbon,
    stroke,
)
from segearth.data.textures import Colour, add_level, noise, stripes, texture

_WHITE: Colour = (228, 228, 224)
_YELLOW: Colour = (206, 176, 72)


def region(canvas: Canvas, outline: Points) -> NDArray[np.bool_]:
    """Return the pixels of a polygon, (S, S) bool."""
    mask = np.zeros((canvas.size, canvas.size), np.uint8)
    cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    return mask.view(np.bool_)


def draw_road(
    canvas: Canvas, centre: Points, width: float, item: int, *, lanes: int = 2, marked: bool = True
) -> None:
    """Pave a band along a line and paint its lanes."""
    rng = canvas.rng
    surface = "asphalt" if rng.random() < 0.75 else "concrete"
    outline = ribbon(centre, width)
    verge = ribbon(centre, width + canvas.px(1.2))
    canvas.polygon(verge, (176, 172, 160))
    canvas.spread(region(canvas, outline), texture(rng, surface, canvas.size), item)
    canvas.reserve(verge)
    if not marked:
        return
    side = _normals(centre)
    for lane in range(1, lanes):
        offset = (lane / lanes - 0.5) * width
        middle = lane * 2 == lanes
        colour = _YELLOW if middle and rng.random() < 0.6 else _WHITE
        line = centre + side * offset
        pairs = dashes(line, canvas.px(3), canvas.px(4.5))
        if middle and lanes > 2:
            pairs = list(pairwise(line))
        for start, end in pairs:
            canvas.line(start, end, colour, canvas.px(0.2))


def draw_crossing(canvas: Canvas, place: Spot, angle: float, width: float) -> int:
    """Paint a zebra crossing over a road of a width that runs along `angle`."""
    item = canvas.add("zebra crossing", colour="white")
    bar, long = canvas.px(0.6), canvas.px(3.2)
    count = max(3, int(width / (2 * bar)))
    for index in range(count):
        aside = ((index + 0.5) / count - 0.5) * width
        at = put([(0, aside)], place, angle)[0]
        canvas.polygon(rectangle(at, long, bar, angle), _WHITE)
    canvas.claim(rectangle(place, long, 0.96 * width, angle), item)
    return item


def draw_runway(canvas: Canvas, centre: Points, width: float, *, marked: bool = True) -> int:
    """Draw a runway along a straight line, with edge lines, dashes and a threshold."""
    rng = canvas.rng
    item = canvas.add("airport runway", colour="grey")
    angle = bearing(centre[0], centre[1])
    shade = rng.uniform(92, 140)
    asphalt = texture(rng, "asphalt", canvas.size, colour=(shade, shade, shade * 1.02))
    outline = ribbon(centre, width)
    canvas.spread(region(canvas, outline), asphalt, item)
    canvas.reserve(outline)
    side = _normals(centre)
    canvas.polygon(ribbon(centre, 0.25 * width), (shade * 0.86, shade * 0.86, shade * 0.88))
    for offset in (-0.44, 0.44):
        line = centre + side * offset * width
        canvas.line(line[0], line[1], _WHITE, canvas.px(0.5))
    for start, end in dashes(centre, canvas.px(15), canvas.px(11)):
        canvas.line(start, end, _WHITE, canvas.px(0.6))
    if marked:
        _threshold(canvas, centre, width, angle)
    return item


def _threshold(canvas: Canvas, centre: Points, width: float, angle: float) -> None:
    """Paint the broad bars at one end, somewhere inside the picture."""
    share = canvas.rng.uniform(0.4, 0.6)
    at = centre[0] + (centre[1] - centre[0]) * share
    if not (0 < at[0] < canvas.size and 0 < at[1] < canvas.size):
        return
    item = canvas.add("runway marking", colour="white")
    count, long = 8, canvas.px(14)
    for index in range(count):
        aside = ((index + 0.5) / count - 0.5) * 0.8 * width
        spot = put([(0, aside)], at, angle)[0]
        bar = rectangle(spot, long, 0.045 * width, angle)
        canvas.polygon(bar, _WHITE, item)


def draw_tennis_court(canvas: Canvas, place: Spot, angle: float) -> int:
    """Draw a lined tennis court, 23.8 m by 11 m, on a larger hard ground."""
    rng = canvas.rng
    item = canvas.add("tennis court")
    length, width = canvas.px(23.77), canvas.px(10.97)
    around, inside = _COURTS[int(rng.integers(len(_COURTS)))]
    canvas.polygon(rectangle(place, 1.5 * length, 1.62 * width, angle), around)
    canvas.reserve(rectangle(place, 1.5 * length, 1.62 * width, angle))
    canvas.polygon(rectangle(place, length, width, angle), inside, item)
    a, b, single, box = length / 2, width / 2, 0.375 * width, 0.2693 * length
    lines = (
        *((-a, -b, a, -b), (-a, b, a, b), (-a, -b, -a, b), (a, -b, a, b)),
        *((-a, -single, a, -single), (-a, single, a, single)),
        *((-box, -single, -box, single), (box, -single, box, single), (-box, 0, box, 0)),
    )
    for x0, y0, x1, y1 in lines:
        ends = put([(x0, y0), (x1, y1)], place, angle)
        canvas.line(ends[0], ends[1], _WHITE)
    ends = put([(0, -1.08 * b), (0, 1.08 * b)], place, angle)
    canvas.line(ends[0], ends[1], (48, 52, 50), canvas.px(0.3))
    net = canvas.add("tennis net", parent=item)
    canvas.claim(stroke(ends[0], ends[1], canvas.px(0.8)), net)
    for sign in (-1, 1):
        for half in (-1, 1):
            box_item = canvas.add("service box", parent=item)
            at = put([(sign * box / 2, half * single / 2)], place, angle)[0]
            canvas.claim(rectangle(at, 0.94 * box, 0.94 * single, angle), box_item)
    return item


_COURTS: tuple[tuple[Colour, Colour], ...] = (
    ((70, 104, 84), (88, 126, 98)),
    ((112, 70, 58), (74, 112, 88)),
    ((76, 104, 92), (64, 92, 132)),
    ((150, 94, 74), (168, 104, 80)),
    ((92, 100, 104), (108, 116, 116)),
    ((66, 100, 78), (140, 80, 66)),
)


def draw_basketball_court(canvas: Canvas, place: Spot, angle: float) -> int:
    """Draw a basketball court, 28 m by 15 m, with circle, keys and arcs."""
    rng = canvas.rng
    item = canvas.add("basketball court")
    length, width = canvas.px(26), canvas.px(14.5)
    ground = _COURTS[int(rng.integers(len(_COURTS)))][1] if rng.random() < 0.5 else (150, 148, 146)
    canvas.polygon(rectangle(place, 1.08 * length, 1.12 * width, angle), (132, 130, 128))
    canvas.reserve(rectangle(place, 1.1 * length, 1.14 * width, angle))
    canvas.polygon(rectangle(place, length, width, angle), ground, item)
    corners = rectangle(place, 0.96 * length, 0.94 * width, angle)
    middle = put([(0, -0.47 * width), (0, 0.47 * width)], place, angle)
    loops = [corners, ellipse(place, 0.07 * length, 0.07 * length)]
    for sign in (-1, 1):
        at = put([(sign * 0.4 * length, 0)], place, angle)[0]
        loops.append(rectangle(at, 0.18 * length, 0.3 * width, angle))
        loops.append(_arc(place, angle, sign, length, width))
    for loop in loops:
        for start, end in zip(loop, np.roll(loop, -1, axis=0), strict=True):
            canvas.line(start, end, _WHITE)
    canvas.line(middle[0], middle[1], _WHITE)
    return item


def _arc(place: Spot, angle: float, sign: int, length: float, width: float) -> Points:
    steps = np.linspace(-np.pi / 2, np.pi / 2, 14)
    reach = 0.44 * width
    ring = np.stack([sign * (0.47 * length - reach * np.cos(steps)), reach * np.sin(steps)], -1)
    return put(ring.tolist(), place, angle)


def draw_baseball_diamond(canvas: Canvas, place: Spot, angle: float) -> int:
    """Draw a fan of dirt with inner grass, mound and bases; home plate lies at (place)."""
    rng = canvas.rng
    item = canvas.add("baseball diamond")
    reach, side = canvas.px(rng.uniform(27, 36)), canvas.px(rng.uniform(17, 22))
    steps = np.linspace(-np.pi / 4 - 0.06, np.pi / 4 + 0.06, 20)
    fan = [(-0.12 * reach, 0.1 * reach), (-0.12 * reach, -0.1 * reach)]
    fan += [(reach * np.cos(step), reach * np.sin(step)) for step in steps]
    dirt: Colour = (rng.uniform(176, 204), rng.uniform(130, 156), rng.uniform(92, 118))
    outline = put(fan, place, angle)
    canvas.spread(region(canvas, outline), texture(rng, "soil", canvas.size, colour=dirt), item)
    canvas.reserve(outline)
    at = put([(0.7071 * side, 0)], place, angle)[0]
    inner = rectangle(at, 0.86 * side, 0.86 * side, angle + np.pi / 4)
    if rng.random() < 0.75:
        canvas.polygon(inner, (92, 126, 74))
    mound_item = canvas.add("pitcher's mound", parent=item)
    mound = ellipse(at, canvas.px(2.6), canvas.px(2.6))
    canvas.polygon(mound, dirt, mound_item)
    for sign in (-1, 1):
        end = put([(1.5 * reach * np.cos(0.785), sign * 1.5 * reach * np.sin(0.785))], place, angle)
        canvas.line(place, end[0], _WHITE)
    return item


def draw_soccer_field(canvas: Canvas, place: Spot, angle: float, length: float) -> int:
    """Draw a mown and lined football pitch."""
    item = canvas.add("soccer ball field", colour="green")
    width = 0.64 * length
    lawn = texture(canvas.rng, "lawn", canvas.size)
    lawn = add_level(lawn, stripes(canvas.rng, canvas.size, angle, length / 6, 7))
    outline = rectangle(place, length, width, angle)
    canvas.spread(region(canvas, outline), lawn, item)
    canvas.reserve(outline)
    loops = [rectangle(place, 0.94 * length, 0.92 * width, angle)]
    loops.append(ellipse(place, 0.09 * length, 0.09 * length))
    for sign in (-1, 1):
        at = put([(sign * 0.395 * length, 0)], place, angle)[0]
        loops.append(rectangle(at, 0.15 * length, 0.5 * width, angle))
    for loop in loops:
        for start, end in zip(loop, np.roll(loop, -1, axis=0), strict=True):
            canvas.line(start, end, _WHITE)
    ends = put([(0, -0.46 * width), (0, 0.46 * width)], place, angle)
    canvas.line(ends[0], ends[1], _WHITE)
    return item


def draw_helipad(canvas: Canvas, place: Spot) -> int:
    """Draw a round helipad with an H."""
    item = canvas.add("helipad")
    radius = canvas.px(canvas.rng.uniform(8, 11))
    shade = canvas.rng.uniform(110, 150)
    canvas.polygon(ellipse(place, radius, radius, count=40), (shade, shade, shade), item)
    angle = canvas.rng.uniform(0, np.pi)
    ring = ellipse(place, 0.82 * radius, 0.82 * radius, count=40)
    for start, end in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        canvas.line(start, end, _YELLOW, canvas.px(0.5))
    for line in (((-0.3, -0.4), (-0.3, 0.4)), ((0.3, -0.4), (0.3, 0.4)), ((-0.3, 0), (0.3, 0))):
        ends = put([(radius * a, radius * b) for a, b in line], place, angle)
        canvas.line(ends[0], ends[1], _WHITE, canvas.px(0.9))
    return item


def draw_golf_hole(canvas: Canvas, place: Spot, radius: float) -> None:
    """Draw a putting green and the bunkers that guard it."""
    rng = canvas.rng
    green = canvas.add("golf green", colour="green")
    outline = blob(rng, place, radius, rough=0.14)
    canvas.spread(region(canvas, outline), texture(rng, "green", canvas.size), green)
    canvas.reserve(outline)
    for _ in range(int(rng.integers(1, 4))):
        to = rng.uniform(0, 2 * np.pi)
        away = radius * rng.uniform(1.5, 2.0) * np.array([np.cos(to), np.sin(to)])
        draw_bunker(canvas, place + away, radius * 0.4)


def draw_bunker(canvas: Canvas, place: Spot, radius: float) -> None:
    """Draw a sand bunker, if there is room."""
    outline = blob(canvas.rng, place, radius, rough=0.22)
    if not canvas.is_free(outline):
        return
    item = canvas.add("sand bunker", colour="white")
    shade = canvas.rng.uniform(222, 240)
    canvas.polygon(outline, (shade, shade * 0.97, shade * 0.9), item)
    canvas.reserve(outline)


def draw_pond(canvas: Canvas, place: Spot, radius: float) -> int:
    """Draw still water with a ragged shore: a pond, or a lake if it is wide."""
    outline = blob(canvas.rng, place, radius, rough=0.18)
    item = canvas.add("pond" if canvas.gsd_m * radius < 15 else "lake")
    canvas.spread(region(canvas, outline), water(canvas, "river"), item, edge=1.2)
    canvas.reserve(outline)
    return item


def water(canvas: Canvas, name: str) -> NDArray[np.uint8]:
    """Make a picture of water with a ripple."""
    picture = texture(canvas.rng, name, canvas.size)
    return add_level(picture, noise(canvas.rng, "fine", canvas.size) * np.float32(2.5))


def _normals(centre: Points) -> Points:
    ahead = np.gradient(centre, axis=0)
    ahead /= np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)[:, None]
    return np.stack([-ahead[:, 1], ahead[:, 0]], axis=-1)
