"""How GDAL is set up here, and how its complaints reach the user.

Settings are defaults only: what the user has set in the environment or in a rasterio
session wins. GDAL's own lines never go to stderr; they are kept, and an error quotes the
first of them.
"""

from __future__ import annotations

import difflib
import logging
import os
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio
from rasterio._env import get_gdal_config  # has no public name
from rasterio._err import CPLE_BaseError  # rasterio lets some of these through
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from segearth.errors import DataError

GDAL_ERRORS = (RasterioError, CPLE_BaseError)

_DEFAULTS: dict[str, str | int] = {
    # 5 % of a server's memory, GDAL's own default, is no function of the window.
    "GDAL_CACHEMAX": 256 << 20,  # bytes: rasterio, unlike GDAL, takes no megabytes
    # The quick way of reading a whole PNG takes half a file for a whole one (GDAL 3.10).
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",
}
_REMOTE_DEFAULTS: dict[str, str | int] = {
    # One request instead of a listing of the bucket. Local folders keep the listing:
    # .tfw, .aux.xml, .msk and .ovr files are found by it.
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "VSI_CACHE": "TRUE",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "1",  # seconds
    "GDAL_HTTP_CONNECTTIMEOUT": "20",  # seconds
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
}
_REMOTE = re.compile(r"/vsi(curl|s3|gs|az|adls|oss|swift|hdfs|webhdfs)|^(https?|ftp|s3|gs|az)://")


def is_remote(image: str) -> bool:
    """Tell whether reading an image goes over a network."""
    return bool(_REMOTE.search(image))


def is_local_path(image: str) -> bool:
    """Tell whether an image is named by a plain path of this machine."""
    return not image.startswith("/vsi") and "://" not in image


@contextmanager
def gdal_session(image: str) -> Iterator[None]:
    """Set GDAL up for reading an image, quietly, and put everything back after.

    Args:
        image: A path, /vsi path or URL: remote ones get settings for networks.
    """
    wanted = _DEFAULTS | (_REMOTE_DEFAULTS if is_remote(image) else {})
    missing = {key: value for key, value in wanted.items() if not _is_set(key)}
    logger = logging.getLogger("rasterio")
    propagate = logger.propagate
    with _quiet, rasterio.Env(**missing):
        logger.propagate = False
        try:
            yield
        finally:
            logger.propagate = propagate


class _Quiet:
    """Ignores warnings of a missing georeference, which whoever needs one reports in our words.

    Filters of warnings belong to the process and not to a thread: the first thread to come
    sets them, the last one to leave puts them back.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._before = warnings.catch_warnings()
                self._before.__enter__()
                warnings.simplefilter("ignore", NotGeoreferencedWarning)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._before.__exit__(None, None, None)


_quiet = _Quiet()


def _is_set(key: str) -> bool:
    """Tell whether the user has set an option, in the environment or a rasterio session."""
    if key in os.environ or (rasterio.env.hasenv() and key in rasterio.env.getenv()):
        return True
    # GDAL answers with its own default where the size of the cache is not set.
    return key != "GDAL_CACHEMAX" and get_gdal_config(key) is not None


def unreadable(image: str, error: BaseException) -> DataError:
    """Say in the user's words why an image could not be opened or read.

    Args:
        image: As the user named it.
        error: What GDAL raised.

    Returns:
        The error to raise.
    """
    path = Path(image)
    if is_local_path(image) and ":" not in image and not path.exists():
        return DataError(f"{path.name} does not exist", where=image, hint=_closest(path))
    if is_local_path(image) and path.is_file() and path.stat().st_size == 0:
        return DataError(f"{path.name} is empty: it has 0 bytes", where=image)
    reason = str(error.__cause__ or error).splitlines()[0].strip()
    if "not recognized" in reason:
        return DataError(
            f"{path.name} is not an image that GDAL can read",
            where=image,
            hint="give a GeoTIFF, PNG, JPEG or another raster that gdalinfo can open",
        )
    if is_remote(image):
        return DataError(
            f"{path.name} cannot be fetched",
            where=image,
            hint=f"check the address and your access to it; GDAL says: {reason}",
        )
    return DataError(
        f"{path.name} cannot be read: it is damaged or cut short",
        where=image,
        hint=f"fetch it again; GDAL says: {reason}",
    )


def _closest(path: Path) -> str | None:
    """Suggest a file of the same folder with a similar name."""
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"the folder {path.parent} does not exist either"
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {path.parent / close[0]}?" if close else None
