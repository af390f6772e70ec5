"""`decisions.jsonl`: one line a decision, on the disk before the reviewer sees the next record.

Lines are only ever added, each with one write and one fsync. A process that is killed in
the middle of a line leaves a torn one at the end; it was never confirmed to anybody and is
dropped when the file is opened again. A broken line anywhere else is not ours: it is told.
Half a character in a text, which earlier versions took, is read as U+FFFD.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segearth.building.review.decisions import TEXTS, Decision, Undo, mend, read_event
from segearth.errors import DataError
from segearth.files import locked_folder

NAME = "decisions.jsonl"

Event = Decision | Undo


class DecisionLog:
    """The open file; made by `open_log`."""

    def __init__(self, path: Path, events: list[Event], torn_bytes: int, handle: int) -> None:
        """Keep what was read and the file to add to."""
        self.path = path
        self.events = events
        """What the file held when it was opened."""
        self.torn_bytes = torn_bytes
        """Length of the torn line that was dropped; 0 if there was none."""
        self._handle = handle

    def append(self, events: list[Event]) -> None:
        """Add lines and wait until the disk has them.

        Raises:
            DataError: The disk is full or gone; the file is as it was before.
        """
        text = "".join(json.dumps(event.to_row(), ensure_ascii=False) + "\n" for event in events)
        before = os.fstat(self._handle).st_size
        try:
            left = text.encode("utf-8", "backslashreplace")
            while left:
                left = left[os.write(self._handle, left) :]
            os.fsync(self._handle)
        except OSError as error:
            os.ftruncate(self._handle, before)
            raise DataError(
                f"the decision cannot be written: {error.strerror or error}",
                where=str(self.path),
                hint="make space on the disk and decide again",
            ) from error


@contextmanager
def open_log(folder: Path) -> Iterator[DecisionLog]:
    """Open the log of a folder for adding; one process at a time.

    Args:
        folder: Made if missing.

    Yields:
        The log, with a torn last line cut off.

    Raises:
        UsageError: Another process has it open.
        DataError: The folder cannot be written to, or the log is damaged before its last line.
    """
    path = folder / NAME
    with locked_folder(folder):
        events, torn_bytes = read_log(path)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            _mend_end(handle, torn_bytes)
            _sync_folder(folder)
        except OSError as error:
            raise _unwritable(folder, error) from error
        try:
            yield DecisionLog(path, events, torn_bytes, handle)
        finally:
            os.close(handle)


def read_log(path: Path) -> tuple[list[Event], int]:
    """Read a log without changing it.

    Args:
        path: The file; one that does not exist holds nothing.

    Returns:
        The events in order, and the length in bytes of a torn last line.

    Raises:
        DataError: The file cannot be read, or a line that is complete is no decision.
    """
    try:
        *lines, end = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read: {error.strerror or error}", where=str(path)
        ) from error
    events = []
    for number, line in enumerate(lines, start=1):
        try:
            events.append(_parse(line))
        except DataError as error:
            raise DataError(
                error.problem,
                where=f"{path}, line {number}",
                hint="only the last line can be torn: take this one out by hand, or restore it",
            ) from error
    if not end:
        return events, 0
    try:  # whole but for the newline: somebody's editor, and no reason to lose it
        return [*events, _parse(end)], 0
    except DataError:
        return events, len(end)


def _parse(line: bytes) -> Event:
    try:
        row = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"not valid JSON: {error}") from error
    if isinstance(row, dict):
        texts = {key: row[key] for key in TEXTS if isinstance(row.get(key), str)}
        row |= {key: mend(text) for key, text in texts.items()}
    return read_event(row)


def _mend_end(handle: int, torn_bytes: int) -> None:
    """Cut a torn line off, or end a whole one."""
    size = os.fstat(handle).st_size
    if torn_bytes:
        os.ftruncate(handle, size - torn_bytes)
        os.fsync(handle)
    elif size and os.pread(handle, 1, size - 1) != b"\n":
        os.write(handle, b"\n")


def _sync_folder(folder: Path) -> None:
    """Make sure that a new file has its name on the disk, too (where folders can be opened)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def _unwritable(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"{folder} cannot be written to: {error.strerror or error}",
        where="--out",
        hint="choose a folder that can be written to",
    )
