"""Tell files apart from later versions of themselves, without reading them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path


def stamp(path: Path) -> list[object]:
    """Tell a file, or the files of a folder, apart from later versions: name, size, time.

    What is not there has none: whoever opens it says so.
    """
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return _stamps(file for file in files if file.is_file())


def stamp_images(images: Mapping[str, Path]) -> dict[str, list[object]]:
    """Tell images apart from later versions, with all that lies beside them.

    A world file that is moved moves the picture on the map. Every file counts that is named
    like the image up to a dot: ``a.tfw``, ``a.tif.aux.xml`` and ``a.tif.ovr`` of ``a.tif``.

    Args:
        images: Files by name.

    Returns:
        Stamps by name; those of an image that is not there are empty.
    """
    folders: dict[Path, dict[str, list[Path]]] = {}
    stamps = {}
    for name, image in images.items():
        if image.parent not in folders:
            folders[image.parent] = _by_beginning(image.parent)
        stamps[name] = _stamps(folders[image.parent].get(image.stem, []))
    return stamps


def _stamps(files: Iterable[Path]) -> list[object]:
    facts = [(file, file.stat()) for file in files]
    return [[str(file.absolute()), fact.st_size, fact.st_mtime_ns] for file, fact in facts]


def _by_beginning(folder: Path) -> dict[str, list[Path]]:
    """List the files of a folder under all that their names begin with, up to a dot."""
    found: dict[str, list[Path]] = {}
    try:
        entries = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    except OSError:
        return {}
    for name in entries:
        pieces = name.split(".")
        for count in range(1, len(pieces)):
            found.setdefault(".".join(pieces[:count]), []).append(folder / name)
    return found
