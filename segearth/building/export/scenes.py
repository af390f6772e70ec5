"""Which images show the same scene: those must not end up on both sides of a split.

Images belong together if their footprints on the ground overlap or touch, if their names are
those of tiles of one larger image, or if their files are the same. Belonging together is
passed on: a chain of overlapping tiles is one scene. World files without a coordinate system
are taken to be all of one plane, which nothing relates to longitude and latitude; so are the
tiles of a web map, whose paths are zoom/column/row.
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

_NUMBER = r"[ _-]+(?:[a-z]{1,5}[_-]?)?\d+(?:\.\d+)?"
_TILE_NAMES = (
    # Two or more numbers at the end, with or without letters: _r03_c12, __1.0__512___1024.
    re.compile(rf"^(.+?)(?:{_NUMBER}){{2,}}$", re.IGNORECASE),
    # One number after a word for a piece: image_part_004.
    re.compile(r"^(.+?)[_-]*(?:part|tile|patch|crop|chip|window)[_-]?\d+$", re.IGNORECASE),
)
# Nothing but a piece's number: tile_000, 0_3. The folder names the scene, if there are several.
_BARE = re.compile(
    r"^(?:(?:part|tile|patch|crop|chip|window)[_-]?\d+|[rcxy]?\d+(?:[ _-]+[rcxy]?\d+)+)$",
    re.IGNORECASE,
)
_WEB_TILE = re.compile(r"(?:^|/)(\d{1,2})/(\d+)/(\d+)\.\w+$")
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
    pairs += _by_footprint(images)
    links = np.array(pairs, np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(len(names),) * 2)
    _, labels = connected_components(graph, directed=False)
    order: dict[int, int] = {}
    return {
        name: order.setdefault(int(label), len(order))
        for name, label in zip(names, labels, strict=True)
    }


def scene_name(image: str, pattern: str = "", *, by_folder: bool = False) -> str:
    """Return the name of the larger image that a tile was cut from, by its path.

    Args:
        image: The path; one that looks like no tile's is its own scene.
        pattern: As for `find_scenes`.
        by_folder: The folder names the scene of files that have a piece's number alone.
    """
    if pattern:
        match = re.search(pattern, image)
        return f"\0{match.group(1)}" if match and match.group(1) is not None else image
    path = Path(image)
    if _BARE.match(path.stem):
        return f"{path.parent.as_posix()}/\0" if by_folder else image
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
    folders = {Path(name).parent for name in names if not _web_tile(name)}
    groups: dict[str, list[str]] = {}
    for name in names:
        by_folder = len(folders) > 1 and not _web_tile(name)
        groups.setdefault(scene_name(name, pattern, by_folder=by_folder), []).append(name)
    return list(groups.values())


def _web_tile(name: str) -> tuple[int, int, int] | None:
    """Return zoom, column and row of a web map's tile, or None if the path is no such tile's."""
    match = _WEB_TILE.search(name)
    zoom, column, row = map(int, match.groups()) if match else (0, 0, 0)
    return (zoom, column, row) if match and max(column, row) < 1 << zoom else None


def _by_content(images: Mapping[str, Path]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for name, path in images.items():
        groups.setdefault(sha256_of(path), []).append(name)
    return list(groups.values())


def _by_footprint(images: Mapping[str, Path]) -> list[tuple[int, int]]:
    """Pair images whose ground areas meet; images without map coordinates meet nothing."""
    pairs: list[tuple[int, int]] = []
    planes: dict[str, list[tuple[int, _Bounds]]] = {"globe": [], "plane": [], "web map": []}
    for index, (name, path) in enumerate(images.items()):
        located, areas = _areas(path)
        planes["globe" if located else "plane"] += [(index, bounds) for bounds in areas]
        if tile := _web_tile(name):
            zoom, column, row = tile
            side = 2.0**-zoom
            area = (column * side, row * side, (column + 1) * side, (row + 1) * side)
            planes["web map"].append((index, area))
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
