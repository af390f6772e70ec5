"""Where the seconds of a prediction go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

PARTS = ("load", "encode", "answer", "masks", "write")


class Stopwatch:
    """Adds up wall time by part; "load" is the model's loading and reading of pixels."""

    def __init__(self, load_s: float = 0.0) -> None:
        """Start at zero, but for what loading the model took before."""
        self.seconds = dict.fromkeys(PARTS, 0.0) | {"load": load_s}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the block's time as a part's."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start

    def rounded(self) -> dict[str, float]:
        """Return seconds by part, to the millisecond."""
        return {name: round(seconds, 3) for name, seconds in self.seconds.items()}
