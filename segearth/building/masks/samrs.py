"""Read the instance annotation of SAMRS (Wang et al., NeurIPS 2023): one pickle an image.

A pickle is a list of ``{"mask": RLE, "bbox": array, "category": str, "label", "size"}``.
``bbox`` is x0, y0, x1, y1, or the four corners of a turned box; then the upright box around
them is taken, as SAMRS itself does to prompt SAM.

Nothing that a pickle names is run, see `segearth.published.pickles`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segearth.building.masks.boxes import Annotated
from segearth.data.rle import Rle, decode_mask, is_rle
from segearth.errors import DataError
from segearth.published.pickles import read_pickle


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

    def key(self, image: str) -> str | None:
        """See `segearth.building.masks.boxes.Annotation.key`."""
        stem = Path(image).stem
        return stem if stem in self._files else None


def read_instances(path: Path) -> list[Annotated]:
    """Read one pickle.

    Raises:
        DataError: It cannot be read, names anything but plain values and NumPy arrays, or is
            no list of instances.
    """
    rows = read_pickle(path)
    if not isinstance(rows, list):
        raise DataError(f"{path.name} should hold a list of instances", where=str(path))
    try:
        return [_instance(row) for row in rows]
    except (KeyError, TypeError, ValueError, DataError) as error:
        raise DataError(f"an instance is not as expected: {error}", where=str(path)) from error


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
    category = row["category"]
    if not isinstance(category, str) or not category.strip():
        raise ValueError(f"its category {category!r} is no name")
    return Annotated((x0, y0, x1, y1), category, mask)
