"""Write targets as map layers: `targets.gpkg` in the scene's own system, GeoJSON in lon/lat."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

import geopandas
import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS as ProjCRS

from segearth.errors import DataError
from segearth.geo.georeference import Grid
from segearth.geo.outlines import to_map

LAYER = "targets"
_LONLAT = "OGC:CRS84"
_TYPES = {
    "id": "int64",
    "phrase": "str",
    "instruction": "str",
    "score": "float64",
    "area_px": "int64",
    "area_m2": "float64",
    "model": "str",
}


class Attributes(TypedDict):
    """The columns of a target's row."""

    id: int
    phrase: str
    instruction: str
    score: float
    area_px: int
    area_m2: float | None
    model: str


def write_layers(
    folder: Path,
    grid: Grid,
    shapes: Sequence[shapely.MultiPolygon],
    rows: Sequence[Attributes],
) -> None:
    """Write both layers; no targets give valid empty ones with the same columns.

    Args:
        folder: Where `targets.gpkg` and `targets.geojson` are made.
        grid: Of the scene. Without a coordinate system the GeoPackage is in the grid's own
            numbers (pixels, if there are none) and GeoJSON in pixels: x = column, y = row.
        shapes: One a target, in pixels.
        rows: One a target.

    Raises:
        DataError: Writing fails.
    """
    system = ProjCRS.from_wkt(grid.crs.to_wkt()) if grid.is_located else None
    placed = [to_map(shape, grid) for shape in shapes]
    on_map = _frame(rows, placed, system)
    _write(folder / f"{LAYER}.gpkg", "GPKG", on_map)
    if system is None:
        _write(folder / f"{LAYER}.geojson", "GeoJSON", _frame(rows, shapes, None))
        return
    lonlat = [_keep_valid(shape) for shape in on_map.geometry.to_crs(_LONLAT)]
    frame = _frame(rows, lonlat, _LONLAT)
    # RFC 7946: rings wound the right way, cut at the date line. Its seven decimals are a
    # centimetre, which would spoil outlines of drone images; nine are a tenth of a millimetre.
    _write(
        folder / f"{LAYER}.geojson", "GeoJSON", frame, {"RFC7946": "YES", "COORDINATE_PRECISION": 9}
    )


def _frame(
    rows: Sequence[Attributes], shapes: Sequence[shapely.Geometry], crs: object
) -> geopandas.GeoDataFrame:
    """Make a table with the columns of `Attributes`, also of no rows."""
    columns = {name: [row[name] for row in rows] for name in _TYPES}  # type: ignore[literal-required]
    frame = geopandas.GeoDataFrame(columns, geometry=list(shapes), crs=crs)
    return frame.astype(_TYPES)


def _keep_valid(shape: shapely.Geometry) -> shapely.Geometry:
    """Repair what reprojection bent; parts beyond the Earth's edge have no place."""
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        return shapely.MultiPolygon()
    return shape if shape.is_valid else shapely.make_valid(shape)


def _write(
    path: Path,
    driver: str,
    frame: geopandas.GeoDataFrame,
    options: dict[str, Any] | None = None,
) -> None:
    try:
        with warnings.catch_warnings():
            # Told in our words: the layer has no coordinate system because the scene has none.
            warnings.filterwarnings("ignore", message=".*crs.* was not provided")
            pyogrio.write_dataframe(
                frame,
                path,
                layer=LAYER,
                driver=driver,
                geometry_type="MultiPolygon",
                promote_to_multi=True,
                layer_options=options or {},
            )
    except (DataSourceError, DataLayerError, OSError) as error:
        raise DataError(
            f"{path.name} cannot be written: {error}",
            hint="see that there is space left on the disk",
        ) from error
