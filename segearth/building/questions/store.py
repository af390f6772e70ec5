"""The SQLite file of a question run: what was replied, and what it cost.

It outlives a crash at any moment: every change is one transaction. Threads share one
connection behind a lock.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segearth.errors import DataError

_TABLES = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, text TEXT NOT NULL, model TEXT NOT NULL, time TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS calls (
    number INTEGER PRIMARY KEY, time TEXT NOT NULL, model TEXT NOT NULL, task TEXT NOT NULL,
    outcome TEXT NOT NULL, input_tokens INTEGER, output_tokens INTEGER, usd REAL NOT NULL
);
"""


class Store:
    """An open file; close it when the run is over."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            DataError: It is damaged, of another kind, or cannot be written.
        """
        self._path = path
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(path, timeout=30, check_same_thread=False)
            self._connection.executescript(_TABLES)
        except sqlite3.Error as error:
            raise self._trouble(error) from error

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Run one statement as a transaction, and return the number of the last new row.

        Raises:
            DataError: The file cannot be written.
        """
        try:
            with self._lock, self._connection:
                return self._connection.execute(statement, values).lastrowid or 0
        except sqlite3.Error as error:
            raise self._trouble(error) from error

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query.

        Raises:
            DataError: The file cannot be read.
        """
        try:
            with self._lock:
                return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._trouble(error) from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _trouble(self, error: sqlite3.Error) -> DataError:
        return DataError(
            f"the record of earlier calls cannot be used: {error}",
            where=str(self._path),
            hint="check the disk and the folder's rights; if the file is damaged, move it away "
            "(replies in it would have to be paid again)",
        )
