"""What a stage wrote, so that a later run notices what is gone or was changed since.

Files are known by size and time and are not read again: tens of thousands of images take a
fraction of a second. What others put beside them does not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from stat import S_ISREG

from segearth.data.json_lines import read_lines
from segearth.geo.beside import files_beside

_EDITABLE, _THERE = (".md", ".yaml"), "there"


def list_outputs(folder: Path, patterns: Sequence[str]) -> dict[str, str]:
    """List the files of a stage.

    Args:
        folder: Of the stage.
        patterns: Of its files, relative to the folder. The images that a ``.jsonl`` among them
            names count, too, with what lies beside them.

    Returns:
        Path relative to the folder to "SIZE MTIME" (bytes, nanoseconds), sorted. A card or
        profile is for people to go on with (nothing is to replace their words unasked): it is
        enough that it is there.

    Raises:
        DataError: A ``.jsonl`` cannot be read.
    """
    files = {file for pattern in patterns for file in folder.glob(pattern)}
    for listing in [file for file in files if file.suffix == ".jsonl"]:
        for image in images_of(listing).values():
            if image not in files and image.is_file():
                files.update([image, *files_beside(image)])
    names = sorted(file.relative_to(folder).as_posix() for file in files)
    return {name: state for name in names if (state := _state(folder / name))}


def are_intact(folder: Path, outputs: Mapping[str, str]) -> bool:
    """Tell whether all files are as `list_outputs` found them."""
    return all(_state(folder / name) == state for name, state in outputs.items())


def images_of(listing: Path) -> dict[str, Path]:
    """List the images that the lines of a file name, absent ones included.

    Raises:
        DataError: The file cannot be read.
    """
    return {name: listing.parent / name for name in dict.fromkeys(_names(listing))}


def _names(listing: Path) -> Iterator[str]:
    for _, row in read_lines(listing):
        if isinstance(row, dict) and isinstance(row.get("image"), str):
            yield row["image"]


def _state(file: Path) -> str:
    """Describe a file; empty if it is not there."""
    try:
        fact = file.stat()
    except (OSError, ValueError):
        return ""
    if not S_ISREG(fact.st_mode):
        return ""
    return _THERE if file.suffix in _EDITABLE else f"{fact.st_size} {fact.st_mtime_ns}"
