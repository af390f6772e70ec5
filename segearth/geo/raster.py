"""Read any raster as the 8-bit RGB a model sees, a window at a time, with its georeference.

Which bands: the first three that are no alpha band; one band is shown as grey, of two the
first; a palette is expanded; `bands` chooses others. Which pixels count: what GDAL's
dataset mask says (nodata, alpha, internal masks, .msk files), minus pixels whose chosen
bands are NaN or infinite. uint8 is shown as it is, everything else through one stretch a
scene (`segearth.geo.stretch`). Memory is a function of the window that is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.windows import Window

from segearth.errors import DataError, GeoreferenceError, UsageError
from segearth.geo.gdal import GDAL_ERRORS, gdal_session, unreadable
from segearth.geo.georeference import Grid
from segearth.geo.stretch import AS_IT_IS, Stretch, measure_stretch

SAMPLE_SIDE_PX = 1024  # a million pixels fix two percentiles well enough


@dataclass(frozen=True)
class Tile:
    """A part of a scene, or all of it at a smaller size."""

    image: NDArray[np.uint8]
    """(H, W, 3) RGB, 0 where not valid."""
    valid: NDArray[np.bool_]
    """(H, W)."""


@contextmanager
def open_scene(
    image: str, *, bands: Sequence[int] | None = None, stretch: Stretch | str | None = None
) -> Iterator[Scene]:
    """Open an image for reading by windows.

    Args:
        image: Whatever GDAL opens: a path, a /vsi path, a URL.
        bands: One to three band numbers, from 1, to show as red, green, blue.
        stretch: See `segearth.geo.stretch.parse_stretch`; None leaves uint8 as it is and
            stretches everything else.

    Yields:
        The scene. It can be read inside the block only.

    Raises:
        DataError: It is missing, damaged, or no image of real numbers.
        UsageError: A band does not exist.
        GeoreferenceError: It has map coordinates that lead nowhere.
    """
    with gdal_session(image):
        try:
            dataset = rasterio.open(image, sharing=False)
        except GDAL_ERRORS as error:
            raise unreadable(image, error) from error
        with dataset:
            scene = Scene(image, dataset, bands, stretch)
            try:
                scene.grid.check()
            except GeoreferenceError as error:
                raise GeoreferenceError(error.problem, where=image, hint=error.hint) from error
            yield scene


class Scene:
    """An open image; made by `open_scene`."""

    def __init__(
        self,
        image: str,
        dataset: Any,
        bands: Sequence[int] | None,
        stretch: Stretch | str | None,
    ) -> None:
        """Look at the header: which bands to show, and how."""
        self.image = image
        self._dataset = dataset
        _refuse_strange(image, dataset)
        self.grid = Grid(
            height=dataset.height,
            width=dataset.width,
            transform=dataset.transform,
            crs=dataset.crs,
            gcps=dataset.gcps,
            rpcs=dataset.rpcs,
        )
        self._palette = _palette(dataset) if bands is None else None
        self._bands = _check_bands(bands, dataset) if bands else _default_bands(dataset)
        self._stretch = self._choose_stretch(stretch)
        alpha = _alpha_bands(dataset)
        # Who asks for the alpha band by number has a fourth colour there, not a mask.
        self._mask_from_values = bool(alpha & set(self._bands))

    @property
    def height(self) -> int:
        """Rows."""
        return self.grid.height

    @property
    def width(self) -> int:
        """Columns."""
        return self.grid.width

    def read(self, row: int, column: int, height: int, width: int) -> Tile:
        """Read a window at full resolution; it must lie inside the scene."""
        return self._tile(Window(column, row, width, height), (height, width), Resampling.nearest)

    def shrink(self, side_px: int) -> Tile:
        """Read the whole scene at a size whose longer side is at most `side_px`."""
        size = self.size_within(side_px)
        averaging = self._palette is None and size != (self.height, self.width)
        resampling = Resampling.average if averaging else Resampling.nearest
        return self._tile(None, size, resampling)

    def size_within(self, side_px: int) -> tuple[int, int]:
        """Return (height, width) of the scene shrunk to a longer side of `side_px`."""
        scale = max(1.0, max(self.height, self.width) / side_px)
        return max(1, round(self.height / scale)), max(1, round(self.width / scale))

    def _tile(self, window: Window | None, size: tuple[int, int], resampling: Resampling) -> Tile:
        values, valid = self._values(window, size, resampling)
        if self._palette is not None:
            colours = self._palette[values[0]]
            valid &= colours[..., 3] > 0
            return Tile(np.where(valid[..., None], colours[..., :3], 0).astype(np.uint8), valid)
        if not valid.any():
            return Tile(np.zeros((*size, 3), np.uint8), valid)
        if self._stretch is None:
            self._stretch = self._measure(values, valid)
        shown = self._stretch.apply(values, valid)
        return Tile(np.stack([shown[index] for index in _as_rgb(len(shown))], axis=-1), valid)

    def _values(
        self, window: Window | None, size: tuple[int, int], resampling: Resampling
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Read the chosen bands, (bands, H, W), and which pixels count, (H, W)."""
        try:
            values: NDArray[Any] = self._dataset.read(
                self._bands,
                window=window,
                out_shape=(len(self._bands), *size),
                resampling=resampling,
            )
            valid = self._mask(values, window, size)
        except GDAL_ERRORS as error:
            raise unreadable(self.image, error) from error
        if np.issubdtype(values.dtype, np.floating):
            valid = valid & np.isfinite(values).all(axis=0)
        return values, valid

    def _mask(
        self, values: NDArray[Any], window: Window | None, size: tuple[int, int]
    ) -> NDArray[np.bool_]:
        if self._mask_from_values:
            nodata = self._dataset.nodata
            return np.ones(size, bool) if nodata is None else (values != nodata).any(axis=0)
        mask = self._dataset.dataset_mask(window=window, out_shape=size)
        return np.asarray(mask > 0)

    def _choose_stretch(self, wanted: Stretch | str | None) -> Stretch | None:
        """Return the stretch, or None: to be measured when first needed."""
        kinds = {self._dataset.dtypes[band - 1] for band in self._bands}
        if wanted == "none" or (wanted is None and kinds == {"uint8"}):
            wanted = AS_IT_IS
        if isinstance(wanted, Stretch):
            return Stretch(wanted.low * len(self._bands), wanted.high * len(self._bands))
        return None

    def _measure(self, values: NDArray[Any], valid: NDArray[np.bool_]) -> Stretch:
        """Measure the stretch on the whole scene, or on this window if the sample misses all."""
        sample, counts = self._values(None, self.size_within(SAMPLE_SIDE_PX), Resampling.nearest)
        return measure_stretch(sample, counts) if counts.any() else measure_stretch(values, valid)


def _refuse_strange(image: str, dataset: Any) -> None:
    """Refuse containers without bands and numbers that cannot be shown."""
    if dataset.count == 0 or 0 in dataset.shape:
        parts = list(dataset.subdatasets)
        shown = ", ".join(parts[:5]) + (f" and {len(parts) - 5} more" if len(parts) > 5 else "")
        raise DataError(
            f"{image} holds no image of its own",
            where=image,
            hint=f"name one of its parts: {shown}" if parts else None,
        )
    if any(kind.startswith("complex") for kind in dataset.dtypes):
        raise DataError(f"{image} holds complex numbers, not brightness", where=image)


def _alpha_bands(dataset: Any) -> set[int]:
    kinds = enumerate(dataset.colorinterp, start=1)
    return {band for band, kind in kinds if kind == ColorInterp.alpha}


def _default_bands(dataset: Any) -> list[int]:
    """Choose the first three bands that are no alpha band."""
    alpha = _alpha_bands(dataset)
    colours = [band for band in dataset.indexes if band not in alpha]
    return (colours or list(dataset.indexes))[:3]


def _check_bands(bands: Sequence[int], dataset: Any) -> list[int]:
    """Refuse band numbers that do not exist, and more of them than colours."""
    wrong = [band for band in bands if not 1 <= band <= dataset.count]
    if wrong or len(bands) > 3:
        problem = f"there is no band {wrong[0]}" if wrong else f"{len(bands)} bands are given"
        raise UsageError(
            f"{problem}: the image has {dataset.count}, and up to 3 can be shown",
            where="--bands",
            hint="give one or three numbers from 1 on, such as 4,3,2",
        )
    return list(bands)


def _palette(dataset: Any) -> NDArray[np.uint8] | None:
    """Return a colour table, (values, 4) RGBA, or None where bands are no palette."""
    if dataset.colorinterp[0] != ColorInterp.palette:
        return None
    # As long as the type allows: a value without a colour is transparent, not an error.
    colours = np.zeros((np.iinfo(dataset.dtypes[0]).max + 1, 4), np.uint8)
    for value, colour in dataset.colormap(1).items():
        colours[value] = colour
    return colours


def _as_rgb(bands: int) -> tuple[int, int, int]:
    """Say which band is shown as red, green and blue: two bands count as their first."""
    return (0, 1, 2) if bands == 3 else (0, 0, 0)
