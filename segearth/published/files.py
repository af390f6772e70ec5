"""Read the files that benchmarks are made of: JSON, lists, masks; and find them below a folder."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from segearth.errors import DataError
from segearth.geo.gdal import GDAL_ERRORS, gdal_session
from segearth.published.catalogue import Benchmark
from segearth.published.examples import Mask
from segearth.published.report import Report

IMAGES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")


def find_root(source: Path, benchmark: Benchmark, *marks: str) -> Path:
    """Find the folder in which a benchmark's files lie: SRC itself or up to three levels below.

    Args:
        source: The folder the user gave; archives often bring a folder or two of their own.
        benchmark: For the message.
        marks: Paths (or patterns) that have to be there, all of them.

    Raises:
        DataError: There is no such folder, or several.
    """
    if not source.is_dir():
        problem = "is not a folder" if source.exists() else "does not exist"
        raise DataError(f"{source} {problem}", hint=f"give the folder with {benchmark.title}")
    for depth in ("", "*", "*/*", "*/*/*"):
        folders = [source] if not depth else sorted(filter(Path.is_dir, source.glob(depth)))
        found = [folder for folder in folders if all(any(folder.glob(mark)) for mark in marks)]
        if len(found) > 1:
            names = ", ".join(str(folder) for folder in found[:5])
            raise DataError(
                f"{len(found)} folders look like {benchmark.title}: {names}",
                where=str(source),
                hint="give one of them",
            )
        if found:
            return found[0]
    raise DataError(
        f"{source} does not hold {benchmark.title}",
        where=str(source),
        hint=f"it should have: {benchmark.layout}",
    )


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: It cannot be read or is no JSON; says where.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read: {error.strerror or error}", where=str(path)
        ) from error
    except (ValueError, RecursionError) as error:  # also text that is no UTF-8
        raise DataError(f"{path.name} is no JSON: {error}", where=str(path)) from error


def read_list(path: Path) -> list[tuple[int, str]]:
    """Read a text file as its lines that are not blank, with their numbers from 1.

    Raises:
        DataError: It cannot be read, or is no UTF-8 text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read: {error.strerror or error}", where=str(path)
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} is not UTF-8 text (byte {error.start})",
            where=str(path),
            hint="convert it, for instance with: iconv -f latin1 -t utf-8",
        ) from error
    lines = enumerate(text.split("\n"), start=1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def read_levels(path: Path) -> NDArray[np.uint8]:
    """Read a picture of one value a pixel: grey, or with a palette, whose colours do not count.

    Returns:
        (H, W) uint8.

    Raises:
        DataError: It is missing, damaged, in colour, or not of 8 bits.
    """
    try:
        encoded = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        reason = "does not exist" if not path.exists() else error.strerror or error
        raise DataError(f"{path.name} {reason}", where=str(path)) from error
    try:
        values = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if len(encoded) else None
    except cv2.error:
        values = None
    if values is None:
        raise DataError(f"{path.name} is no picture that can be read", where=str(path))
    if values.ndim == 3:
        entries = _entries(path)
        values = _one_band(values, path) if entries is None else entries
    if values.dtype != np.uint8:
        raise DataError(f"{path.name} has {values.dtype} values, not uint8", where=str(path))
    return np.asarray(values, np.uint8)


def _entries(path: Path) -> NDArray[np.uint8] | None:
    """Read the entries of a palette that a picture's pixels are; None if it has no palette.

    OpenCV gives their colours.
    """
    try:
        with gdal_session(str(path)), rasterio.open(path) as picture:
            if picture.count != 1 or picture.colorinterp[0] != ColorInterp.palette:
                return None
            return np.asarray(picture.read(1))
    except GDAL_ERRORS:
        return None


def _one_band(values: NDArray[Any], path: Path) -> NDArray[Any]:
    """Take the one value that all bands but alpha agree on."""
    colours = values[..., : 3 if values.shape[2] >= 3 else 1]
    if (colours != colours[..., :1]).any():
        raise DataError(
            f"{path.name} is in colour, and a label has one value a pixel",
            where=str(path),
            hint="write its values as a grey picture",
        )
    band: NDArray[Any] = colours[..., 0]
    return band


def read_mask(path: Path, report: Report, name: str) -> Mask:
    """Read a mask picture: whatever is not 0 belongs to the target.

    Args:
        path: The picture.
        report: Learns of a picture with more than one value beside 0.
        name: The example's, for the report.

    Returns:
        (H, W) bool.

    Raises:
        DataError: As for `read_levels`.
    """
    levels = read_levels(path)
    values = [int(value) for value in np.flatnonzero(np.bincount(levels.ravel()))]
    if len(set(values) - {0}) > 1:
        shown = ", ".join(map(str, values[:5])) + (" …" if len(values) > 5 else "")
        report.note("mask values", name, f"{path.name} has {shown}; all but 0 count as target")
    return levels > 0


def by_stem(folder: Path, suffixes: Iterable[str], report: Report | None = None) -> dict[str, Path]:
    """List a folder's files of some kinds by their name without suffix, in order.

    Args:
        folder: The folder.
        suffixes: Of the kinds, in lower case.
        report: Learns of files that are not taken because an earlier one has their stem.

    Returns:
        Empty if the folder does not exist. Of two files with the same stem, the first.
    """
    wanted = set(suffixes)
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix.lower() in wanted and not path.name.startswith("."):
            first = found.setdefault(path.stem, path)
            if first is not path and report is not None:
                report.note("name twice", path.stem, f"{first.name} is taken, not {path.name}")
    return found
