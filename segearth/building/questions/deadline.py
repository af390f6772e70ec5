"""A time limit for a whole call, however slowly its reply drips in.

The clients' own limits hold for a single read, so a server that sends a byte a second keeps them
waiting for ever. A call that takes too long goes on in its thread until the server or the read
limit ends it, but nobody waits for it, not even the end of the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")


class TooSlow(Exception):
    """There was no result in time."""


def within(seconds: float, work: Callable[[], T]) -> T:
    """Do something in a thread of its own and wait for it.

    Args:
        seconds: From the start to the result.
        work: What to do; an error of it is raised here.

    Raises:
        TooSlow: It is still under way.
    """
    future: Future[T] = Future()

    def finish() -> None:
        try:
            result = work()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    # Not an executor: the interpreter waits for its threads at the end.
    threading.Thread(target=finish, name="call", daemon=True).start()
    wait([future], timeout=min(seconds, threading.TIMEOUT_MAX))
    if not future.done():
        raise TooSlow
    return future.result()
