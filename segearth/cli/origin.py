"""Say what a result was made by: command, date and versions, for the files that are kept."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from platform import python_version

from segearth import __version__

_PACKAGES = ("torch", "transformers", "timm", "numpy")


def made_by() -> dict[str, object]:
    """Gather what would be needed to do it again: `command`, `date` (UTC) and `versions`."""
    return {
        "command": shlex.join(["segearth", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "segearth": __version__,
            "python": python_version(),
            **{name: _version(name) for name in _PACKAGES},
        },
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
