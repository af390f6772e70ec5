"""Get a benchmark: download it where licence and address are public, else say how to get it.

What lies on the Hugging Face hub is listed by its public interface, with the size and checksum
of every file and the licence that the page states. Without a stated licence, or behind a form
to accept, nothing is downloaded.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from segearth.errors import DataError
from segearth.published.catalogue import Benchmark
from segearth.published.download import Remote, fetch_bytes, fetch_file
from segearth.published.report import LISTING

HUB = "https://huggingface.co"
_ARCHIVES = {
    ".zip": "unzip -n {0} -d {1}",
    ".gz": "tar -xzf {0} -C {1}",
    ".tar": "tar -xf {0} -C {1}",
}


@dataclass(frozen=True)
class Offer:
    """What the hub has of a benchmark."""

    licence: str
    revision: str
    files: Sequence[Remote]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def look_up(benchmark: Benchmark, hub: str = HUB) -> Offer | None:
    """Ask the hub for a benchmark's files and licence.

    Args:
        benchmark: One with a name on the hub.
        hub: Its address, or that of a mirror.

    Returns:
        None if it has to be accepted on its page first, or no licence is stated there.

    Raises:
        DataError: The hub cannot be reached, or answers something else than it should.
    """
    address = f"{hub.rstrip('/')}/api/datasets/{benchmark.hub}"
    card, _ = _ask(address)
    if not isinstance(card, dict):
        raise DataError("the hub's description is none", where=address)
    tags = [tag for tag in card.get("tags") or [] if isinstance(tag, str)]
    licence = next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), "")
    if card.get("gated") or card.get("private") or licence in ("", "unknown", "other"):
        return None
    revision = str(card.get("sha") or "main")
    rows = _ask_pages(f"{address}/tree/{urllib.parse.quote(revision)}?recursive=true")
    base = f"{hub.rstrip('/')}/datasets/{benchmark.hub}/resolve/{revision}"
    files = [_remote(row, base, address) for row in rows if row.get("type") == "file"]
    if not files:
        raise DataError("the hub lists no files", where=address)
    return Offer(licence, revision, files)


def fetch(
    offer: Offer, folder: Path, *, advance: Callable[[int, str], None] = lambda *_: None
) -> dict[str, int]:
    """Download all files of an offer; those that are there are checked and kept.

    Args:
        offer: From `look_up`.
        folder: Where they go.
        advance: Told how many bytes of all are there, and which file it is about.

    Returns:
        How many files were `downloaded` and how many were `present`.

    Raises:
        DataError: As for `segearth.published.download.fetch_file`.
    """
    counts = {"downloaded": 0, "present": 0}
    before = 0
    for file in offer.files:
        tell = partial(_tell, advance, before, file.path)
        counts["downloaded" if fetch_file(file, folder, advance=tell) else "present"] += 1
        before += file.size
    return counts


def _tell(advance: Callable[[int, str], None], before: int, path: str, done: int) -> None:
    """Add up the bytes of the files before this one and those of this one."""
    advance(before + done, path)


def next_steps(benchmark: Benchmark, folder: Path, files: Sequence[Remote] = ()) -> list[str]:
    """Return the commands that follow a download: unpack, convert."""
    folder = _with_name(folder)
    steps = [
        _ARCHIVES[suffix].format(_quoted(folder / file.path), _quoted(folder))
        for file in files
        if (suffix := PurePosixPath(file.path).suffix) in _ARCHIVES
    ]
    out = folder.with_name(f"{folder.name}-manifests")
    return [
        *steps,
        f"segearth data convert {benchmark.name} {_quoted(folder)} -o {_quoted(out)}",
    ]


def by_hand(benchmark: Benchmark, folder: Path) -> list[str]:
    """Return the steps for getting a benchmark by hand, its conversion and how to check both."""
    folder = _with_name(folder)
    steps = benchmark.steps or (
        f"open {benchmark.page}, read and accept what it asks for, and download its files",
        f"unpack them so that these exist below SRC: {benchmark.layout}",
    )
    steps = tuple(_IN_SRC.sub(lambda found: _below(folder, found[1]), step) for step in steps)
    look = (
        [f"see that all is there: {_list_command(benchmark, folder)}"] if benchmark.needed else []
    )
    (command,) = next_steps(benchmark, folder)
    return [
        f"make a folder for it: mkdir -p {_quoted(folder)}",
        *steps,
        *look,
        f"then run: {command}",
        _verification(benchmark, folder),
    ]


_PLAIN = re.compile(r"[^\0\\\ud800-\udfff]+")
"""No zero, no separator of another system, no half characters."""

_IN_SRC = re.compile(r"\bSRC\b((?:/[\w*-]+)*)")


def _verification(benchmark: Benchmark, folder: Path) -> str:
    """Say what is known for telling whether a download is whole, and what is not."""
    out = folder.with_name(f"{folder.name}-manifests")
    counts = ", ".join(f"{split} {count:,}" for split, count in benchmark.published.items())
    known = (
        f"it compares the {benchmark.unit} of each split with the published counts ({counts})"
        if counts
        else "has no published counts to compare the splits with"
    )
    holds = f"it should hold {benchmark.content}; " if benchmark.content else ""
    return (
        f"how to tell whether the download is whole: {holds}no checksums and no sizes of the "
        f"files are known here; data convert opens every image and mask, and {known}; what is "
        f"missing, damaged or of another size is in {_quoted(out / LISTING)}, a line each"
    )


def _list_command(benchmark: Benchmark, folder: Path) -> str:
    """Return an `ls` of what is needed, patterns left to the shell."""
    places = [
        f"{_quoted(folder)}/{name}" if "*" in name else _quoted(folder / name)
        for name in benchmark.needed
    ]
    return f"ls -d {' '.join(places)}"


def _with_name(folder: Path) -> Path:
    """Give "." and the like the name they have, for the folder beside."""
    return folder if folder.name not in ("", "..") else folder.resolve()


def _below(folder: Path, rest: str) -> str:
    return _quoted(Path(f"{folder}{rest}"))


def _quoted(path: Path) -> str:
    """Quote a path for the shell."""
    return "'" + str(path).replace("'", "'\\''") + "'"


def _ask_pages(address: str) -> list[Any]:
    """Read a list that the hub gives in pages; a part of it would be a part of the data set."""
    rows: list[Any] = []
    seen: set[str] = set()
    page: str | None = address
    while page:
        if (
            page in seen
            or urllib.parse.urlsplit(page).netloc != urllib.parse.urlsplit(address).netloc
        ):
            raise DataError("the hub's list of files does not end, or leads elsewhere", where=page)
        seen.add(page)
        found, page = _ask(page)
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise DataError("the hub's list of files is none", where=address)
        rows += found
    return rows


def _ask(address: str) -> tuple[Any, str | None]:
    """Return an answer, and where its next page is."""
    data, following = fetch_bytes(address)
    try:
        return json.loads(data), following
    except (ValueError, RecursionError) as error:
        raise DataError("the hub does not answer in JSON", where=address) from error


def _remote(row: Any, base: str, address: str) -> Remote:
    """Read a line of the hub's list; its paths must not leave the folder."""
    path, size, large = row.get("path"), row.get("size"), row.get("lfs") or {}
    name = path if isinstance(path, str) and _PLAIN.fullmatch(path) else ""
    parts = PurePosixPath(name).parts
    whole = type(size) is int and size >= 0 and isinstance(large, dict)
    if not parts or name.startswith("/") or ".." in parts or not whole:
        raise DataError(f"the hub lists a file that cannot be: {path!r}", where=address)
    sums = (large.get("oid"), None) if large else (None, row.get("oid"))
    if not any(isinstance(value, str) and value for value in sums):
        raise DataError(
            f"the hub gives no checksum of {name}, so that nobody could tell whether it is whole",
            where=address,
        )
    return Remote(
        url=f"{base}/{urllib.parse.quote(name)}",
        path=name,
        size=size,
        sha256=sums[0],
        git_sha1=sums[1],
    )
