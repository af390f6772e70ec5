"""Serve the review page until it is stopped."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import waitress

from segearth.building.review.access import Access, is_loopback, make_token
from segearth.building.review.app import MAX_BODY_BYTES, ReviewApp
from segearth.building.review.session import Review
from segearth.errors import UsageError

LOOPBACK = "127.0.0.1"
THREADS = 8


@dataclass(frozen=True)
class Served:
    """A server that listens."""

    url: str
    """What to open; with the token if there is one."""
    _server: Any

    def run(self) -> None:
        """Answer requests until Ctrl-C."""
        self._server.run()


@contextmanager
def serve(review: Review, *, host: str, port: int, reviewer: str = "") -> Iterator[Served]:
    """Listen on an address.

    Args:
        review: What is reviewed.
        host: The address to bind to. Anything but a loopback address gets a random token.
        port: From 1 to 65535, or 0 for any free one.
        reviewer: The name the page starts with; "" lets it ask.

    Yields:
        The server, which has to be told to run.

    Raises:
        UsageError: The address is taken or not of this machine.
    """
    access = Access(host, None if is_loopback(host) else make_token())
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"{host} port {port} cannot be listened on: {error}",
            where="--host, --port",
            hint="choose another port, or --port 0 for any free one",
        ) from error
    server = waitress.create_server(
        ReviewApp(review, access, reviewer),
        sockets=[listening],
        threads=THREADS,
        max_request_body_size=MAX_BODY_BYTES,
        ident=None,
    )
    try:
        yield Served(_url(host, listening.getsockname()[1], access.token), server)
    finally:
        server.close()


def _url(host: str, port: int, token: str | None) -> str:
    """Return a link that works; an address that means "all of mine" is no place to go to."""
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    name = f"[{name}]" if ":" in name else name
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")
