"""Tell files apart from later versions of themselves, without reading them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from segearth.geo.beside import files_beside


def stamp(path: Path) -> list[object]:
    """Tell a file, or the files of a folder, apart from later versions: name, size, time.

    What is not there has none: whoever opens it says so.
    """
    return _stamps(sorted(path.rglob("*")) if path.is_dir() else [path])


def stamp_images(images: Mapping[str, Path]) -> dict[str, list[object]]:
    """Tell images apart from later versions, with what belongs to them and lies beside them.

    A world file that is moved moves the picture on the map.

    Args:
        images: Files by name.

    Returns:
        Stamps by name; those of an image that is not there are empty.
    """
    return {name: _stamps([image, *files_beside(image)]) for name, image in images.items()}


def _stamps(files: Iterable[Path]) -> list[object]:
    stamps: list[object] = []
    for file in files:
        if file.is_file():
            try:
                fact = file.stat()
            except OSError:  # gone meanwhile
                continue
            stamps.append([str(file.absolute()), fact.st_size, fact.st_mtime_ns])
    return stamps
