"""Write `masks.tif`: one band a target on the grid of the scene, a few rows at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from segearth.errors import DataError
from segearth.geo.bit_rows import BitRows
from segearth.geo.gdal import GDAL_ERRORS, gdal_session
from segearth.geo.georeference import Grid

NODATA = 255
BLOCK_PX = 512


@dataclass(frozen=True)
class Extent:
    """What a finished mask covers."""

    row_counts: NDArray[np.int64]
    """(H,) pixels in each row."""
    bbox_px: tuple[int, int, int, int]
    """(x0, y0, x1, y1): first column and row, and one past the last; zeros if empty."""

    @property
    def area_px(self) -> int:
        """All its pixels."""
        return int(self.row_counts.sum())


def measure(mask: BitRows) -> Extent:
    """Count a mask's pixels and find its box, a few rows at a time."""
    row_counts = np.zeros(mask.height, np.int64)
    columns = np.zeros(mask.width, bool)
    for row in range(0, mask.height, BLOCK_PX):
        rows = mask.read(row, BLOCK_PX)
        row_counts[row : row + len(rows)] = rows.sum(axis=1)
        columns |= rows.any(axis=0)
    if not columns.any():
        return Extent(row_counts, (0, 0, 0, 0))
    ys, xs = np.flatnonzero(row_counts), np.flatnonzero(columns)
    return Extent(row_counts, (int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1))


def write_masks(
    path: Path,
    grid: Grid,
    valid: BitRows,
    masks: Sequence[BitRows],
    phrases: Sequence[str],
    tags: Mapping[str, str],
) -> None:
    """Write masks as a tiled GeoTIFF.

    Args:
        path: The file to make.
        grid: Of the scene; repeated bit by bit, with ground control points and RPCs.
        valid: Pixels where the scene has data; all others become nodata.
        masks: One a band. Without any, one band of zeros is written: a GeoTIFF without
            bands does not exist.
        phrases: One a band, its description.
        tags: Of the whole file.

    Raises:
        DataError: The disk is full, or writing fails otherwise.
    """
    try:
        with (
            gdal_session(str(path)),
            rasterio.open(path, "w", **_profile(grid, max(1, len(masks)))) as dataset,
        ):
            _describe(dataset, grid, phrases, tags)
            for row in range(0, grid.height, BLOCK_PX):
                _write_rows(dataset, row, valid, masks)
        _check_complete(path)
    except (*GDAL_ERRORS, OSError) as error:
        raise DataError(
            f"{path.name} cannot be written: {error.__cause__ or error}",
            hint="see that there is space left on the disk",
        ) from error


def _profile(grid: Grid, bands: int) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "height": grid.height,
        "width": grid.width,
        "count": bands,
        "dtype": "uint8",
        "nodata": NODATA,
        "crs": grid.crs,
        "transform": grid.transform if grid.has_map else None,
        "tiled": True,
        "blockxsize": BLOCK_PX,
        "blockysize": BLOCK_PX,
        "compress": "DEFLATE",
        "interleave": "BAND",
        "bigtiff": "IF_SAFER",
        # Else GDAL takes three targets for a colour picture and the fourth for its alpha.
        "photometric": "MINISBLACK",
        "alpha": "NO",
    }


def _describe(
    dataset: Any,
    grid: Grid,
    phrases: Sequence[str],
    tags: Mapping[str, str],
) -> None:
    points, system = grid.gcps
    if points and not grid.has_map:
        dataset.gcps = (list(points), system)
    if grid.rpcs is not None:
        dataset.rpcs = grid.rpcs
    for band, phrase in enumerate(phrases, start=1):
        dataset.set_band_description(band, phrase)
    dataset.update_tags(**tags)


def _write_rows(
    dataset: Any,
    row: int,
    valid: BitRows,
    masks: Sequence[BitRows],
) -> None:
    """Write one row of blocks of all bands."""
    counts = valid.read(row, BLOCK_PX)
    window = Window(0, row, valid.width, len(counts))
    for band in range(1, dataset.count + 1):
        rows = masks[band - 1].read(row, BLOCK_PX) if masks else np.zeros_like(counts)
        dataset.write(np.where(counts, rows, NODATA).astype(np.uint8), band, window=window)


def _check_complete(path: Path) -> None:
    """Read one pixel of the last block: a disk that filled up on closing says nothing."""
    with gdal_session(str(path)), rasterio.open(path) as dataset:
        dataset.read(window=Window(dataset.width - 1, dataset.height - 1, 1, 1))
