"""Read JSON Lines: a value a line, and a mistake in the place of a line that is none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from segearth.errors import DataError

_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # where there is none, nothing need be looked at


class Fault(NamedTuple):
    """A mistake in a manifest: its kind, for grouping, and the sentence for the user."""

    kind: str
    message: str


def read_lines(path: Path) -> Iterator[tuple[int, object]]:
    """Go through the lines of a JSON Lines file that are not blank.

    Args:
        path: A UTF-8 file.

    Yields:
        The line's number, from 1, and its value, or a `Fault` where it is no JSON.

    Raises:
        DataError: The file cannot be read at all.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read: {error.strerror or error}", where=str(path)
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} is not UTF-8 text (byte {error.start})",
            where=str(path),
            hint="a manifest is JSON Lines: one JSON object a line",
        ) from error
    # Not splitlines: a JSON string may hold U+2028 and the like as they are.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, _parse(line)


def fits_utf8(value: object) -> bool:
    """Tell whether the texts of a JSON value can be written; half a character pair cannot."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _parse(line: str) -> object:
    """Return the value of a line, or a `Fault`."""
    try:
        value: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Fault("bad JSON", f"not valid JSON: {error}")
    if _HALF.search(line) and not fits_utf8(value):
        return Fault("half a character", "a text holds half of a character pair (\\ud800 …)")
    return value
