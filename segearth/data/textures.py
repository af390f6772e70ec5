"""Surfaces as they look from above: grass, soil, concrete, water, tree tops.

All noise comes from a few large fields that are made once, from a fixed seed, and then cropped
and turned at random: a scene costs copies and no synthesis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Field = NDArray[np.float32]
Colour = tuple[float, float, float]

_BANK_PX = 768


@dataclass(frozen=True)
class Surface:
    """How a material looks.

    Attributes:
        colours: RGB to choose from.
        blotch: Strength of spots as large as a bush, in grey levels.
        cloud: Strength of slow changes across the picture.
        grain: Strength of pixel noise.
        tint: How the spots change red, green and blue.
        scale: Which field the spots come from: "fine", "middle" or "coarse".
    """

    colours: tuple[Colour, ...]
    blotch: float = 8.0
    cloud: float = 8.0
    grain: float = 5.0
    tint: Colour = (1.0, 1.0, 1.0)
    scale: str = "middle"


SURFACES: dict[str, Surface] = {
    "grass": Surface(
        ((86, 112, 66), (104, 122, 78), (74, 104, 62), (120, 126, 84), (98, 118, 92)),
        blotch=9,
        cloud=12,
        tint=(1.2, 0.9, 0.9),
    ),
    "lawn": Surface(((82, 128, 68), (96, 140, 82), (88, 122, 78)), blotch=5, cloud=7, grain=4),
    "dry": Surface(
        ((168, 152, 118), (184, 168, 136), (150, 136, 104), (196, 176, 148)),
        blotch=10,
        cloud=14,
        tint=(1, 1, 0.8),
    ),
    "soil": Surface(((152, 112, 78), (172, 130, 92), (134, 98, 72)), blotch=10, cloud=14),
    "concrete": Surface(
        ((186, 184, 176), (204, 202, 196), (168, 168, 164), (196, 190, 172)),
        blotch=5,
        cloud=9,
        scale="coarse",
    ),
    "asphalt": Surface(
        ((104, 104, 108), (88, 88, 92), (124, 122, 120), (112, 108, 102)),
        blotch=4,
        cloud=8,
        grain=6,
        scale="coarse",
    ),
    "sand": Surface(
        ((206, 188, 156), (218, 204, 176), (190, 170, 140)), blotch=5, cloud=9, grain=5
    ),
    "sea": Surface(
        ((46, 84, 92), (38, 72, 88), (62, 102, 104), (30, 62, 74), (52, 92, 118)),
        blotch=5,
        cloud=7,
        grain=4,
        scale="fine",
    ),
    "river": Surface(
        ((54, 84, 74), (44, 76, 82), (70, 92, 70), (34, 60, 62)), blotch=2, cloud=6, grain=3
    ),
    "green": Surface(((112, 158, 92), (126, 166, 106), (104, 148, 96)), blotch=3, cloud=5, grain=3),
    "clay": Surface(((176, 104, 78), (164, 92, 70), (186, 122, 90)), blotch=3, cloud=5, grain=4),
    "canopy": Surface(
        ((52, 72, 46), (62, 84, 56), (46, 66, 52), (70, 88, 60)), blotch=24, cloud=6, scale="canopy"
    ),
}


def texture(
    rng: np.random.Generator, name: str, size: int, *, colour: Colour | None = None
) -> Image:
    """Make a whole picture of one surface.

    Args:
        rng: Chooses the colour and the piece of noise.
        name: A key of `SURFACES`.
        size: Side in pixels.
        colour: RGB to use instead of one of the surface's own.

    Returns:
        (size, size, 3) uint8.
    """
    surface = SURFACES[name]
    base = colour or surface.colours[int(rng.integers(len(surface.colours)))]
    spots = noise(rng, surface.scale, size) * surface.blotch
    clouds = noise(rng, "cloud", size) * surface.cloud
    level = spots + noise(rng, "grain", size) * surface.grain + clouds
    shift = rng.normal(0, 3, 3)
    channels = [level * surface.tint[i] + np.float32(base[i] + shift[i]) for i in range(3)]
    _, positive = cv2.threshold(cv2.merge(channels), 0, 0, cv2.THRESH_TOZERO)
    return np.asarray(cv2.convertScaleAbs(positive), dtype=np.uint8)


def stripes(
    rng: np.random.Generator, size: int, angle: float, period_px: float, strength: float
) -> Field:
    """Make parallel bands, as of crops or mowing: (size, size) float32, mean near 0."""
    steps = np.arange(size, dtype=np.float32)
    across = np.float32(np.cos(angle)) * steps[None, :] + np.float32(np.sin(angle)) * steps[:, None]
    wobble = noise(rng, "coarse", size) * np.float32(0.15 * period_px)
    bands = np.sin((across + wobble) * np.float32(2 * np.pi / period_px))
    return np.asarray(bands * np.float32(strength), dtype=np.float32)


def add_level(image: Image, level: Field) -> Image:
    """Add one field (H, W) to all channels, clipped to 0 to 255."""
    wide = cv2.merge([level, level, level])
    return np.asarray(cv2.add(image, wide, dtype=cv2.CV_8U), dtype=np.uint8)


def noise(rng: np.random.Generator, name: str, size: int) -> Field:
    """Cut a random piece out of a field, turned at random: (size, size), about unit variance.

    Beyond the bank's size the piece is tiled by reflection.
    """
    field = _bank()[name]
    room = _BANK_PX - size
    if room < 0:
        field = np.pad(field, (0, -room), mode="reflect")
        room = 0
    x, y = (int(value) for value in rng.integers(0, room + 1, 2))
    piece = field[y : y + size, x : x + size]
    turn = int(rng.integers(8))
    piece = piece[::-1] if turn & 1 else piece
    piece = piece[:, ::-1] if turn & 2 else piece
    return piece.T if turn & 4 else piece


@cache
def _bank() -> dict[str, Field]:
    rng = np.random.default_rng(20_240_607)  # any fixed number: all scenes share the bank
    white = rng.standard_normal((_BANK_PX, _BANK_PX)).astype(np.float32)
    blurs = {"fine": 1.2, "middle": 3.0, "coarse": 9.0, "cloud": 48.0}
    bank = {
        name: _unit(cv2.GaussianBlur(rng.permuted(white), (0, 0), sigma))
        for name, sigma in blurs.items()
    }
    bank["middle"] = _unit(bank["middle"] + 0.6 * bank["fine"])
    bank["grain"] = _unit(cv2.GaussianBlur(white, (0, 0), 0.6))
    bank["canopy"] = _canopy(rng)
    return bank


def _canopy(rng: np.random.Generator) -> Field:
    """Draw round tree tops, lit from one side, dark between them."""
    field = np.full((_BANK_PX, _BANK_PX), -1.6, np.float32)
    for _ in range(5200):
        x, y = (int(value) for value in rng.integers(0, _BANK_PX, 2))
        radius = int(rng.integers(4, 13))
        level = float(rng.normal(0, 0.35))
        cv2.circle(field, (x, y), radius, level - 0.5, -1)
        light = (x - radius // 3, y - radius // 3)
        cv2.circle(field, light, max(2, int(radius * 0.62)), level + 0.5, -1)
    return _unit(cv2.GaussianBlur(field, (0, 0), 1.3))


def _unit(field: NDArray[Any]) -> Field:
    centred = field - field.mean()
    return np.asarray(centred / centred.std(), dtype=np.float32)
