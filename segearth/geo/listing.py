"""Which images are meant: those of a folder or a glob, in the order of their names."""

from __future__ import annotations

import glob
from pathlib import Path

from segearth.errors import DataError
from segearth.geo.gdal import is_local_path

SUFFIXES = {".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2", ".vrt", ".img", ".bmp", ".webp"}


def several_images(image: str) -> list[str] | None:
    """Expand a folder or a glob.

    Args:
        image: The IMAGE argument.

    Returns:
        The images by name, or None if IMAGE names one image.

    Raises:
        DataError: The folder or glob holds none.
    """
    path = Path(image)
    if not is_local_path(image) or path.is_file():
        return None
    if path.is_dir():
        entries = sorted(path.iterdir())
        found = [str(entry) for entry in entries if entry.suffix.lower() in SUFFIXES]
    elif glob.has_magic(image):
        names = sorted(glob.glob(image, recursive=True))  # noqa: PTH207 - may be absolute
        found = [name for name in names if Path(name).is_file()]
    else:
        return None
    if not found:
        raise DataError(
            f"there is no image in {image}",
            where="IMAGE",
            hint=f"a folder may hold: {' '.join(sorted(SUFFIXES))}; "
            f'with the folders in it: "{path if path.is_dir() else "FOLDER"}/**/*"',
        )
    return found
