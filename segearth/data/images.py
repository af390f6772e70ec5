"""Read ordinary pictures, and put them into a training folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segearth.errors import DataError
from segearth.files import atomic_path
from segearth.geo.beside import files_beside


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Read a picture of 8 bits a channel.

    Args:
        path: A JPEG, PNG or TIFF file.

    Returns:
        (H, W, 3) RGB uint8. The pixels are as stored: a camera's rotation tag is ignored.

    Raises:
        DataError: The file is missing, damaged or no picture.
    """
    try:
        encoded = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read: {error.strerror or error}", where=str(path)
        ) from error
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(encoded, flags) if len(encoded) else None
    except cv2.error:
        pixels = None
    if pixels is None:
        raise DataError(f"{path.name} is no picture that can be read", where=str(path))
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) RGB uint8 pixels without loss."""
    _make_folder(path.parent)
    with atomic_path(path) as temporary:
        temporary.write_bytes(
            cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
        )


def link_or_copy(source: Path, place: Path) -> None:
    """Put a file elsewhere without taking space for it twice, if the file system can.

    Args:
        source: The file; a symbolic link is followed.
        place: Its new name; an older file there is replaced.
    """
    _make_folder(place.parent)
    link = place.with_name(f".{place.name}-{os.getpid()}.part")
    try:
        # Not by `atomic_path`, which sets permissions: they are the source's own.
        os.link(source.resolve(), link)
        link.replace(place)
    except OSError:  # another disk, or a file system without links
        with atomic_path(place) as temporary:
            shutil.copyfile(source, temporary)
            times = source.stat()  # a copy is known again by its size and time
            os.utime(temporary, ns=(times.st_atime_ns, times.st_mtime_ns))
    finally:
        link.unlink(missing_ok=True)  # still there if `place` was this very file already


def bring_image(source: Path, place: Path) -> None:
    """Put an image elsewhere, with what GDAL reads beside it (world file, .aux.xml, .ovr, .msk).

    Without a world file a picture has no place on the map any more, and tiles that overlap would
    not be told. What lies beside an earlier version of the image and is gone now is removed.

    Args:
        source: The image.
        place: Its new name, with the same stem if there are such files.

    Raises:
        DataError: The folder cannot be written to.
    """
    _bring(source, place)
    if place.stem != source.stem or place.parent.resolve() == source.parent.resolve():
        return
    beside = {file.name: file for file in files_beside(source)}
    for name, file in beside.items():
        _bring(file, place.with_name(name))
    _delete(file for file in files_beside(place) if file.name not in beside)


def remove_image(place: Path) -> None:
    """Delete an image that `bring_image` brought, with what lies beside it.

    A world file that another image shares goes too: bring that one again afterwards.

    Raises:
        DataError: It cannot be deleted.
    """
    _delete([*files_beside(place), place])


def _bring(source: Path, place: Path) -> None:
    """Link or copy a file, unless its link or copy is there already."""
    if place.exists():
        here, there = source.stat(), place.stat()
        same = here.st_size == there.st_size and here.st_mtime_ns == there.st_mtime_ns
        if source.samefile(place) or same:
            return
    link_or_copy(source, place)


def _delete(files: Iterable[Path]) -> None:
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise DataError(
                f"{file.name} cannot be deleted: {error.strerror or error}", where=str(file)
            ) from error


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder.name} cannot be made: {error.strerror or error}", where=str(folder)
        ) from error
