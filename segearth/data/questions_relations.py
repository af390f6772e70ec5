"""Ways to pick objects out by where they stand to another, named one.

An anchor is an object that its text alone finds ("the building", "the largest tank"). Sides
are decided by bounding boxes, distances by outlines. A relation is only used if it plainly
holds for the ones meant and plainly fails for all others of the word's pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from segearth.data.objects import Placed, SceneObject
from segearth.data.questions_selections import Selection
from segearth.data.questions_words import Word, pick

_CLOSER = 1.4  # the next one must be so many times farther away …
_CLEARANCE = 0.04  # … and by this fraction of the picture
_GROUND = frozenset(
    {"road", "freeway", "bridge", "overpass", "parking lot", "driveway", "airport runway"}
    | {"taxiway", "grass", "beach", "intersection", "apron"}
)


@dataclass(frozen=True)
class Anchor:
    """An object and the words that find it."""

    text: str
    item: Placed


@dataclass
class Outlines:
    """Outline points of objects, computed when first asked for."""

    objects: Sequence[SceneObject]
    _kept: dict[int, NDArray[np.float64]] = field(default_factory=dict)

    def of(self, item: Placed) -> NDArray[np.float64]:
        """Return up to 40 points (n, 2) on the outline, x then y, in pixels."""
        if item.index not in self._kept:
            self._kept[item.index] = _outline(self.objects[item.index].mask, item)
        return self._kept[item.index]

    def distance(self, first: Placed, second: Placed) -> float:
        """Return the gap between two outlines as a fraction of the picture's longer side."""
        a, b = self.of(first), self.of(second)
        squares = ((a[:, None, :] - b[None, :, :]) ** 2).sum(-1)
        side = int(max(self.objects[first.index].mask.shape))
        return float(np.sqrt(squares.min())) / side

    def share_inside(self, item: Placed, ground: Placed) -> float:
        """Return the share of the item's outline that lies on the ground's mask."""
        points = self.of(item).astype(np.intp)
        return float(self.objects[ground.index].mask[points[:, 1], points[:, 0]].mean())


def _outline(mask: NDArray[np.bool_], item: Placed) -> NDArray[np.float64]:
    rows, columns = mask.shape
    x0, y0 = round(item.left * columns), round(item.top * rows)
    x1, y1 = round(item.right * columns), round(item.bottom * rows)
    box = np.ascontiguousarray(mask[y0:y1, x0:x1]).view(np.uint8)
    contours, _ = cv2.findContours(box, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = np.concatenate([contour[:, 0, :] for contour in contours]).astype(np.float64)
    step = max(1, len(points) // 40)
    return np.asarray(points[::step] + np.array([x0, y0]))


def beside(
    word: Word, anchors: Sequence[Anchor], outlines: Outlines, rng: np.random.Generator
) -> Selection | None:
    """Pick what lies left of, right of, above or below an anchor."""
    anchor = _foreign(word, anchors, rng)
    side = pick(rng, ("left", "right", "top", "bottom"))
    if anchor is None or len(word.pool) < 2:
        return None
    meant = [item for item in word.pool if _is_loosely(item, anchor.item, side)]
    if not 1 <= len(meant) < len(word.pool):
        return None
    if not all(_is_plainly(item, anchor.item, side) for item in meant):
        return None
    after = f"{pick(rng, _SIDE_WORDS[side])} {anchor.text}"
    return Selection(
        members=tuple(meant),
        after=after,
        predicate=after,
        kind="relation" if len(meant) == 1 else "group",
    )


_SIDE_WORDS = {
    "left": ("to the left of", "left of", "on the left of", "on the left side of"),
    "right": ("to the right of", "right of", "on the right of", "on the right side of"),
    "top": ("above", "above", "north of"),
    "bottom": ("below", "below", "south of"),
}


def _is_loosely(item: Placed, anchor: Placed, side: str) -> bool:
    if side in ("left", "right"):
        ahead = anchor.x - item.x if side == "left" else item.x - anchor.x
    else:
        ahead = anchor.y - item.y if side == "top" else item.y - anchor.y
    return ahead > 0.02


def _is_plainly(item: Placed, anchor: Placed, side: str) -> bool:
    gaps = {
        "left": anchor.left - item.right,
        "right": item.left - anchor.right,
        "top": anchor.top - item.bottom,
        "bottom": item.top - anchor.bottom,
    }
    upright = side in ("left", "right")
    along = abs(item.x - anchor.x) if upright else abs(item.y - anchor.y)
    across = abs(item.y - anchor.y) if upright else abs(item.x - anchor.x)
    # Past a long anchor (a road across the picture) the offset along it does not matter.
    length = anchor.height if upright else anchor.width
    return gaps[side] > -0.01 and across <= max(along, length / 2)


def closest(
    word: Word, anchors: Sequence[Anchor], outlines: Outlines, rng: np.random.Generator
) -> Selection | None:
    """Pick the one nearest to an anchor or farthest from it."""
    anchor = _foreign(word, anchors, rng)
    if anchor is None or not 2 <= len(word.pool) <= 12:
        return None
    if anchor.item.width > 0.75 and anchor.item.height > 0.75:
        return None  # near everything
    order = sorted((outlines.distance(item, anchor.item), item.index) for item in word.pool)
    by_index = {item.index: item for item in word.pool}
    (first, nearest), (second, _) = order[0], order[1]
    if rng.random() < 0.25 and len(order) > 2:
        (last, farthest), (before_last, _) = order[-1], order[-2]
        if last < 1.2 * before_last or last - before_last < 0.06:
            return None
        after = (
            f"{pick(rng, ('farthest from', 'furthest from', 'most distant from'))} {anchor.text}"
        )
        return _relation(by_index[farthest], after)
    if second < _CLOSER * first or second - first < _CLEARANCE:
        return None
    near = ["closest to", "nearest to", "nearest"]
    if first < 0.03 and second > 0.15:
        near += ["next to", "beside", "right next to"]
    return _relation(by_index[nearest], f"{pick(rng, near)} {anchor.text}")


def between(
    word: Word, anchors: Sequence[Anchor], outlines: Outlines, rng: np.random.Generator
) -> Selection | None:
    """Pick the one that lies between two anchors."""
    first, second = _foreign(word, anchors, rng), _foreign(word, anchors, rng)
    if first is None or second is None or first.item is second.item or len(word.pool) < 2:
        return None
    if not (first.item.compact and second.item.compact):
        return None
    start = np.array([first.item.x, first.item.y])
    along = np.array([second.item.x, second.item.y]) - start
    length = float(np.hypot(*along))
    if length < 0.25:
        return None
    inside, near = [], []
    for item in word.pool:
        offset = np.array([item.x, item.y]) - start
        share = float(offset @ along) / length**2
        aside = abs(float(offset[0] * along[1] - offset[1] * along[0])) / length**2
        if 0.2 < share < 0.8 and aside < 0.2:
            inside.append(item)
        if -0.05 < share < 1.05 and aside < 0.6:
            near.append(item)
    if len(inside) != 1 or len(near) != 1:
        return None
    return _relation(inside[0], f"between {first.text} and {second.text}")


def standing_on(
    word: Word, anchors: Sequence[Anchor], outlines: Outlines, rng: np.random.Generator
) -> Selection | None:
    """Pick what stands on a road, a parking lot or another ground."""
    grounds = [anchor for anchor in anchors if anchor.item.category in _GROUND]
    anchor = _foreign(word, grounds, rng)
    if anchor is None or not 2 <= len(word.pool) <= 40:
        return None
    shares = [outlines.share_inside(item, anchor.item) for item in word.pool]
    meant = [item for item, share in zip(word.pool, shares, strict=True) if share > 0.8]
    if not 1 <= len(meant) < len(word.pool) or any(0.05 < share <= 0.8 for share in shares):
        return None
    link = "in" if anchor.item.category == "parking lot" else "on"
    after = f"{link} {anchor.text}"
    kind = "relation" if len(meant) == 1 else "group"
    return Selection(members=tuple(meant), after=after, predicate=after, kind=kind)


RELATIONS = (beside, closest, closest, between, standing_on)


def _relation(member: Placed, after: str) -> Selection:
    return Selection(members=(member,), after=after, predicate=after, kind="relation")


def _foreign(word: Word, anchors: Sequence[Anchor], rng: np.random.Generator) -> Anchor | None:
    """Choose an anchor that the word itself does not reach."""
    pool = {item.index for item in word.pool}
    choices = [anchor for anchor in anchors if anchor.item.index not in pool]
    return pick(rng, choices) if choices else None
