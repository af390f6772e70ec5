"""Who may talk to the review page.

On the machine itself, whoever asks by a loopback name may. From elsewhere, only who has the
random token of the link. Either way the Host header has to be a name of this machine or a
bare address: a foreign name that resolves to here is DNS rebinding, by which a web page of
somebody else would read ours. Writing also needs a request that no other page can send.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from dataclasses import dataclass

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def is_loopback(host: str) -> bool:
    """Tell whether an address to bind to is reachable from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def make_token() -> str:
    """Draw a token of 256 random bits that fits into a link."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Access:
    """The rules for one address."""

    host: str
    """What the server is bound to."""
    token: str | None
    """None on a loopback address."""

    def is_host(self, header: str) -> bool:
        """Tell whether a Host header, with or without its port, names this machine."""
        name = host_name(header)
        if is_loopback(self.host):
            return name in _LOOPBACK or name == self.host
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in {"localhost", self.host.lower(), socket.gethostname().lower()}
        return True

    def is_token(self, given: str | None) -> bool:
        """Compare a token in constant time; anything will do where none is needed."""
        if self.token is None:
            return True
        return hmac.compare_digest((given or "").encode(), self.token.encode())


def host_name(header: str) -> str:
    """Return the name in a Host header in small letters, without port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


def is_own_page(origin: str | None, site: str | None, host: str) -> bool:
    """Tell whether a request comes from a page of this server, or from no page at all.

    Args:
        origin: The Origin header, which browsers send with everything that writes.
        site: The Sec-Fetch-Site header.
        host: The Host header.
    """
    return origin in (None, f"http://{host}") and site in (None, "same-origin", "none")
