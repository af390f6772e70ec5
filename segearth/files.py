"""Write files so that nobody ever sees half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segearth.errors import DataError


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
