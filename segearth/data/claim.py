"""Make a folder for results, unless it holds earlier ones."""

from __future__ import annotations

import os
from pathlib import Path

from segearth.errors import DataError, UsageError


def check_folder(out: Path, result: str, *, overwrite: bool) -> None:
    """Tell before the work is done whether its results can be written; change nothing.

    Args:
        out: The folder. It need not exist yet.
        result: The file that is written last: where it is, an earlier run was completed.
        overwrite: Whether earlier results may be replaced.

    Raises:
        UsageError: The folder holds earlier results.
        DataError: It cannot be made or written to.
    """
    if (out / result).exists() and not overwrite:
        raise UsageError(
            f"{out} already holds results ({result})",
            where=str(out),
            hint="pass --overwrite to replace them, or name another folder",
        )
    existing = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise DataError(f"{existing} is a file, not a folder", where=str(out))
    if not os.access(existing, os.W_OK):
        raise DataError(f"{existing} cannot be written to: it is read-only", where=str(out))


def claim_folder(out: Path, result: str, *, overwrite: bool) -> None:
    """Make the folder and remove the mark of an earlier run, until the new one is complete.

    Args:
        out: As for `check_folder`.
        result: As for `check_folder`.
        overwrite: As for `check_folder`.

    Raises:
        UsageError: The folder holds earlier results.
        DataError: It cannot be made or written to.
    """
    check_folder(out, result, overwrite=overwrite)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / result).unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"{out} cannot be written to: {error.strerror or error}", where=str(out)
        ) from error
