"""How near each part comes to what the device can do, and what holds it back (roofline).

The roofline of Williams, Waterman and Patterson (CACM 2009): a computation takes at least its
operations over the device's peak, and at least its traffic over the memory's bandwidth. Both
ceilings are measured here, on the device and in the number format at hand, because data
sheets promise more than a matrix product ever gets. Of the traffic only the weights are
counted, each read once a call: that is what makes saying an answer token by token slow.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch

from segearth.profiling.counting import FLOPS_PER_MAC
from segearth.profiling.part_clock import now

Limit = Literal["compute", "weights", "neither"]

ENOUGH = 0.5
"""A ceiling explains a part's time if it accounts for at least this share of it."""

_SIDES = (256, 512, 1024, 2048, 4096, 8192)
_BUDGET_S = 1.0
_REPEATS = 3
_COPIED_BYTES = 1 << 27  # larger than any cache
_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """What a device was seen to do at best.

    Attributes:
        flops_per_s: Of a product of two square matrices; FLOPs are two a multiply-add.
        bytes_per_s: Of copying memory, reading and writing together.
        matrix_side: Side of the matrices of the quickest product.
    """

    flops_per_s: float
    bytes_per_s: float
    matrix_side: int


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A part under the roofline.

    Attributes:
        flops_per_s: What it reached.
        share_of_peak: Of the measured peak, 0 to 1.
        compute_s: Seconds that its operations would take at the peak.
        weights_s: Seconds that reading its weights takes at the measured bandwidth.
        limit: What its time goes to. `compute`: at least half of it is arithmetic at the
            peak. `weights`: at least half of it is reading weights. `neither`: it goes to
            what has no ceiling here: operators too small for the device, reads at scattered
            places, what is not counted (norms, activations), and moving and allocating maps.
    """

    flops_per_s: float
    share_of_peak: float
    compute_s: float
    weights_s: float
    limit: Limit


def measure_ceiling(device: torch.device, dtype: str) -> Ceiling:
    """Measure a device, in about a second or two.

    Args:
        device: Where.
        dtype: ``fp32``, ``bf16`` or ``fp16``: what the model computes in.
    """
    kind = _TYPES[dtype]
    best, best_side, started = 0.0, 0, time.perf_counter()
    for side in _SIDES:
        matrix = torch.rand(side, side, device=device).to(kind)
        seconds = _quickest(device, partial(torch.matmul, matrix, matrix))
        if FLOPS_PER_MAC * side**3 / seconds > best:
            best, best_side = FLOPS_PER_MAC * side**3 / seconds, side
        # The next one takes eight times as long.
        if time.perf_counter() - started + 8 * (_REPEATS + 1) * seconds > _BUDGET_S:
            break
    source = torch.zeros(_COPIED_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copying = _quickest(device, partial(target.copy_, source))
    return Ceiling(flops_per_s=best, bytes_per_s=2 * _COPIED_BYTES / copying, matrix_side=best_side)


def place(macs: int, seconds: float, weight_bytes: int, ceiling: Ceiling) -> Placed | None:
    """Put a part under the roofline.

    Args:
        macs: Its multiply-adds.
        seconds: What it took.
        weight_bytes: Weights read, over all its calls.
        ceiling: The device.

    Returns:
        None for a part that did not run or has no multiply-adds.
    """
    if not macs or seconds <= 0:
        return None
    reached = FLOPS_PER_MAC * macs / seconds
    compute_s = FLOPS_PER_MAC * macs / ceiling.flops_per_s
    weights_s = weight_bytes / ceiling.bytes_per_s
    limit: Limit = "neither"
    if compute_s >= ENOUGH * seconds:
        limit = "compute"
    elif weights_s >= ENOUGH * seconds:
        limit = "weights"
    return Placed(
        flops_per_s=reached,
        share_of_peak=reached / ceiling.flops_per_s,
        compute_s=compute_s,
        weights_s=weights_s,
        limit=limit,
    )


def _quickest(device: torch.device, call: Callable[[], object]) -> float:
    """Return the seconds of the quickest of a few runs, after one that is thrown away."""
    call()
    seconds = []
    for _ in range(_REPEATS):
        start = now(device)
        call()
        seconds.append(now(device) - start)
    return min(seconds)
