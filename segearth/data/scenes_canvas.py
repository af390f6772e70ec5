"""A picture under construction that knows which pixel belongs to what.

Three maps are painted along with the picture: the ground (roads, grass, water), what stands on
it, and parts of what stands on it. In the end every object's mask is what is still visible of
it. Coordinates are pixels, x right and y down, (0, 0) the middle of the first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from segearth.data.objects import Kind, SceneObject
from segearth.data.textures import Colour, Image, add_level, noise, texture
from segearth.data.vocabulary import kind_of

Points = NDArray[np.float64]  # (n, 2), x then y
Spot = NDArray[np.float64]  # (2,), x then y
Layer = Literal["ground", "top", "part"]

_SHIFT = 4  # cv2 takes coordinates as integers of 1/16 pixel
_LEAST_PX = 8  # what is seen of an object below this is not asked for

# These drive, roll or are painted on a pavement and do not interrupt its mask.
_MOBILE = frozenset(
    {"small car", "truck", "bus", "airplane", "helicopter", "zebra crossing", "runway marking"}
    | {"lane marking", "helipad"}
)
_PAVED = frozenset(
    {"road", "parking lot", "airport runway", "taxiway", "driveway", "bridge", "roundabout", "path"}
    | {"intersection", "overpass", "freeway"}
)


@dataclass
class _Item:
    category: str
    kind: Kind
    layer: Layer
    colour: str | None
    parent: int | None


class Canvas:
    """The picture, its maps and the light.

    Attributes:
        image: (S, S, 3) uint8, RGB.
        size: S.
        gsd_m: Metres on the ground for a pixel.
        occupied: (S, S) uint8, where nothing else should be put.
    """

    def __init__(self, rng: np.random.Generator, size: int, gsd_m: float) -> None:
        """Begin with a picture of nothing and choose where the sun stands."""
        self.rng = rng
        self.size = size
        self.gsd_m = gsd_m
        self.image: Image = np.zeros((size, size, 3), np.uint8)
        self.occupied = np.zeros((size, size), np.uint8)
        self._maps: dict[Layer, NDArray[np.int32]] = {
            layer: np.zeros((size, size), np.int32) for layer in ("ground", "top", "part")
        }
        self._items: list[_Item] = []
        angle = rng.uniform(0, 2 * np.pi)
        # Metres of shadow for a metre of height; aerial surveys fly at midday.
        self.sun = rng.uniform(0.3, 1.1) * np.array([np.cos(angle), np.sin(angle)])
        self.shade = rng.uniform(0.35, 0.6)

    def px(self, metres: float) -> float:
        """Convert metres to pixels."""
        return metres / self.gsd_m

    def add(self, category: str, *, colour: str | None = None, parent: int | None = None) -> int:
        """Announce an object; what is painted with the number returned belongs to it."""
        kind = kind_of(category)
        layer: Layer = "part" if kind == "part" else "top"
        if category in _PAVED or category in _GROUNDS:
            layer = "ground"
        self._items.append(_Item(category, kind, layer, colour, parent))
        return len(self._items)

    def layer_of(self, item: int) -> Layer:
        """Tell which map an object is painted on."""
        return self._items[item - 1].layer

    def fill(self, surface: str, item: int = 0, *, colour: Colour | None = None) -> None:
        """Cover the whole picture with a surface."""
        self.image = texture(self.rng, surface, self.size, colour=colour)
        if item:
            self._maps["ground"][:] = item

    def spread(
        self, mask: NDArray[np.bool_], surface: str | Image, item: int = 0, *, edge: float = 0.7
    ) -> None:
        """Cover a region with a surface, with a soft rim of about `edge` pixels."""
        cover = texture(self.rng, surface, self.size) if isinstance(surface, str) else surface
        alpha = cv2.GaussianBlur(mask.view(np.uint8) * np.uint8(255), (0, 0), edge)
        self.image = _blend(self.image, cover, np.asarray(alpha, dtype=np.uint8))
        if item:
            self._maps[self.layer_of(item)][mask] = item

    def polygon(self, points: Points, colour: Colour, item: int = 0) -> None:
        """Paint a polygon; its object owns the pixels that it covers by half or more."""
        corners = _fixed(points)
        cv2.fillPoly(self.image, [corners], colour, cv2.LINE_AA, _SHIFT)
        if item:
            self.claim(points, item)

    def claim(self, points: Points, item: int) -> None:
        """Give the pixels of a polygon to an object without painting."""
        box = self._box(points)
        if box is None:
            return
        x0, y0, x1, y1 = box
        alpha = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillPoly(alpha, [_fixed(points - (x0, y0))], 255, cv2.LINE_AA, _SHIFT)
        self._maps[self.layer_of(item)][y0:y1, x0:x1][alpha >= 128] = item
        if self.layer_of(item) == "top":
            self.occupied[y0:y1, x0:x1] |= alpha

    def shadow(self, points: Points, height_m: float) -> None:
        """Darken what a prism of this outline and height keeps from the sun."""
        reach = self.sun * (height_m / self.gsd_m)
        hull = cv2.convexHull(np.concatenate([points, points + reach]).astype(np.float32))
        outline = hull[:, 0, :].astype(np.float64)
        box = self._box(outline)
        if box is None:
            return
        x0, y0, x1, y1 = box
        alpha = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillPoly(alpha, [_fixed(outline - (x0, y0))], 255, cv2.LINE_AA, _SHIFT)
        factor = cv2.convertScaleAbs(alpha, alpha=self.shade - 1.0, beta=255.0)
        window = self.image[y0:y1, x0:x1]
        cv2.multiply(window, cv2.merge([factor] * 3), dst=window, scale=1 / 255)

    def line(self, start: Spot, end: Spot, colour: Colour, width_px: float = 1.0) -> None:
        """Paint a line that belongs to nothing; thinner than a pixel is fainter."""
        ends = _fixed(np.stack([start, end]))
        thick = max(1, round(width_px))
        cv2.line(self.image, ends[0], ends[1], colour, thick, cv2.LINE_AA, _SHIFT)

    def holds(self, place: Spot, margin_px: float = 0.0) -> bool:
        """Tell whether a point is in the picture, or not farther outside than a margin."""
        return bool(np.all(place > -margin_px) and np.all(place < self.size + margin_px))

    def is_free(self, points: Points, margin_px: float = 2.0) -> bool:
        """Tell whether nothing stands where a polygon would be put."""
        box = self._box(points, margin_px)
        if box is None:
            return False
        x0, y0, x1, y1 = box
        window = self.occupied[y0:y1, x0:x1]
        if not window.any():
            return True
        # Something is in the box; it may still be clear of a polygon that stands aslant.
        centre = points.mean(axis=0)
        reach = np.maximum(np.hypot(*(points - centre).T), 1e-6)[:, None]
        wider = centre + (points - centre) * (1 + margin_px / reach)
        inside = np.zeros_like(window)
        cv2.fillPoly(inside, [_fixed(wider - (x0, y0))], 255, cv2.LINE_8, _SHIFT)
        return not cv2.bitwise_and(window, inside).any()

    def reserve(self, points: Points) -> None:
        """Keep others away from a polygon."""
        cv2.fillPoly(self.occupied, [_fixed(points)], 255, cv2.LINE_8, _SHIFT)

    def ground_mask(self, item: int) -> NDArray[np.bool_]:
        """Return where a ground object lies at the moment."""
        return np.asarray(self._maps["ground"] == item)

    def develop(self) -> Image:
        """Finish the picture as a camera would: optics, noise, haze, colour."""
        rng = self.rng
        soft = cv2.GaussianBlur(self.image, (0, 0), rng.uniform(0.45, 0.85))
        image = np.asarray(soft, dtype=np.uint8)
        image = add_level(image, noise(rng, "grain", self.size) * np.float32(rng.uniform(1.5, 6)))
        steps = np.arange(256, dtype=np.float32) / 255
        gamma, gain, lift = rng.uniform(0.8, 1.25), rng.uniform(0.85, 1.1), rng.uniform(0, 18)
        cast = rng.normal(1, 0.02, 3)
        tables = [lift + (255 - lift) * gain * cast[i] * steps**gamma for i in range(3)]
        table = np.clip(np.stack(tables, axis=-1), 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(image, table[None]), dtype=np.uint8)

    def objects(self) -> list[SceneObject]:
        """Return everything that is visible, parents before their parts."""
        cutting = self._cutting()
        kept: dict[int, int] = {}
        found: list[SceneObject] = []
        for number, item in enumerate(self._items, start=1):
            if item.parent is not None and item.parent not in kept:
                continue
            mask = self._visible(number, item, cutting)
            if int(np.count_nonzero(mask)) < _LEAST_PX:
                continue
            kept[number] = len(found)
            found.append(
                SceneObject(
                    category=item.category,
                    mask=mask,
                    kind=item.kind,
                    colour=item.colour,
                    parent=None if item.parent is None else kept[item.parent],
                )
            )
        return found

    def _cutting(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Find where something stands: anything, and anything but what drives there."""
        top = self._maps["top"]
        fixed = np.array([False, *(item.category not in _MOBILE for item in self._items)])
        return top > 0, fixed[top]

    def _visible(
        self, number: int, item: _Item, cutting: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    ) -> NDArray[np.bool_]:
        mask = self._maps[item.layer] == number
        if item.layer == "ground":
            anything, fixed = cutting
            mask &= ~(fixed if item.category in _PAVED else anything)
        if item.layer == "part" and item.parent is not None:
            on_ground = self._items[item.parent - 1].layer == "ground"
            mask &= self._maps["ground" if on_ground else "top"] == item.parent
        return np.asarray(mask)

    def _box(self, points: Points, margin: float = 1.0) -> tuple[int, int, int, int] | None:
        low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
        x0, y0 = max(0, int(np.floor(low[0]))), max(0, int(np.floor(low[1])))
        x1 = min(self.size, int(np.ceil(high[0])) + 1)
        y1 = min(self.size, int(np.ceil(high[1])) + 1)
        return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


_GROUNDS = frozenset(
    {"grass", "bare land", "farmland", "water", "sea", "river", "lake", "pond", "beach", "forest"}
    | {
        "trees",
        "fairway",
        "golf green",
        "sand bunker",
        "wave",
        "apron",
        "railway",
        "baseball diamond",
    }
    | {"soccer ball field", "green strip", "bushes", "ground track field", "playground"}
)


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.rint(points * (1 << _SHIFT)).astype(np.int32)


def _blend(below: Image, above: Image, alpha: NDArray[np.uint8]) -> Image:
    """Mix two pictures by an alpha map (H, W) of 0 to 255."""
    weight = cv2.merge([alpha] * 3)
    mixed = cv2.add(
        cv2.multiply(above, weight, scale=1 / 255),
        cv2.multiply(below, cv2.bitwise_not(weight), scale=1 / 255),
    )
    return np.asarray(mixed, dtype=np.uint8)
