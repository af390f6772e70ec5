"""Keep bitsandbytes from fetching compiled code: peft imports it, too, where it is installed."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_fetched_kernels() -> Iterator[None]:
    """Let imports within find no package that downloads kernels from the network."""
    fetcher = sys.modules.get("kernels")
    sys.modules["kernels"] = None  # type: ignore[assignment]  # importing it fails, as if not there
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it would complain of that
    try:
        yield
    finally:
        del sys.modules["kernels"]
        if fetcher is not None:
            sys.modules["kernels"] = fetcher
