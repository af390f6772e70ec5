"""An HTTP client whose replies have a size and an end.

A chat completion is some ten kilobytes. A server that sends without end would fill the memory,
and one that drips would keep a thread for ever: the client's own limits hold for a single read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx2

MOST_BYTES = 4 << 20
MOST_PACKED_BYTES = 128 << 10
"""Of a compressed reply, which unpacks to a thousand times as much at worst."""


class EndlessReplyError(httpx2.ReadError):
    """A reply is too large or takes too long."""


class LimitedClient(httpx2.Client):
    """Reads no reply beyond `MOST_BYTES`, and none for longer than the call may take."""

    def __init__(self, timeout_s: float) -> None:
        """Make a client.

        Args:
            timeout_s: Of a single read, and of the whole reply, from when the request is sent.
        """
        super().__init__(timeout=timeout_s, follow_redirects=True)
        self._whole_s = timeout_s

    def send(
        self, request: httpx2.Request, *, stream: bool = False, **more: Any
    ) -> httpx2.Response:
        """Send a request; see `httpx2.Client.send`.

        Raises:
            EndlessReplyError: While the reply is read.
        """
        end = time.monotonic() + self._whole_s
        response = super().send(request, stream=True, **more)
        packed = response.headers.get("content-encoding", "identity") != "identity"
        most = MOST_PACKED_BYTES if packed else MOST_BYTES
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _Limited(response.stream, most, end)
        if not stream:
            try:
                response.read()
            finally:
                response.close()
        return response


class _Limited(httpx2.SyncByteStream):
    def __init__(self, inner: httpx2.SyncByteStream, most: int, end: float) -> None:
        self._inner, self._most, self._end = inner, most, end

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._inner:
            size += len(chunk)
            if size > self._most:
                raise EndlessReplyError(f"the reply is over {self._most >> 10:,} KiB")
            if time.monotonic() > self._end:
                raise EndlessReplyError("the reply does not end in time")
            yield chunk

    def close(self) -> None:
        self._inner.close()
