"""Keep a scene-sized mask on disk at one bit a pixel, a few rows in memory at a time.

How many targets a scene has is known only when its last window has answered, so a target
gets its own file the moment it first appears. Rows that were never written read as
false: the file system returns zeros there and a hole costs no space.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class BitRows:
    """A (height, width) mask in a file, written and read by rows."""

    def __init__(self, path: Path, height: int, width: int) -> None:
        """Create the file, all false.

        Args:
            path: A scratch file; whoever made its folder removes it.
            height: Rows.
            width: Columns.
        """
        self.height = height
        self.width = width
        self.any = False
        """Whether some pixel was ever set."""
        self._path = path
        self._row_bytes = -(-width // 8)
        with path.open("wb") as file:
            file.truncate(height * self._row_bytes)

    def write(self, row: int, mask: NDArray[np.bool_]) -> None:
        """Set the rows from `row` on.

        Args:
            row: First row.
            mask: (R, width).
        """
        self.any = self.any or bool(mask.any())
        with self._path.open("r+b") as file:
            file.seek(row * self._row_bytes)
            file.write(np.packbits(mask, axis=1).tobytes())

    def read(self, row: int, rows: int) -> NDArray[np.bool_]:
        """Return rows.

        Args:
            row: First row.
            rows: How many; less come back at the end of the mask.

        Returns:
            (R, width) bool.
        """
        rows = max(0, min(rows, self.height - row))
        with self._path.open("rb") as file:
            file.seek(row * self._row_bytes)
            packed = np.frombuffer(file.read(rows * self._row_bytes), np.uint8)
        bits = np.unpackbits(packed.reshape(rows, self._row_bytes), axis=1, count=self.width)
        return bits.view(np.bool_)
