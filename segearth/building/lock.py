"""One process a folder: two that build in the same one would spoil both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from segearth.errors import DataError, UsageError

NAME = ".building.lock"


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Make a folder and lock it within the block; the lock goes when the process ends, too.

    Args:
        folder: Made if missing, with those above it.

    Raises:
        UsageError: Another process builds in this folder.
        DataError: The folder cannot be written to.
    """
    lock = FileLock(folder / NAME)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(
            f"another process is building in {folder}",
            where=str(folder),
            hint="wait for it, stop it, or name another folder",
        ) from error
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written to: {error.strerror or error}", where=str(folder)
        ) from error
    try:
        yield
    finally:
        lock.release()
