"""How long a model that is there takes for a picture, by part, and how much memory.

The answer is given and fed token by token with the cache, exactly as generation would, so
that a run's length does not depend on what the model feels like saying.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from segearth.errors import UsageError
from segearth.model.build import build_model
from segearth.model.checkpoint import load_tensors, model_folder
from segearth.model.inputs import build_prompter, build_tokenizer
from segearth.model.mechanisms.propose_then_select import ProposeThenSelect
from segearth.model.new_queries import fit_queries
from segearth.model.segearth import SegEarth
from segearth.model.segmenter import Encoded, Segmenter
from segearth.profiling.memory import forget_peak, peak_bytes
from segearth.profiling.part_clock import REST, PartClock, now
from segearth.profiling.stages import PARTS
from segearth.profiling.workload import Decode, Workload

INSTRUCTION = "Find the white airplane to the left of the terminal building."
ANSWER = "Done. The <p>white airplane </p>[SEG] is now segmented."
WARM_UPS = 2
"""Runs that are thrown away: memory is fetched and kernels are chosen in them."""

STEPS = ("encode", "answer", "masks")
"""Everything before the instruction; prompt and answer; `[SEG]` states to full-size masks."""


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
        peak_bytes: Most memory in use at a time, see `segearth.profiling.memory`; loading counts
            where the system cannot start a peak anew. None where it does not tell at all.
        part_peaks: The same for each of `PARTS` that ran, from a run of its own: what was held
            while it ran, by it and by all before it. Empty where the system cannot start a peak
            anew.
    """

    total: Spread
    steps: dict[str, Spread]
    parts: dict[str, Spread]
    calls: dict[str, int]
    again: Spread
    peak_bytes: int | None
    part_peaks: dict[str, int]


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
    meaningless and takes as long. All weights but these and those with a row for every word are
    shared with the model, so that a second one costs next to no memory and peaks can be compared.

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
    _share(model, segmenter.model)
    return Segmenter(model, prompter, recipe, name=segmenter.name, dtype=segmenter.dtype)


def _share(model: SegEarth, other: SegEarth) -> None:
    """Let `model` hold the weights of `other` where both are equal."""
    theirs = dict(other.named_parameters())
    for name, own in model.named_parameters():
        same = theirs.get(name)
        if same is not None and same.shape == own.shape and torch.equal(same, own):
            own.data = same.data


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
        part_peaks = peaks_of_parts(segmenter, picture)
        forget_peak(segmenter.device)
        timed = [_time_once(segmenter, picture) for _ in range(runs)]
        peak = peak_bytes(segmenter.device)
    return Latency(
        total=_spread([sum(run.steps.values()) for run in timed]),
        steps={name: _spread([run.steps[name] for run in timed]) for name in STEPS},
        parts={name: _spread([run.parts[name] for run in timed]) for name in (*PARTS, REST)},
        calls=timed[0].calls,
        again=_spread([run.again for run in timed]),
        peak_bytes=peak,
        part_peaks=part_peaks,
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
    encoded, marks = _answer(segmenter, picture, clock)
    start = now(segmenter.device)
    segmenter.masks(encoded, segmenter.teach(encoded, INSTRUCTION, ANSWER))
    again = now(segmenter.device) - start
    steps = dict(zip(STEPS, (after - before for before, after in pairwise(marks)), strict=True))
    rest = sum(steps.values()) - sum(clock.seconds.values())
    return _Run(steps=steps, parts={**clock.seconds, REST: rest}, calls=clock.calls, again=again)


def _answer(
    segmenter: Segmenter, picture: NDArray[np.uint8], clock: PartClock
) -> tuple[Encoded, list[float]]:
    """Answer under a clock; returns the encoded picture and the times between `STEPS`."""
    with clock.watch(segmenter.model):
        marks = [now(segmenter.device)]
        encoded = segmenter.encode(picture)
        marks.append(now(segmenter.device))
        reply = segmenter.teach(encoded, INSTRUCTION, ANSWER)
        marks.append(now(segmenter.device))
        candidates = segmenter.candidates(encoded, reply)
        clock.run("upsampling", candidates.selected)
        marks.append(now(segmenter.device))
    return encoded, marks


def peaks_of_parts(segmenter: Segmenter, picture: NDArray[np.uint8]) -> dict[str, int]:
    """Answer once and read the most memory that was in use during each part.

    Args:
        segmenter: The model.
        picture: RGB uint8 ``(H, W, 3)``.

    Returns:
        Bytes by part that ran; empty where the system cannot start a peak anew.
    """
    clock = PartClock(segmenter.device, memory=True)
    _answer(segmenter, picture, clock)
    return clock.peaks


def _spread(seconds: list[float]) -> Spread:
    return Spread(
        median=statistics.median(seconds), min=min(seconds), max=max(seconds), runs=len(seconds)
    )
