"""The most memory that was in use at a time.

On a CUDA device what torch had allocated there, on a CPU what the whole process held, libraries
included.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_FORGET_PEAK = Path("/proc/self/clear_refs")


def forget_peak(device: torch.device) -> bool:
    """Start a new peak.

    Returns:
        Whether that could be done; if not, the peak stays that of the whole life of the process.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return True
    if device.type != "cpu":
        return False
    _give_back()
    try:
        _FORGET_PEAK.write_text("5", encoding="ascii")
    except OSError:  # not Linux, or a sandbox that forbids it
        return False
    return True


def _give_back() -> None:
    """Return freed memory to the system, where the C library can; it counts as held else."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def peak_bytes(device: torch.device) -> int | None:
    """Read the peak since it was last forgotten; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type != "cpu":
        return None
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes there, KiB elsewhere
