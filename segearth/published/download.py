"""Download a file so that it can be broken off at any time and is checked when it is there.

An unfinished file is called ``<name>.part`` and is continued, not started again: the server is
asked for the rest. The finished one gets its name only if size and checksum are right.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from segearth.errors import DataError

CHUNK = 1 << 20
"""Bytes at a time."""
TIMEOUT_S = 30
_NEXT = re.compile(r'<([^<>]+)>\s*;[^,<]*\brel="?next"?')
_AGENT = {"User-Agent": "segearth"}


@dataclass(frozen=True)
class Remote:
    """A file on a server, with what is known about it."""

    url: str
    path: str
    """Relative, where it goes."""
    size: int
    """Bytes."""
    sha256: str | None = None
    git_sha1: str | None = None
    """Git's name of the content: SHA-1 of ``blob <size>``, a zero byte and the content."""


def fetch_bytes(url: str) -> tuple[bytes, str | None]:
    """Read a small answer of a server.

    Returns:
        The answer, and the address of its next page if it has one (RFC 8288, ``rel="next"``).

    Raises:
        DataError: It cannot be reached, or refuses.
    """
    try:
        with urllib.request.urlopen(_request(url), timeout=TIMEOUT_S) as answer:
            data: bytes = answer.read()
            links = ", ".join(answer.headers.get_all("Link") or ())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _unreachable(url, error) from error
    following = _NEXT.search(links)
    return data, urllib.parse.urljoin(url, following.group(1)) if following else None


def fetch_file(
    remote: Remote, folder: Path, *, advance: Callable[[int], None] = lambda _: None
) -> bool:
    """Download a file, or the rest of it.

    Args:
        remote: Where it is and what it should be.
        folder: Where it goes; made if it does not exist.
        advance: Told how many bytes are there, again and again.

    Returns:
        Whether anything had to be downloaded: False if the file was there already.

    Raises:
        DataError: The server cannot be reached or breaks off, the folder cannot be written
            to, or size or checksum differ. What was downloaded is kept and continued next
            time, unless its checksum is wrong: then it is removed.
    """
    place = folder / remote.path
    part = place.with_name(place.name + ".part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_file():
            _verify(place, remote)
            advance(remote.size)
            return False
        _download(remote, part, advance)
        _verify(part, remote)
        part.replace(place)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
        raise _unreachable(remote.url, error) from error
    except OSError as error:
        raise DataError(
            f"{place.name} cannot be written: {error.strerror or error}",
            where=str(place.parent),
            hint="choose a folder that can be written to and has space left; run it again to go on",
        ) from error
    return True


def _download(remote: Remote, part: Path, advance: Callable[[int], None]) -> None:
    """Append what is missing to the unfinished file."""
    done = part.stat().st_size if part.exists() else 0
    if done > remote.size:
        done = 0
    if part.exists() and done == remote.size:
        return
    request = _request(remote.url)
    if done:
        request.add_header("Range", f"bytes={done}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        if answer.status != http.client.PARTIAL_CONTENT:
            done = 0  # the server sends all of it
        with part.open("ab" if done else "wb") as out:
            while done <= remote.size and (chunk := answer.read(CHUNK)):
                out.write(chunk)
                done += len(chunk)
                advance(done)


def _verify(path: Path, remote: Remote) -> None:
    """Compare a file with what it should be; a part of the right size and wrong sum goes."""
    size = path.stat().st_size
    if size < remote.size and path.name.endswith(".part"):
        raise DataError(
            f"the server broke off after {size:,} of {remote.size:,} bytes",
            where=remote.url,
            hint="run the command again: it goes on from there",
        )
    right = size == remote.size and _sums_fit(path, remote)
    if not right:
        finished = not path.name.endswith(".part")
        if not finished:
            path.unlink()
        raise DataError(
            f"{remote.path} is not what the server says it should be "
            f"({size:,} bytes, {remote.size:,} expected; or another checksum)",
            where=str(path),
            hint="remove the file and run the command again" if finished else "try again later",
        )


def _sums_fit(path: Path, remote: Remote) -> bool:
    sums = [
        (hashlib.sha256(), remote.sha256),
        (hashlib.sha1(f"blob {remote.size}\0".encode(), usedforsecurity=False), remote.git_sha1),
    ]
    wanted = [(sum_, value) for sum_, value in sums if value]
    with path.open("rb") as content:
        while chunk := content.read(CHUNK):
            for sum_, _ in wanted:
                sum_.update(chunk)
    return all(sum_.hexdigest() == value for sum_, value in wanted)


def _request(url: str) -> urllib.request.Request:
    """Ask over HTTP only: a file: address could copy anything."""
    if not url.startswith(("https://", "http://")):
        raise DataError(f"{url} is no web address", hint="it should start with https://")
    return urllib.request.Request(url, headers=_AGENT)


def _unreachable(url: str, error: Exception) -> DataError:
    if isinstance(error, urllib.error.HTTPError):
        reason = f"the server answers {error.code} {error.reason}"
    else:
        reason = str(getattr(error, "reason", error)) or type(error).__name__
    return DataError(
        f"cannot be fetched: {reason}",
        where=url,
        hint="check the connection and run the command again: it goes on where it was",
    )
