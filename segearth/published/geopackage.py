"""A layer of polygons with a text column, burnt onto the grids of GeoTIFFs.

Polygons of the same text on the same raster are one target. They are brought into the
raster's own coordinate system if theirs differs; the raster is never resampled. A pixel
belongs to a polygon if its centre lies inside. What lies outside of the raster is cut off, and
noted, as are polygons that are not valid: those that cross themselves are drawn even-odd.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FieldError
from pyproj import CRS
from pyproj.exceptions import ProjError
from rasterio.features import rasterize

from segearth.data.rle import encode_mask
from segearth.errors import DataError, GeoreferenceError, UsageError
from segearth.geo.georeference import Grid
from segearth.geo.raster import open_scene
from segearth.published.examples import BY_TEMPLATE, Example, Mask, Read, answer_with, clean_phrase
from segearth.published.report import Report

ASSUMED = {
    "granularity": "instance where one polygon has the text, else semantic",
    "reasoning": "explicit: the text names what it means",
}
SPLIT = "manifest"
FAR = 1e12
"""No coordinate system of the Earth has such coordinates, in metres, feet or degrees."""
MAX_PIXELS = 1 << 28
"""A mask is burnt in memory, one byte a pixel; larger scenes are cut into tiles first."""


def find_splits(
    source: Path,
    rasters: Sequence[Path] = (),
    *,
    text: str | None = None,
    layer: str | None = None,
) -> dict[str, Read]:
    """Open the layer and return a reader for its one split.

    Args:
        source: A GeoPackage, or any other file of features that GDAL reads.
        rasters: The GeoTIFFs; without any, those beside `source`.
        text: The column with the texts; not needed if there is only one column of text.
        layer: Its name, if the file has several.

    Raises:
        UsageError: Layer or column are not there, or have to be chosen.
        DataError: The file cannot be read, or there are no rasters.
        GeoreferenceError: The layer has no coordinate system.
    """
    frame = _read_layer(source, layer)
    column = _text_column(frame, text)
    if frame.crs is None:
        raise GeoreferenceError(
            f"{source.name} has no coordinate system",
            where=str(source),
            hint="set it, for instance with: ogr2ogr -a_srs EPSG:... out.gpkg in.gpkg",
        )
    beside = [path for path in sorted(source.parent.iterdir()) if path.suffix.lower() in _TIFF]
    images = [path.absolute() for path in rasters or beside]
    if not images:
        raise DataError(
            f"there is no GeoTIFF beside {source.name}",
            where=str(source.parent),
            hint="name the image with --raster",
        )
    if len({path.name for path in images}) < len(images):
        raise UsageError("two rasters have the same name", where="--raster", hint="rename one")
    return {SPLIT: _reader(frame, column, images, named=bool(rasters))}


_TIFF = (".tif", ".tiff")


def _read_layer(source: Path, layer: str | None) -> Any:
    """Read the features, with their ids as index."""
    if not source.is_file():
        problem = "is a folder" if source.is_dir() else "does not exist"
        raise DataError(f"{source} {problem}", hint="give the GeoPackage with the polygons")
    try:
        names = [str(name) for name in pyogrio.list_layers(source)[:, 0]]
        if (layer is None and len(names) != 1) or (layer is not None and layer not in names):
            raise UsageError(
                f"{source.name} has the layers {', '.join(names[:5])}"
                if names
                else f"{source.name} has no layer",
                where="--layer",
                hint="name one with --layer" if names else None,
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of drivers, about files that others wrote
            frame = pyogrio.read_dataframe(source, layer=layer or names[0], fid_as_index=True)
    except (DataSourceError, DataLayerError, FieldError) as error:
        raise DataError(
            f"{source.name} cannot be read as a layer of polygons: {str(error).splitlines()[0]}",
            where=str(source),
        ) from error
    if not isinstance(frame, geopandas.GeoDataFrame):
        raise DataError(
            f"{source.name} is a table without geometries",
            where=str(source),
            hint="give the layer with the polygons",
        )
    return frame


def _text_column(frame: Any, wanted: str | None) -> str:
    """Choose the column with the texts."""
    columns = [str(name) for name in frame.columns if name != frame.geometry.name]
    texts = [name for name in columns if geopandas.pd.api.types.is_string_dtype(frame[name])]
    if wanted is None and len(texts) == 1:
        return texts[0]
    if wanted in columns:
        return str(wanted)
    has = f"it has {', '.join(columns[:5])}" if columns else "it has none"
    raise UsageError(
        f"there is no column {wanted!r}" if wanted else f"{len(texts)} columns hold text",
        where="--text",
        hint=f"choose one of {', '.join(texts[:5])}"
        if texts
        else f"the layer needs a column that says what its polygons are ({has})",
    )


def _reader(frame: Any, column: str, rasters: Sequence[Path], *, named: bool) -> Read:
    def read(report: Report) -> Iterator[Example]:
        rows = zip(frame.index, frame.geometry, frame[column], strict=True)
        usable = frame.loc[np.array([_usable(*row, column, report) for row in rows], bool)]
        report.counts.found = len(frame)
        met: set[object] = set()
        for path in rasters:
            try:
                grid, gsd = _grid(path)
            except _UnreadableError as error:
                if named:
                    raise
                report.leave_out("raster unreadable", path.name, error.problem, path.name)
                continue
            placed = _on_grid(usable, grid, path)
            lost = ~(np.abs(placed.geometry.bounds.to_numpy()) < FAR).all(axis=1)
            for index in placed.index[lost]:
                why = f"corners of it are nowhere in the coordinates of {path.name}"
                report.leave_out("no coordinates", f"feature {index} on {path.name}", why)
            met |= set(placed.index[lost])
            here = _cut(placed[~lost], grid, path, report)
            met |= set(here.index)
            texts = here[column].map(lambda text: " ".join(text.split()))
            for number, (phrase, group) in enumerate(here.groupby(texts, sort=False)):
                mask = _burn(group.geometry, grid)
                if not mask.any():
                    report.leave_out(
                        "smaller than a pixel",
                        f"{path.stem}: {phrase}",
                        "no centre of a pixel lies inside",
                    )
                    continue
                yield Example(
                    id=f"{path.stem}-{number}",
                    image=path,
                    place=path.name,
                    instruction=phrase,
                    answer=answer_with(phrase),
                    masks=[encode_mask(mask)],
                    granularity="instance" if len(group) == 1 else "semantic",
                    gsd_m=gsd,
                    extra={**BY_TEMPLATE, "category": clean_phrase(phrase), "features": len(group)},
                )
        for index in usable.index.difference(list(met)):
            report.leave_out(
                "outside every raster", f"feature {index}", "no raster covers any of it"
            )

    return read


def _usable(index: object, geometry: Any, text: object, column: str, report: Report) -> bool:
    """Tell whether a feature has a text and an area; the report learns why not."""
    if not isinstance(text, str) or not text.strip():
        report.leave_out("no text", f"feature {index}", f"its column {column!r} holds no text")
    elif geometry is None or geometry.is_empty or geometry.geom_type not in _AREAS:
        kind = "nothing" if geometry is None else geometry.geom_type
        report.leave_out("no polygon", f"feature {index}", f"it is a {kind}")
    else:
        return True
    return False


_AREAS = ("Polygon", "MultiPolygon")


class _UnreadableError(DataError):
    """GDAL cannot open a raster; the others may be fine."""


def _grid(path: Path) -> tuple[Grid, float | None]:
    """Return the raster's grid and the side of its pixels in metres."""
    try:
        with open_scene(str(path)) as scene:
            grid = scene.grid
    except DataError as error:
        raise _UnreadableError(error.problem, where=error.where, hint=error.hint) from error
    if not grid.is_located:
        raise GeoreferenceError(
            f"{path.name} has no map coordinates, so that polygons cannot be put on it",
            where=str(path),
            hint="set them, for instance with: gdal_edit -a_srs EPSG:... -a_ullr ...",
        )
    if grid.height * grid.width > MAX_PIXELS:
        raise DataError(
            f"{path.name} has {grid.height} x {grid.width} pixels, too many for one record",
            where=str(path),
            hint="cut it into tiles first, for instance with: gdal_retile.py -ps 1024 1024",
        )
    return grid, grid.gsd_m


def _on_grid(frame: Any, grid: Grid, path: Path) -> Any:
    """Bring features into the raster's coordinate system."""
    try:
        return frame.to_crs(CRS.from_wkt(grid.crs.to_wkt()))
    except ProjError as error:
        raise GeoreferenceError(
            f"the polygons cannot be brought into the coordinates of {path.name}",
            where=str(path),
            hint=f"check both coordinate systems; PROJ says: {error}",
        ) from error


def _cut(placed: Any, grid: Grid, path: Path, report: Report) -> Any:
    """Keep what lies on the raster, cut at its edge.

    Drawing wraps around where corners lie far outside, so nothing outside reaches it.
    """
    outline = _outline(grid)
    valid = placed.geometry.is_valid
    for index, shape in placed.geometry[~valid].items():
        why = f"drawn even-odd on {path.name}: {shapely.is_valid_reason(shape)}"
        report.note("polygon not valid", f"feature {index}", why)
    # Even-odd, as the drawing does: exclusive or of all rings.
    repaired = placed.geometry.where(valid, placed.geometry.make_valid(method="linework"))
    placed = placed.set_geometry(repaired)
    here = placed[placed.intersects(outline)]
    for index in here.index[~here.within(outline)]:
        report.note("cut at the edge", f"feature {index}", f"part of it lies outside {path.name}")
    return here.set_geometry(here.intersection(outline))


def _outline(grid: Grid) -> shapely.Polygon:
    """Return the raster's outline on the map."""
    corners = ((0, 0), (grid.width, 0), (grid.width, grid.height), (0, grid.height))
    return shapely.Polygon([grid.to_map(float(x), float(y)) for x, y in corners])


def _burn(shapes: Any, grid: Grid) -> Mask:
    """Return (H, W) bool, true where a pixel's centre lies inside of a polygon."""
    burnt = rasterize(
        [(shape, 1) for shape in shapes],
        out_shape=(grid.height, grid.width),
        transform=grid.transform,
        dtype=np.uint8,
    )
    return np.asarray(burnt, bool)
