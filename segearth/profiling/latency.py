"""How long a model that is there takes for a picture, by part, and how much memory.

The answer is given and fed token by token with the cache, exactly as generation would, so
that a run's length does not depend on what the model feels like saying.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from segearth.errors import UsageError
from segearth.model.build import build_model
from segearth.model.checkpoint import load_tensors, model_folder
from segearth.model.inputs import build_prompter, build_tokenizer
from segearth.model.mechanisms.propose_then_select import ProposeThenSelect
from segearth.model.new_queries import fit_queries
from segearth.model.segmenter import Segmenter
from segearth.profiling.part_clock import REST, PartClock, now
from segearth.profiling.stages import PARTS
from segearth.profiling.workload import Decode, Workload

INSTRUCTION = "Find the white airplane to the left of the terminal building."
ANSWER = "Done. The <p>white airplane </p>[SEG] is now segmented."
WARM_UPS = 2
"""Runs that are thrown away: memory is fetched and kernels are chosen in them."""

STEPS = ("encode", "answer", "masks")
"""Everything before the instruction; prompt and answer; `[SEG]` states to full-size masks."""

_STATUS = Path("/proc/self/status")
_FORGET_PEAK = Path("/proc/self/clear_refs")


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Seconds over several runs."""

    median: float
    min: float
    max: float
    runs: int


@dataclass(frozen=True, kw_only=True)
class Latency:
    """What was measured.

    Attributes:
        total: Picture in, masks at the picture's own size out.
        steps: The same for each of `STEPS`.
        parts: The same for each of `PARTS` and for `REST`; zeros for a part that the model
            does not have.
        calls: How often each of `PARTS` ran in one run.
        again: Another question about the same picture, to masks: encoding and the projected
            memory maps are there already.
        peak_bytes: Most memory in use at a time: on a CUDA device what torch had allocated
            there, elsewhere what the whole process held, libraries included. None where the
            system does not tell.
    """

    total: Spread
    steps: dict[str, Spread]
    parts: dict[str, Spread]
    calls: dict[str, int]
    again: Spread
    peak_bytes: int | None


def typical_workload(segmenter: Segmenter) -> Workload:
    """Count the tokens of `INSTRUCTION` and `ANSWER` for a model, at k = 1."""
    prompter = segmenter.prompter
    k = prompter.queries_per_target
    answer = len(prompter.answer_ids(ANSWER)) - (k - 1)
    question = len(prompter.question_ids(INSTRUCTION, None))
    return Workload(
        text_tokens=len(prompter.before_ids) + question + answer,
        answer_tokens=answer,
        protocol="generate",
    )


def with_queries(segmenter: Segmenter, k: int) -> Segmenter:
    """Give a model another number of queries per target, for timing only.

    The new `[SEG]` tokens and the score of the candidates are untrained, which makes masks
    meaningless and takes as long.

    Args:
        segmenter: Loaded from a folder or by name.
        k: Queries per target, or proposals.

    Raises:
        RecipeError: It has one query by its nature.
        UsageError: Its weights are rounded.
    """
    if k == segmenter.recipe.queries:
        return segmenter
    if segmenter.dtype in ("int8", "nf4"):
        raise UsageError(
            f"with {segmenter.dtype} only the model's own k = {segmenter.recipe.queries} is timed",
            where="--queries",
            hint="leave --queries out, or take another --dtype",
        )
    recipe = segmenter.recipe.with_queries(k)
    prompter = build_prompter(recipe, build_tokenizer(recipe, model_folder(segmenter.name)))
    model = build_model(recipe, prompter, pretrained=False)
    tensors = fit_queries(model, prompter, segmenter.model.state_dict(), segmenter.prompter, seed=0)
    if isinstance(model.mechanism, ProposeThenSelect):  # so many others, not these
        tensors["mechanism.seg_query"] = model.mechanism.seg_query.detach()
    load_tensors(model, tensors, where=segmenter.name)
    model = model.eval().to(segmenter.device)
    return Segmenter(model, prompter, recipe, name=segmenter.name, dtype=segmenter.dtype)


def measure(segmenter: Segmenter, *, decode: Decode, runs: int) -> Latency:
    """Time a model on one picture of its own size with one instruction and one target.

    Args:
        segmenter: The model; left as it was.
        decode: How queries are decoded.
        runs: Runs that count.
    """
    side = segmenter.window_px
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    with _decoding(segmenter, decode):
        for _ in range(WARM_UPS):
            _time_once(segmenter, picture)
        _forget_peak(segmenter.device)
        timed = [_time_once(segmenter, picture) for _ in range(runs)]
        peak = _peak_bytes(segmenter.device)
    return Latency(
        total=_spread([sum(run.steps.values()) for run in timed]),
        steps={name: _spread([run.steps[name] for run in timed]) for name in STEPS},
        parts={name: _spread([run.parts[name] for run in timed]) for name in (*PARTS, REST)},
        calls=timed[0].calls,
        again=_spread([run.again for run in timed]),
        peak_bytes=peak,
    )


@contextmanager
def _decoding(segmenter: Segmenter, decode: Decode) -> Iterator[None]:
    before = segmenter.model.decode
    segmenter.model.decode = decode
    try:
        yield
    finally:
        segmenter.model.decode = before


@dataclass(frozen=True)
class _Run:
    """Seconds of each of `STEPS`; seconds and calls of each part; seconds of a second question."""

    steps: dict[str, float]
    parts: dict[str, float]
    calls: dict[str, int]
    again: float


def _time_once(segmenter: Segmenter, picture: NDArray[np.uint8]) -> _Run:
    clock = PartClock(segmenter.device)
    with clock.watch(segmenter.model):
        marks = [now(segmenter.device)]
        encoded = segmenter.encode(picture)
        marks.append(now(segmenter.device))
        reply = segmenter.teach(encoded, INSTRUCTION, ANSWER)
        marks.append(now(segmenter.device))
        candidates = segmenter.candidates(encoded, reply)
        clock.run("upsampling", candidates.selected)
        marks.append(now(segmenter.device))
    start = now(segmenter.device)
    segmenter.masks(encoded, segmenter.teach(encoded, INSTRUCTION, ANSWER))
    again = now(segmenter.device) - start
    steps = dict(zip(STEPS, (after - before for before, after in pairwise(marks)), strict=True))
    rest = sum(steps.values()) - sum(clock.seconds.values())
    return _Run(steps=steps, parts={**clock.seconds, REST: rest}, calls=clock.calls, again=again)


def _spread(seconds: list[float]) -> Spread:
    return Spread(
        median=statistics.median(seconds), min=min(seconds), max=max(seconds), runs=len(seconds)
    )


def _forget_peak(device: torch.device) -> None:
    """Start a new peak, so that loading the model does not count."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif _FORGET_PEAK.exists():
        try:
            _FORGET_PEAK.write_text("5", encoding="ascii")
        except OSError:  # some sandboxes forbid it; the peak then includes loading
            return


def _peak_bytes(device: torch.device) -> int | None:
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
