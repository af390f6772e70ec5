"""What drives, flies and floats, drawn from above with its shadow."""

from __future__ import annotations

import numpy as np

from segearth.data.scenes_canvas import Canvas, Points, Spot
from segearth.data.scenes_shapes import put, rectangle
from segearth.data.textures import Colour

# Name and RGB; far enough apart that nobody would argue about the name.
PAINTS: dict[str, tuple[Colour, ...]] = {
    "white": ((240, 240, 240), (232, 234, 236)),
    "grey": ((136, 138, 142), (120, 122, 126)),
    "black": ((32, 32, 36), (40, 40, 44)),
    "red": ((188, 34, 32), (170, 24, 30), (206, 48, 40)),
    "blue": ((36, 66, 158), (48, 92, 190), (26, 48, 120)),
    "yellow": ((232, 200, 40), (240, 210, 60)),
    "green": ((36, 110, 62), (52, 134, 70)),
    "orange": ((236, 124, 30),),
    "beige": ((214, 196, 160), (222, 206, 176)),
    "brown": ((112, 72, 46), (98, 64, 44)),
}
_CAR_COLOURS = ("white", "white", "white", "grey", "grey", "black", "black", "red", "red", "blue")
_BOLD = ("red", "blue", "yellow", "green", "orange")
_GLASS: Colour = (46, 54, 64)


def paint(rng: np.random.Generator, name: str) -> Colour:
    """Choose a shade of a colour by name."""
    shades = PAINTS[name]
    r, g, b = shades[int(rng.integers(len(shades)))]
    level = rng.uniform(-6, 6)
    return (r + level, g + level, b + level)


def choose_colour(rng: np.random.Generator, names: tuple[str, ...], bold: float = 0.1) -> str:
    """Choose a colour name; with probability `bold` a striking one."""
    source = _BOLD if rng.random() < bold else names
    return source[int(rng.integers(len(source)))]


def draw_car(canvas: Canvas, place: Spot, angle: float, colour: str | None = None) -> int:
    """Draw a small car, about 4.5 m by 1.9 m."""
    rng = canvas.rng
    name = colour or choose_colour(rng, _CAR_COLOURS)
    length, width = canvas.px(rng.uniform(4.1, 5.0)), canvas.px(rng.uniform(1.8, 2.05))
    body = _rounded(length, width, place, angle)
    item = canvas.add("small car", colour=name)
    base = paint(rng, name)
    canvas.shadow(body, 1.4)
    canvas.polygon(body, base, item)
    if length > 7:
        for start, end in ((0.13, 0.25), (-0.36, -0.27)):
            glass = [
                *((start * length, -0.4 * width), (end * length, -0.34 * width)),
                *((end * length, 0.34 * width), (start * length, 0.4 * width)),
            ]
            canvas.polygon(put(glass, place, angle), _GLASS)
        light = tuple(min(255.0, value + 14) for value in base)
        roof = rectangle(place, 0.34 * length, 0.66 * width, angle)
        roof += np.array([np.cos(angle), np.sin(angle)]) * (-0.06 * length)
        canvas.polygon(roof, (light[0], light[1], light[2]))
    return item


def draw_truck(canvas: Canvas, place: Spot, angle: float, colour: str | None = None) -> int:
    """Draw a truck: a cab and a long box, 8 m to 15 m; the colour is the box's."""
    rng = canvas.rng
    name = colour or choose_colour(rng, ("white", "white", "grey", "beige"), 0.3)
    length, width = canvas.px(rng.uniform(8, 15)), canvas.px(2.6)
    ahead = np.array([np.cos(angle), np.sin(angle)])
    cab_length = canvas.px(2.3)
    item = canvas.add("truck", colour=name)
    box_at = place - ahead * (cab_length / 2 + canvas.px(0.2))
    box = rectangle(box_at, length - cab_length, width, angle)
    cab_at = place + ahead * (length - cab_length) / 2
    cab = rectangle(cab_at, cab_length, 0.94 * width, angle)
    canvas.shadow(rectangle(place, length, width, angle), 3.6)
    canvas.polygon(box, paint(rng, name), item)
    canvas.polygon(cab, paint(rng, choose_colour(rng, (name, "white", "grey"), 0.3)), item)
    glass_at = cab_at + ahead * 0.22 * cab_length
    canvas.polygon(rectangle(glass_at, 0.25 * cab_length, 0.8 * width, angle), _GLASS)
    return item


def draw_boat(
    canvas: Canvas, place: Spot, angle: float, length_m: float, colour: str | None = None
) -> int:
    """Draw a motorboat with a pointed bow, a cockpit and sometimes a cover."""
    rng = canvas.rng
    name = colour or choose_colour(rng, ("white", "white", "white", "beige"), 0.22)
    length = canvas.px(length_m)
    width = length * rng.uniform(0.27, 0.36)
    item = canvas.add("motorboat", colour=name)
    hull = put(_hull(length, width), place, angle)
    canvas.shadow(hull, 1.2)
    canvas.polygon(hull, paint(rng, name), item)
    deck = put(_hull(0.84 * length, 0.74 * width), place, angle)
    tone = rng.uniform(0.8, 0.93)
    r, g, b = paint(rng, name)
    canvas.polygon(deck, (r * tone, g * tone, b * tone))
    centre = place
    ahead = np.array([np.cos(angle), np.sin(angle)])
    cockpit = centre - ahead * 0.2 * length
    canvas.polygon(rectangle(cockpit, 0.26 * length, 0.56 * width, angle), (96, 84, 72))
    glass = centre + ahead * 0.05 * length
    canvas.polygon(rectangle(glass, 0.16 * length, 0.6 * width, angle), _GLASS)
    return item


def draw_ship(canvas: Canvas, place: Spot, angle: float, length_m: float) -> int:
    """Draw a ship with a bow, a stern, hatches and a bridge."""
    rng = canvas.rng
    name = choose_colour(rng, ("grey", "white", "black", "brown"), 0.4)
    length = canvas.px(length_m)
    width = length * rng.uniform(0.17, 0.24)
    item = canvas.add("ship", colour=name)
    hull = put(_hull(length, width, blunt=0.34), place, angle)
    canvas.shadow(hull, 7)
    canvas.polygon(hull, paint(rng, name), item)
    ahead = np.array([np.cos(angle), np.sin(angle)])
    bow = canvas.add("bow", parent=item)
    canvas.claim(_between(length, width, 0.3, 0.52, place, angle), bow)
    stern = canvas.add("stern", parent=item)
    canvas.claim(_between(length, width, -0.52, -0.3, place, angle), stern)
    for share in (-0.12, 0.06, 0.24):
        at = place + ahead * share * length
        shade = rng.uniform(90, 170)
        hatch = rectangle(at, 0.13 * length, 0.6 * width, angle)
        canvas.polygon(hatch, (shade, shade * 0.92, shade * 0.8))
    bridge = place - ahead * 0.36 * length
    canvas.polygon(rectangle(bridge, 0.12 * length, 0.8 * width, angle), (236, 236, 232))
    canvas.polygon(rectangle(bridge, 0.03 * length, 0.8 * width, angle), _GLASS)
    return item


def draw_airplane(canvas: Canvas, place: Spot, angle: float, span_m: float) -> int:
    """Draw an airplane with its wings, fuselage, tailplane and engines as parts."""
    rng = canvas.rng
    name = choose_colour(rng, ("white", "white", "white", "grey"), 0.15)
    base = paint(rng, name)
    span = canvas.px(span_m)
    jet = span_m > 18
    length = span * (rng.uniform(1.0, 1.15) if jet else rng.uniform(0.68, 0.8))
    girth = length * (rng.uniform(0.095, 0.12) if jet else 0.13)
    sweep = rng.uniform(0.18, 0.3) * length if jet else rng.uniform(0.0, 0.04) * length
    chord = length * rng.uniform(0.17, 0.22)
    item = canvas.add("airplane", colour=name)
    wings = [
        put(_wing(side, span / 2, girth, chord, sweep, 0.08 * length), place, angle)
        for side in (-1, 1)
    ]
    tails = [
        put(
            _wing(side, 0.19 * span, 0.4 * girth, 0.55 * chord, 0.4 * sweep, -0.38 * length),
            place,
            angle,
        )
        for side in (-1, 1)
    ]
    body = put(_fuselage(length, girth), place, angle)
    for piece in (*wings, body, *tails):
        canvas.shadow(piece, 2.5)
    dull = tuple(0.88 * value for value in base)
    shade: Colour = (dull[0], dull[1], dull[2])
    if jet and rng.random() < 0.8:
        _engines(canvas, item, place, angle, span, length, chord)
    for piece in wings:
        canvas.polygon(piece, shade, item)
        canvas.claim(piece, canvas.add("wing", parent=item))
    stabilizer = canvas.add("horizontal stabilizer", parent=item)
    for piece in tails:
        canvas.polygon(piece, shade, item)
        canvas.claim(piece, stabilizer)
    canvas.polygon(body, base, item)
    canvas.claim(body, canvas.add("fuselage", parent=item))
    _details(canvas, place, angle, length, girth)
    return item


def _engines(
    canvas: Canvas,
    item: int,
    place: Spot,
    angle: float,
    span: float,
    length: float,
    chord: float,
) -> None:
    for share in (-0.3, -0.17, 0.17, 0.3) if canvas.rng.random() < 0.25 else (-0.19, 0.19):
        ahead = 0.08 * length + 0.6 * chord - abs(share) * 0.45 * chord * 2
        at = put([(ahead, share * span)], place, angle)[0]
        pod = rectangle(at, 0.1 * length, 0.035 * length, angle)
        canvas.polygon(pod, (150, 152, 156), item)
        canvas.claim(pod, canvas.add("airplane engine", parent=item))


def _details(canvas: Canvas, place: Spot, angle: float, length: float, girth: float) -> None:
    """Add the cockpit window, the fin and a ridge of light."""
    fin = put([(-0.5 * length, 0), (-0.33 * length, 0)], place, angle)
    accent = paint(canvas.rng, choose_colour(canvas.rng, ("grey", "white"), 0.6))
    canvas.line(fin[0], fin[1], accent, max(1.0, 0.2 * girth))
    nose = put([(0.45 * length, 0)], place, angle)[0]
    canvas.polygon(rectangle(nose, 0.03 * length, 0.5 * girth, angle), _GLASS)


def _rounded(length: float, width: float, place: Spot, angle: float) -> Points:
    a, b = length / 2, width / 2
    cut = 0.28 * width
    outline = [
        *((-a + 0.5 * cut, -b), (a - cut, -b), (a, -b + cut), (a, b - cut)),
        *((a - cut, b), (-a + 0.5 * cut, b), (-a, b - 0.5 * cut), (-a, -b + 0.5 * cut)),
    ]
    return put(outline, place, angle)


def _hull(length: float, width: float, blunt: float = 0.12) -> list[tuple[float, float]]:
    a, b = length / 2, width / 2
    half = [
        (-a, -0.8 * b),
        (-0.7 * a, -b),
        (blunt * a, -b),
        (0.6 * a, -0.66 * b),
        (0.86 * a, -0.3 * b),
    ]
    return [*half, (a, 0.0), *((px, -py) for px, py in reversed(half))]


def _between(
    length: float, width: float, start: float, end: float, place: Spot, angle: float
) -> Points:
    outline = [(start * length, -width), (end * length, -width)]
    outline += [(end * length, width), (start * length, width)]
    return put(outline, place, angle)


def _wing(
    side: int, reach: float, root: float, chord: float, sweep: float, at: float
) -> list[tuple[float, float]]:
    inner = 0.3 * root
    return [
        *((at + 0.5 * chord, side * inner), (at + 0.5 * chord - sweep, side * reach)),
        *((at + 0.15 * chord - sweep, side * reach), (at - 0.5 * chord, side * inner)),
    ]


def _fuselage(length: float, girth: float) -> Points:
    a, b = length / 2, girth / 2
    half = [(-a, 0.25 * b), (-0.55 * a, 0.9 * b), (-0.2 * a, b), (0.7 * a, b), (0.9 * a, 0.7 * b)]
    outline = [*half, (a, 0.0), *((px, -py) for px, py in reversed(half))]
    return np.asarray(outline, dtype=np.float64)
