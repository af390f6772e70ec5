"""Turn a mask on disk into polygons, block by block.

Blocks are outlined one at a time and the pieces that touch a block's edge are joined
after, so memory grows with the outline's corners and never with the scene's pixels: a
mask of a few compact objects costs next to nothing, one of random noise about 1 kB for
every speck. Stair steps are then smoothed by a pixel (Douglas-Peucker), small pieces
excepted, which would lose their shape; a mask of thousands of pieces is noise and stays
as it is, because mending smoothed pieces that overlap takes longer than it is worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import shapes

from segearth.geo.bit_rows import BitRows
from segearth.geo.georeference import Grid

BLOCK_SIDE_PX = 1024
TOLERANCE_PX = 1.0
MAX_SMOOTHED_PIECES = 5000
_SMALL_PX = 25  # pieces of up to about 5 x 5 pixels stay as they are


def outline(mask: BitRows) -> shapely.MultiPolygon:
    """Trace a mask.

    Args:
        mask: Any size.

    Returns:
        A valid multipolygon in pixel coordinates (x = column, y = row, corners of pixels),
        with holes; empty for an empty mask.
    """
    inner: list[shapely.Polygon] = []
    cut: list[shapely.Polygon] = []
    for polygon, touches_edge in _pieces(mask):
        (cut if touches_edge else inner).append(polygon)
    joined = [*inner, *polygons_of(shapely.union_all(cut))]
    if len(joined) > MAX_SMOOTHED_PIECES:
        return shapely.MultiPolygon(joined)
    return _as_valid(_smooth(polygon) for polygon in joined)


def to_map(shape: shapely.MultiPolygon, grid: Grid) -> shapely.MultiPolygon:
    """Move a shape from pixel to map coordinates; it stays where there is no map."""
    if not grid.has_map or shape.is_empty:
        return shape

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(grid.to_map(points[:, 0], points[:, 1]))

    return _as_valid([shapely.transform(shape, place)])


def polygons_of(shape: shapely.Geometry) -> list[shapely.Polygon]:
    """Return the polygons a shape is made of; lines and points are left out."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    return [part for part in parts if isinstance(part, shapely.Polygon) and not part.is_empty]


def _pieces(mask: BitRows) -> Iterator[tuple[shapely.Polygon, bool]]:
    """Yield the polygons of each block, and whether one touches the block's edge."""
    for row in range(0, mask.height, BLOCK_SIDE_PX):
        rows = mask.read(row, BLOCK_SIDE_PX)
        for column in range(0, mask.width, BLOCK_SIDE_PX):
            block = rows[:, column : column + BLOCK_SIDE_PX]
            if not block.any():
                continue
            bottom, right = row + block.shape[0], column + block.shape[1]
            offset = Affine.translation(column, row)
            for shape, _ in shapes(block.view(np.uint8), mask=block, transform=offset):
                polygon = shapely.Polygon(shape["coordinates"][0], shape["coordinates"][1:])
                x0, y0, x1, y1 = polygon.bounds
                yield polygon, x0 == column or y0 == row or x1 == right or y1 == bottom


def _smooth(polygon: shapely.Polygon) -> shapely.Polygon:
    if polygon.area <= _SMALL_PX:
        return polygon
    smoothed = polygon.simplify(TOLERANCE_PX, preserve_topology=True)
    return smoothed if isinstance(smoothed, shapely.Polygon) else polygon


def _as_valid(shapes_: Iterable[shapely.Geometry]) -> shapely.MultiPolygon:
    """Join shapes into one valid multipolygon: smoothed neighbours may overlap a little."""
    parts = [part for shape in shapes_ for part in polygons_of(shape)]
    shape: shapely.Geometry = shapely.MultiPolygon(parts)
    if not shape.is_valid:
        shape = shapely.union_all([shapely.make_valid(part) for part in parts])
    return shapely.MultiPolygon(polygons_of(shape))
