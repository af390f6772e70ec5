"""Where a scene's pixels lie on the map, and how large they are on the ground.

A grid is six numbers, a coordinate system and a size; outputs repeat it bit by bit and
nothing is ever reprojected. Rotated grids are as good as others. A file with ground
control points or RPCs only has no grid: its results are in pixels, and `masks.tif`
carries the points on, so that it lies wherever the input lies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS as ProjCRS
from pyproj import Geod, Transformer
from pyproj.exceptions import ProjError

from segearth.errors import GeoreferenceError

Coordinate = TypeVar("Coordinate", float, "NDArray[np.float64]")

_GEOD = Geod(ellps="WGS84")
# Projected metres that are further than this from ground metres are not used as such.
# UTM and national grids stay below 0.1 %; Web Mercator is off by 100 % at 60 degrees.
_TRUE_TO_GROUND = 0.01
_ASTRAY_DEG = 10.0  # what is turned by more has corners that go by two names


@dataclass(frozen=True)
class Grid:
    """Size and georeference of a scene."""

    height: int
    width: int
    transform: Affine = field(default_factory=Affine.identity)
    """Pixel (column, row) to map (x, y), as read."""
    crs: Any = None
    """A `rasterio.crs.CRS`, or None."""
    gcps: tuple[Sequence[Any], Any] = ((), None)
    """Ground control points and their coordinate system, to be carried on."""
    rpcs: Any = None

    @property
    def has_map(self) -> bool:
        """Whether pixel coordinates can be turned into map coordinates."""
        return bool(self.transform != Affine.identity())

    @property
    def is_located(self) -> bool:
        """Whether results can be put on the globe."""
        return self.has_map and self.crs is not None

    @cached_property
    def is_north_up(self) -> bool:
        """Whether up is north and right is east, within `_ASTRAY_DEG`; false if nobody knows."""
        if not self.is_located:
            return False
        row, column = np.array([self.height / 2]), np.array([self.width / 2])
        down, _ = self._line((column, row - 0.5), (column, row + 0.5))
        across, _ = self._line((column - 0.5, row), (column + 0.5, row))
        astray = [float(down[0]) % 360 - 180, float(across[0]) - 90]
        return all(abs(angle) <= _ASTRAY_DEG for angle in astray)

    def to_map(self, columns: Coordinate, rows: Coordinate) -> tuple[Coordinate, Coordinate]:
        """Turn pixel coordinates (corner of the first pixel = 0, 0) into map coordinates."""
        a, b, c, d, e, f = tuple(self.transform)[:6]
        return a * columns + b * rows + c, d * columns + e * rows + f

    @cached_property
    def gsd_m(self) -> float | None:
        """Side of a square with a pixel's ground area, in metres, at the scene's centre.

        None without a coordinate system.

        Raises:
            GeoreferenceError: The coordinates lead nowhere on the globe.
        """
        area = self._unit_area_m2()
        if area is None and self.is_located:
            area = float(self._ground_area_m2(np.array([self.height / 2]))[0])
        return None if area is None else math.sqrt(area)

    def area_m2(self, row_counts: NDArray[np.int64]) -> float | None:
        """Sum the ground area of a mask.

        Where projected units are true to ground (see the module), a pixel is a constant;
        else it is taken row by row on the WGS 84 ellipsoid, at the scene's middle column,
        which is exact on grids whose rows are parallels.

        Args:
            row_counts: (height,) pixels of the mask in each row.

        Returns:
            Square metres, or None without a coordinate system.
        """
        unit = self._unit_area_m2()
        if unit is not None:
            return float(row_counts.sum() * unit)
        if not self.is_located:
            return None
        rows = np.flatnonzero(row_counts)
        return float((row_counts[rows] * self._ground_area_m2(rows.astype(np.float64) + 0.5)).sum())

    def check(self) -> None:
        """Refuse coordinates from which no map can be made, before any work is done.

        Raises:
            GeoreferenceError: The six numbers collapse the image, or the coordinate
                system does not lead to longitude and latitude at the scene's centre.
        """
        if self.has_map and not abs(self.transform.determinant) > 0:
            raise GeoreferenceError(
                f"the geotransform maps all pixels onto a line: {tuple(self.transform)[:6]}",
                hint="set it anew, for instance with: gdal_edit -a_ullr",
            )
        if self.is_located:
            x, y = self.to_map(self.width / 2, self.height / 2)
            if not np.isfinite(self._to_lonlat.transform(x, y)).all():
                raise GeoreferenceError(
                    f"the scene's centre ({x:g}, {y:g}) lies outside its coordinate system",
                    hint="check the CRS, for instance with: gdal_edit -a_srs EPSG:...",
                )

    @cached_property
    def crs_name(self) -> str | None:
        """Authority and code ("EPSG:32633"), or the WKT of a system without one."""
        if self.crs is None:
            return None
        authority = self.crs.to_authority()
        return ":".join(authority) if authority else str(self.crs.to_wkt())

    @cached_property
    def _to_lonlat(self) -> Transformer:
        try:
            system = ProjCRS.from_wkt(self.crs.to_wkt())
            return Transformer.from_crs(system, "OGC:CRS84", always_xy=True)
        except ProjError as error:
            raise GeoreferenceError(
                "the coordinate system cannot be turned into longitude and latitude",
                hint="name a system that lies on the Earth, with: gdal_edit -a_srs EPSG:...",
            ) from error

    def _unit_area_m2(self) -> float | None:
        """Return a pixel's area in projected metres, where these are true to the ground."""
        return self._true_unit_area_m2 if self.is_located else None

    @cached_property
    def _true_unit_area_m2(self) -> float | None:
        system = ProjCRS.from_wkt(self.crs.to_wkt())
        if not system.is_projected:
            return None
        unit = system.axis_info[0].unit_conversion_factor
        area = abs(self.transform.determinant) * unit**2
        ground = float(self._ground_area_m2(np.array([self.height / 2]))[0])
        return area if abs(ground / area - 1) <= _TRUE_TO_GROUND else None

    def _ground_area_m2(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the ellipsoidal area of pixels centred at rows of the middle column.

        By lengths and angle of a pixel's two mid-lines: geodesic lengths are good to
        nanometres, geodesic polygon areas only to a tenth of a square metre.
        """
        middle = np.full(len(rows), self.width / 2)
        across_az, across = self._line((middle - 0.5, rows), (middle + 0.5, rows))
        down_az, down = self._line((middle, rows - 0.5), (middle, rows + 0.5))
        return across * down * np.abs(np.sin(np.radians(across_az - down_az)))

    def _line(
        self,
        start: tuple[NDArray[np.float64], NDArray[np.float64]],
        end: tuple[NDArray[np.float64], NDArray[np.float64]],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return azimuths in degrees and lengths in metres between (columns, rows)."""
        places = [self._to_lonlat.transform(*self.to_map(*place)) for place in (start, end)]
        azimuth, _, length = _GEOD.inv(*places[0], *places[1])
        return np.asarray(azimuth), np.asarray(length)
