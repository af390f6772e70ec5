"""Which images show the same scene: those must not end up on both sides of a split.

Images belong together if their footprints on the ground overlap or touch, if their names are
those of tiles of one larger image, or if their files are the same. Belonging together is
passed on: a chain of overlapping tiles is one scene. World files without a coordinate system
are taken to be all of one plane, which nothing relates to longitude and latitude.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.warp import transform_bounds
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely import STRtree, box

from segearth.errors import UsageError
from segearth.files import sha256_of
from segearth.geo.gdal import GDAL_ERRORS
from segearth.geo.georeference import Grid
from segearth.geo.raster import open_scene

_NUMBER = r"[_-]+(?:[a-z]{1,5}[_-]?)?\d+(?:\.\d+)?"
_TILE_NAMES = (
    # Two or more numbers at the end, with or without letters: _r03_c12, __1.0__512___1024.
    re.compile(rf"^(.+?)(?:{_NUMBER}){{2,}}$", re.IGNORECASE),
    # One number after a word for a piece: image_part_004.
    re.compile(r"^(.+?)[_-]*(?:part|tile|patch|crop|chip|window)[_-]?\d+$", re.IGNORECASE),
)
_NEIGHBOURS_WITHIN_PX = 2.0  # a seam of rounding is no gap

_Bounds = tuple[float, float, float, float]  # least x, least y, greatest x, greatest y


def find_scenes(images: Mapping[str, Path], pattern: str = "") -> dict[str, int]:
    """Number the scenes that images belong to.

    Args:
        images: Path relative to the manifest to file; the folder counts as part of a name.
        pattern: A regular expression for relative paths whose first group names the scene,
            instead of the rules for tile names. Where it does not match, an image is alone.

    Returns:
        Each image's scene, from 0, in the order of first appearance.

    Raises:
        UsageError: `pattern` is no regular expression with a group.
        DataError: An image cannot be read.
    """
    names = list(images)
    places = {name: index for index, name in enumerate(names)}
    named = _by_name(names, pattern)
    same = _by_content(images)
    pairs = [
        (places[one], places[other]) for group in (*named, *same) for one, other in pairwise(group)
    ]
    pairs += _by_footprint([images[name] for name in names])
    links = np.array(pairs, np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(len(names),) * 2)
    _, labels = connected_components(graph, directed=False)
    order: dict[int, int] = {}
    return {
        name: order.setdefault(int(label), len(order))
        for name, label in zip(names, labels, strict=True)
    }


def scene_name(image: str, pattern: str = "") -> str:
    """Return the name of the larger image that a tile was cut from, by its path.

    A path that looks like no tile's is its own scene.
    """
    if pattern:
        match = re.search(pattern, image)
        return f"\0{match.group(1)}" if match and match.group(1) is not None else image
    path = Path(image)
    for tile in _TILE_NAMES:
        match = tile.match(path.stem)
        if match:
            return f"{path.parent.as_posix()}/{match.group(1).lower()}\0"
    return image


def _by_name(names: Sequence[str], pattern: str) -> list[list[str]]:
    try:
        if pattern and not re.compile(pattern).groups:
            raise UsageError(
                f"{pattern!r} has no group",
                where="--scene-pattern",
                hint="put the part that names the scene into brackets: '^([^_]+)_'",
            )
    except re.error as error:
        raise UsageError(
            f"{pattern!r} is no regular expression: {error}", where="--scene-pattern"
        ) from error
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(scene_name(name, pattern), []).append(name)
    return list(groups.values())


def _by_content(images: Mapping[str, Path]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for name, path in images.items():
        groups.setdefault(sha256_of(path), []).append(name)
    return list(groups.values())


def _by_footprint(paths: Sequence[Path]) -> list[tuple[int, int]]:
    """Pair images whose ground areas meet; images without map coordinates meet nothing."""
    pairs: list[tuple[int, int]] = []
    planes: dict[bool, list[tuple[int, _Bounds]]] = {True: [], False: []}
    for index, path in enumerate(paths):
        located, areas = _areas(path)
        planes[located] += [(index, bounds) for bounds in areas]
    for plane in planes.values():
        if not plane:
            continue
        boxes = [box(*bounds) for _, bounds in plane]
        one, other = STRtree(boxes).query(boxes, predicate="intersects")
        met = zip(one.tolist(), other.tolist(), strict=True)
        pairs += [(plane[a][0], plane[b][0]) for a, b in met]
    return pairs


def _areas(path: Path) -> tuple[bool, list[_Bounds]]:
    """Return whether an image is on the globe, and its area there or else in its own plane."""
    with open_scene(str(path)) as scene:
        grid = scene.grid
        if not grid.has_map or (grid.crs is None and _counts_pixels(grid)):
            return False, []
        margin = _NEIGHBOURS_WITHIN_PX / 2
        columns = np.array([-margin, grid.width + margin] * 2)
        rows = np.array([-margin, -margin, grid.height + margin, grid.height + margin])
        x, y = grid.to_map(columns, rows)
        bounds = (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
        areas = [bounds] if grid.crs is None else _lonlat_boxes(grid.crs, bounds)
    return grid.crs is not None, [area for area in areas if np.isfinite(area).all()]


def _counts_pixels(grid: Grid) -> bool:
    """Tell a world file that only numbers a picture's own pixels: all pictures would overlap."""
    a, b, c, d, e, f = (float(number) for number in tuple(grid.transform)[:6])
    unit = abs(a) == 1 and abs(e) == 1 and b == d == 0
    return unit and abs(c) <= 1 and min(abs(f), abs(f - grid.height)) <= 1


def _lonlat_boxes(crs: CRS, bounds: _Bounds) -> list[_Bounds]:
    """Return west, south, east, north; two boxes if the area crosses the date line."""
    try:
        west, south, east, north = transform_bounds(crs, CRS.from_epsg(4326), *bounds)
    except (*GDAL_ERRORS, CRSError):
        return []
    if np.isfinite([west, east]).all() and west > east:
        return [(west, south, 180.0, north), (-180.0, south, east, north)]
    return [(west, south, east, north)]
