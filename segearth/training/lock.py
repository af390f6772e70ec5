"""One process group a run: two that write the same folder would spoil both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from segearth.errors import DataError, UsageError

NAME = ".lock"


@contextmanager
def locked_run(folder: Path) -> Iterator[None]:
    """Lock a run's folder within the block; the lock goes when the process ends, too.

    Args:
        folder: Made if missing.

    Raises:
        UsageError: Another process trains in this folder.
        DataError: The folder cannot be written to.
    """
    lock = FileLock(folder / NAME)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(
            f"another process is training in {folder}",
            where="--out",
            hint="wait for it, stop it, or choose another folder",
        ) from error
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written to: {error.strerror}",
            where="--out",
            hint="choose a folder that can be written to",
        ) from error
    try:
        yield
    finally:
        lock.release()
