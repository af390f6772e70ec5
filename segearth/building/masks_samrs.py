"""Read the instance annotation of SAMRS (Wang et al., NeurIPS 2023): one pickle an image.

A pickle is a list of ``{"mask": RLE, "bbox": array, "category": str, "label", "size"}``.
``bbox`` is x0, y0, x1, y1, or the four corners of a turned box; then the upright box around
them is taken, as SAMRS itself does to prompt SAM.

Pickle runs whatever the file names, so only the names that NumPy's arrays and numbers are
made of are let through; anything else is refused before it is called.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segearth.building.masks_boxes import Annotated
from segearth.data.rle import Rle, decode_mask, is_rle
from segearth.errors import DataError

# NumPy 1 wrote numpy.core, NumPy 2 writes numpy._core; both are read by the same functions.
_ARRAYS = {
    (f"numpy.{core}.multiarray", name)
    for core in ("core", "_core")
    for name in ("_reconstruct", "scalar")
}
_BUFFERS = {(f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")}  # protocol 5
_TYPES = {("numpy", "ndarray"), ("numpy", "dtype")}


class SamrsFolder:
    """Annotation of a folder with one ``.pkl`` an image, found by the image's stem."""

    def __init__(self, folder: Path) -> None:
        """List the files.

        Raises:
            DataError: There are none, or two for one image.
        """
        self._files: dict[str, Path] = {}
        for path in sorted(folder.rglob("*.pkl")):
            other = self._files.setdefault(path.stem, path)
            if other != path:
                raise DataError(
                    f"there are two annotations of {path.stem}: {other} and {path}",
                    where=str(folder),
                    hint="name the folder of one kind of boxes",
                )
        if not self._files:
            raise DataError("there is no .pkl in this folder", where=str(folder))

    def find(self, image: str) -> list[Annotated] | None:
        """Return the objects of an image; None if it has no file.

        Raises:
            DataError: The file is damaged, or holds anything but such a list.
        """
        path = self._files.get(Path(image).stem)
        return None if path is None else read_instances(path)


def read_instances(path: Path) -> list[Annotated]:
    """Read one pickle.

    Raises:
        DataError: It cannot be read, names anything but plain values and NumPy arrays, or is
            no list of instances.
    """
    try:
        rows = _PlainUnpickler(io.BytesIO(path.read_bytes())).load()
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read: {error.strerror or error}", where=str(path)
        ) from error
    except Exception as error:  # pickle raises nearly anything on damaged files
        raise DataError(
            f"{path.name} is no SAMRS annotation: {str(error) or type(error).__name__}",
            where=str(path),
        ) from error
    if not isinstance(rows, list):
        raise DataError(f"{path.name} should hold a list of instances", where=str(path))
    try:
        return [_instance(row) for row in rows]
    except (KeyError, TypeError, ValueError, DataError) as error:
        raise DataError(f"an instance is not as expected: {error}", where=str(path)) from error


class _PlainUnpickler(pickle.Unpickler):
    """Loads plain values and NumPy arrays, and nothing that could act."""

    def find_class(self, module: str, name: str) -> Any:
        """Let through what arrays consist of.

        Raises:
            UnpicklingError: For any other name.
        """
        if (module, name) in _ARRAYS:
            return getattr(np._core.multiarray, name)  # type: ignore[attr-defined]
        if (module, name) in _BUFFERS:
            return getattr(np._core.numeric, name)  # type: ignore[attr-defined]
        if (module, name) in _TYPES:
            return getattr(np, name)
        if (module, name) == ("_codecs", "encode"):  # how protocols below 3 write bytes
            return _latin1_bytes
        raise pickle.UnpicklingError(f"it wants to load {module}.{name}, which is refused")


def _latin1_bytes(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it wants the encoding {encoding!r}, which is refused")
    return text.encode("latin1")


def _instance(row: Mapping[str, Any]) -> Annotated:
    """Check one instance; a wrong one raises KeyError, TypeError, ValueError or DataError."""
    counts = row["mask"]["counts"]
    if isinstance(counts, bytes):  # as pycocotools gives it
        counts = counts.decode("ascii")
    mask: Rle = {"size": [int(side) for side in row["mask"]["size"]], "counts": counts}
    if not is_rle(mask):
        raise ValueError("its mask is no RLE")
    decode_mask(mask)
    corners = np.asarray(row["bbox"], np.float64).reshape(-1, 2)
    if len(corners) not in (2, 4) or not np.isfinite(corners).all():
        raise ValueError(f"its bbox {corners.ravel().tolist()} is no box")
    (x0, y0), (x1, y1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    if not (x0 < x1 and y0 < y1):
        raise ValueError(f"its bbox {corners.ravel().tolist()} is empty")
    return Annotated((x0, y0, x1, y1), str(row["category"]), mask)
