"""Keep what is finished, so that a killed run goes on where it stopped.

`masks.partial.jsonl` starts with a line that identifies the run: settings and weights. A line
follows for every finished image, with the stamp of its files, forced to disk before the next
image begins. The last line may be cut by the kill; it is dropped and its image done again, as
is an image whose files have changed since. As long as an image is missing from the result, the
file stays, so that the same command does that one alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from segearth.building.masks.file import ImageRow, as_line
from segearth.errors import DataError, UsageError
from segearth.files import atomic_path

RESULT, PARTIAL = "masks.jsonl", "masks.partial.jsonl"


class Journal:
    """The file of finished images; made by `open_journal`."""

    def __init__(self, folder: Path, run: str, stamps: Mapping[str, object]) -> None:
        """Read what an earlier part of the same run has finished, and is as it was."""
        self._result, self._path = folder / RESULT, folder / PARTIAL
        self._stamps = stamps
        self.finished: dict[str, tuple[int, int]] = {}
        """Place and length in the file, by name."""
        if self._path.exists():
            self._read(run)
            self._file = self._path.open("r+b")
            self._file.seek(self._end)
            self._file.truncate()
        else:
            self._file = self._path.open("x+b")
            self._write(json.dumps({"run": run}) + "\n")

    def _read(self, run: str) -> None:
        """Find the whole lines."""
        self._end = 0
        with self._path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    row = json.loads(line)
                    if self._end and row.keys() != {"name", "stamp", "row"}:
                        raise ValueError("no line of a journal")
                except ValueError:  # a machine that lost power may leave zeros
                    break
                if not self._end and row != {"run": run}:
                    raise UsageError(
                        "an interrupted run with other settings or weights is here",
                        where=str(self._path),
                        hint="repeat its command to finish it, or pass --overwrite to drop it",
                    )
                if self._end and self._stamps.get(row["name"]) == row["stamp"]:
                    self.finished[row["name"]] = (self._end, len(line))
                self._end += len(line)
        if not self._end:  # killed before the first line was out
            self._path.write_text(json.dumps({"run": run}) + "\n", encoding="utf-8")
            self._end = self._path.stat().st_size

    def _write(self, line: str) -> None:
        self._file.write(line.encode("utf-8"))
        self._file.flush()
        os.fsync(self._file.fileno())

    def add(self, name: str, row: ImageRow) -> None:
        """Write down a finished image; it survives a kill right after.

        Raises:
            DataError: The disk is full.
        """
        entry = {"name": name, "stamp": self._stamps.get(name), "row": row}
        line = json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            place = self._file.seek(0, os.SEEK_END)
            self._write(line)
        except OSError as error:
            raise DataError(
                f"{PARTIAL} cannot be written: {error.strerror or error}",
                where=str(self._path.parent),
                hint="make room and repeat the command; finished images are not lost",
            ) from error
        self.finished[name] = (place, len(line.encode("utf-8")))

    def finish(self, names: Sequence[str]) -> Iterator[ImageRow]:
        """Write `masks.jsonl` in the order of `names`; the partial file goes if all are in it.

        Args:
            names: All images; those without a line are left out.

        Yields:
            The lines as they are written; the file is complete when all have been taken.

        Raises:
            DataError: It cannot be written.
        """
        with (
            atomic_path(self._result) as temporary,
            temporary.open("w", encoding="utf-8", newline="\n") as out,
        ):
            for name in names:
                if name in self.finished:
                    place, length = self.finished[name]
                    self._file.seek(place)
                    row: ImageRow = json.loads(self._file.read(length))["row"]
                    out.write(as_line(row))
                    yield row
        self._file.close()
        if all(name in self.finished for name in names):
            self._path.unlink()

    def close(self) -> None:
        """Close the file; what is in it stays."""
        self._file.close()


@contextmanager
def open_journal(
    folder: Path, settings: dict[str, Any], stamps: Mapping[str, object], *, overwrite: bool
) -> Iterator[Journal]:
    """Lock a folder and open its journal.

    Args:
        folder: Made if missing.
        settings: JSON values on which the result depends for every image.
        stamps: By image: JSON values that differ once its files are others.
        overwrite: Drop earlier results, and what another run has finished; what the same run
            has finished before it was interrupted is kept all the same.

    Yields:
        The journal, with what is finished of the same run.

    Raises:
        UsageError: The folder holds results, or parts of another run, and `overwrite` is
            false; or another process works in it.
        DataError: The folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".masks.lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(
            f"another process collects masks in {folder}",
            where="--out",
            hint="wait for it, stop it, or choose another folder",
        ) from error
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written to: {error.strerror or error}", where="--out"
        ) from error
    try:
        text = json.dumps(settings, sort_keys=True)
        run = hashlib.sha256(text.encode("utf-8")).hexdigest()
        goes_on = _is_of(folder / PARTIAL, run)  # results that lack an image
        if (folder / RESULT).exists() and not overwrite and not goes_on:
            raise UsageError(
                f"{folder} already holds results ({RESULT})",
                where="--out",
                hint="pass --overwrite to replace them, or name another folder",
            )
        if overwrite:
            (folder / RESULT).unlink(missing_ok=True)
            if not goes_on:
                (folder / PARTIAL).unlink(missing_ok=True)
        journal = Journal(folder, run, stamps)
        try:
            yield journal
        finally:
            journal.close()
    finally:
        lock.release()


def _is_of(path: Path, run: str) -> bool:
    """Tell whether a partial file belongs to a run."""
    try:
        with path.open("rb") as file:
            return bool(json.loads(file.readline()) == {"run": run})
    except (OSError, ValueError):
        return False
