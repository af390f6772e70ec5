"""Make results beside their place and move them there when all of them are complete.

Whoever looks into OUT sees either nothing or finished files: on an error, on Ctrl-C and
on a full disk the hidden folder `.segearth-….part` is removed. Only a process that is
killed outright leaves it behind; it can be deleted.
"""

from __future__ import annotations

import errno
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segearth.errors import DataError, UsageError

RESULTS = (
    "masks.tif",
    "targets.gpkg",
    "targets.geojson",
    "overlay.png",
    "prediction.json",
    "predictions.jsonl",
)

_DISK_TROUBLE = {
    errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EISDIR, errno.ENAMETOOLONG,
    errno.ENOSPC, errno.ENOTDIR, errno.ENOTEMPTY, errno.EPERM, errno.EROFS,
}  # fmt: skip


def refuse_used(out: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds earlier results.

    Raises:
        UsageError: It does, and `overwrite` is not set.
        DataError: It cannot be looked into.
    """
    try:
        there = [name for name in RESULTS if (out / name).exists()]
    except OSError as error:
        raise _no_place(out, error) from error
    if there and not overwrite:
        raise UsageError(
            f"{out} holds earlier results: {', '.join(there)}",
            where="--out",
            hint="choose another folder with --out, or replace them with --overwrite",
        )


def refuse_unwritable(out: Path) -> None:
    """Try whether results can be made in a folder, or where it would be; leave no trace.

    Raises:
        DataError: They cannot.
    """
    _make_temporary(out).rmdir()


@contextmanager
def staged(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """Hand out a temporary folder whose files end up in `out` when the block succeeds.

    Args:
        out: The folder of the results; made if needed. Other files in it stay.
        overwrite: Whether earlier results may be replaced.

    Yields:
        An empty folder on the same disk. Folders made in it are scratch and are not moved.

    Raises:
        UsageError: `out` holds earlier results, before the block or after it.
        DataError: It cannot be written to, or the disk is full.
    """
    refuse_used(out, overwrite=overwrite)
    temporary = _make_temporary(out)
    try:
        yield temporary
        refuse_used(out, overwrite=overwrite)  # another process may have been quicker
        _move(temporary, out)
    except OSError as error:
        if error.errno not in _DISK_TROUBLE:
            raise
        raise _no_place(out, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _make_temporary(out: Path) -> Path:
    """Make the hidden folder, inside `out` if that exists, else where `out` will be made."""
    try:
        parent = next(path for path in (out, *out.absolute().parents) if path.exists())
        temporary = parent / f".segearth-{uuid.uuid4().hex[:12]}.part"
        temporary.mkdir()
    except OSError as error:
        raise _no_place(out, error) from error
    return temporary


def _no_place(out: Path, error: OSError) -> DataError:
    return DataError(
        f"{out} cannot be written to: {error.strerror or error}",
        where="--out",
        hint="choose a folder that can be written to and has space left",
    )


def _move(temporary: Path, out: Path) -> None:
    """Put finished files into place, `prediction.json` last: who sees it sees all."""
    for scratch in temporary.iterdir():
        if scratch.is_dir():
            shutil.rmtree(scratch)
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary.rename(out)
        return
    for file in sorted(temporary.iterdir(), key=lambda file: file.name.startswith("prediction")):
        file.replace(out / file.name)
