"""Sizes that make no model: what libraries raise for them becomes one message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from segearth.errors import CheckpointError, SegEarthError


@contextmanager
def sensible_sizes(where: str) -> Iterator[None]:
    """Name the config that is at fault when a part cannot be laid out with it.

    Args:
        where: The recipe's key, or the file.

    Raises:
        CheckpointError: Anything but our own errors and a lack of memory was raised within.
    """
    try:
        yield
    except (SegEarthError, MemoryError):
        raise
    except Exception as error:  # of torch, transformers, timm: whatever wrong numbers lead to
        said = next(iter(str(error).strip().splitlines()), "")
        raise CheckpointError(
            f"these sizes make no model: {type(error).__name__}: {said}",
            where=where,
            hint="compare its numbers with those of a model that works: heads have to divide "
            "widths, and all are whole and above 0",
        ) from error
