"""Corners, sides and the centre of a picture: names, and who is plainly inside or anywhere near.

Between *inside* and *near* lies a strip where people would disagree. One object is meant by a
zone's name if it is inside and no other one of its kind is near.
"""

from __future__ import annotations

from collections.abc import Callable

from segearth.data.objects import Placed

Test = Callable[[Placed], bool]


def _corner(row: str, column: str) -> tuple[tuple[str, ...], Test, Test]:
    edge = {"upper": "top", "lower": "bottom"}[row]
    compass = {"upper": "north", "lower": "south"}[row] + {"left": "west", "right": "east"}[column]
    texts = (
        *(f"in the {row} {column}", f"in the {row}-{column} corner", f"at {row} {column}"),
        *(f"in the {edge} {column} corner", f"at the {edge} {column}", f"in the {edge}-{column}"),
        *(f"in the {row} {column} part of the image", f"in the {compass} corner"),
    )

    def inside(item: Placed) -> bool:
        return _from(item.x, column) < 0.36 and _from(item.y, row) < 0.36

    def near(item: Placed) -> bool:
        return _from(item.x, column) < 0.48 and _from(item.y, row) < 0.48

    return texts, inside, near


def _side(name: str) -> tuple[tuple[str, ...], Test, Test]:
    axis = "x" if name in ("left", "right") else "y"
    half = {"top": "upper", "bottom": "lower"}.get(name, name)
    texts: tuple[str, ...] = (
        f"on the {name} side",
        f"in the {half} half",
        f"in the {half} part of the image",
    )
    texts += (f"on the {name}",) if axis == "x" else (f"near the {name}", f"at the {name}")

    def inside(item: Placed) -> bool:
        return _from(getattr(item, axis), name) < 0.36

    def near(item: Placed) -> bool:
        return _from(getattr(item, axis), name) < 0.54

    return texts, inside, near


def _centre() -> tuple[tuple[str, ...], Test, Test]:
    texts = (
        *("in the centre", "in the center", "in the middle of the image", "near the centre"),
        *("in the middle", "at the centre of the image"),
    )

    def inside(item: Placed) -> bool:
        return abs(item.x - 0.5) < 0.13 and abs(item.y - 0.5) < 0.13

    def near(item: Placed) -> bool:
        return abs(item.x - 0.5) < 0.24 and abs(item.y - 0.5) < 0.24

    return texts, inside, near


def _from(value: float, side: str) -> float:
    return 1 - value if side in ("right", "lower", "bottom") else value


ZONES = (
    *(_corner(row, column) for row in ("upper", "lower") for column in ("left", "right")),
    *(_side(name) for name in ("left", "right", "top", "bottom")),
    _centre(),
)
