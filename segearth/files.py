"""Write files so that nobody ever sees half of one, one process a folder; and digest them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from segearth.errors import DataError, UsageError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Hand out a temporary name beside `path`; move it into place when the block succeeds.

    Args:
        path: The final file. Its folder must exist; an older file of the name is replaced.

    Yields:
        A path in the same folder, with the same suffix (GDAL chooses drivers by suffix).

    Raises:
        DataError: The folder cannot be written to, or the disk is full.
    """
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem}-", suffix=".part" + path.suffix, dir=path.parent
        )
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o644)  # mkstemp is private, and so are safetensors' own files
        temporary.replace(path)
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be written: {error.strerror or error}",
            where=str(path.parent),
            hint="choose a folder that exists, can be written to and has space left",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically.

    Raises:
        DataError: See `atomic_path`.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Make a folder and lock it within the block; the lock goes when the process ends, too.

    Args:
        folder: Made if missing, with those above it.

    Raises:
        UsageError: Another process works in this folder.
        DataError: The folder cannot be written to.
    """
    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(
            f"another process works in {folder}",
            where="--out",
            hint="wait for it, stop it, or choose another folder",
        ) from error
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written to: {error.strerror or error}",
            where="--out",
            hint="choose a folder that can be written to",
        ) from error
    try:
        yield
    finally:
        lock.release()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read: {error.strerror or error}", where=str(path)
        ) from error
