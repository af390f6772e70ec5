"""Replies by content, so that nothing is paid twice.

The key covers the model, its settings, the prompt and the picture's pixels. Only replies that
kept every rule are stored: what failed is asked again by the next run.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from segearth.building.questions.store import Store


def cache_key(identity: str, prompt: str, picture: NDArray[np.uint8]) -> str:
    """Return 64 hexadecimal digits that stand for a call.

    Args:
        identity: The provider's.
        prompt: The text sent.
        picture: (H, W, 3) uint8. Pixels and not the file: another PNG encoder changes nothing.
    """
    digest = hashlib.sha256()
    for part in (identity, prompt, str(picture.shape)):
        digest.update(len(part).to_bytes(8, "big") + part.encode())
    digest.update(np.ascontiguousarray(picture).tobytes())
    return digest.hexdigest()


class Cache:
    """The replies of a store."""

    def __init__(self, store: Store) -> None:
        """Take the store; it stays the caller's."""
        self._store = store

    def get(self, key: str) -> str | None:
        """Return an earlier reply, or None."""
        rows = self._store.rows("SELECT text FROM replies WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def put(self, key: str, text: str, identity: str) -> None:
        """Keep a reply; a newer one replaces an older one."""
        self._store.change(
            "INSERT OR REPLACE INTO replies VALUES (?, ?, ?, CURRENT_TIMESTAMP)",
            (key, text, identity),
        )
