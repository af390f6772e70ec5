"""`segearth profile`: not written yet."""

from __future__ import annotations


def profile() -> None:
    """Not written yet."""
    raise NotImplementedError
