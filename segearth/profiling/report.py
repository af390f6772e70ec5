"""A profile as plain values: what `segearth profile --json` prints, and what tables show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from segearth.config.model import ModelRecipe
from segearth.config.presets import PHI_2_TOKENS, mipha_3b
from segearth.errors import UsageError
from segearth.model.checkpoint import model_folder
from segearth.model.inputs import build_tokenizer, geometry
from segearth.model.pretrained.loading import language_config
from segearth.model.segmenter import Segmenter
from segearth.profiling.cost import Cost, SweepRow, sweep
from segearth.profiling.counting import FLOPS_PER_MAC
from segearth.profiling.latency import Latency, measure, typical_workload, with_queries
from segearth.profiling.part_clock import weight_bytes
from segearth.profiling.roofline import Ceiling, measure_ceiling, place
from segearth.profiling.workload import PAPER, Decode, Workload

PAPER_MODEL = "mipha-3b"
FIGURE_5 = {100: {"tflops": 8.4, "latency_s": 0.82}, 1: {"tflops": 6.1, "latency_s": 0.54}}
"""What the paper says of k = 100 and k = 1 (Sec. 5.4), a picture, on one A100 80GB. It prints
no figures for the k between."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is profiled.

    Attributes:
        name: For the report.
        recipe: Its sizes.
        workload: What it is asked.
        vocabulary: Entries of its tokenizer for a k.
        segmenter: The loaded model; None where there are sizes but no weights.
    """

    name: str
    recipe: ModelRecipe
    workload: Workload
    vocabulary: Callable[[int], int]
    segmenter: Segmenter | None


def paper_subject(text_tokens: int | None = None) -> Subject:
    """Take the paper's model, without weights.

    Args:
        text_tokens: Prompt and answer at k = 1; see `workload.PAPER` for the default.

    Raises:
        UsageError: There is no room for an answer.
    """
    workload = Workload(
        text_tokens=PAPER.text_tokens if text_tokens is None else text_tokens,
        answer_tokens=PAPER.answer_tokens,
        protocol=PAPER.protocol,
    )
    return Subject(
        name=PAPER_MODEL,
        recipe=mipha_3b(),
        workload=workload,
        vocabulary=lambda k: PHI_2_TOKENS + k,
        segmenter=None,
    )


def loaded_subject(model: str, *, device: str, dtype: str) -> Subject:
    """Load a shipped model by name, or a folder.

    Raises:
        CheckpointError: It is not a whole model.
        UsageError: The device is not there.
    """
    folder = model_folder(model, where="MODEL")
    segmenter = Segmenter.load(model, device=device, dtype=dtype)

    def vocabulary(k: int) -> int:
        if k == segmenter.recipe.queries:
            return len(segmenter.prompter.tokenizer)
        return len(build_tokenizer(segmenter.recipe.with_queries(k), folder))

    return Subject(
        name=model,
        recipe=segmenter.recipe,
        workload=typical_workload(segmenter),
        vocabulary=vocabulary,
        segmenter=segmenter,
    )


def require_room(subject: Subject, queries: Sequence[int]) -> None:
    """Refuse a k of which the language model cannot read all tokens.

    Raises:
        UsageError: Names the first k and both lengths.
    """
    most = getattr(language_config(subject.recipe.language), "max_position_embeddings", None)
    for k in queries:
        recipe = subject.recipe.with_queries(k)
        proposals = recipe.proposals if recipe.mechanism == "propose_then_select" else 0
        tokens = geometry(recipe).cells ** 2 + proposals
        tokens = subject.workload.tokens_at(recipe.queries_per_target, tokens)
        if most is not None and tokens > most:
            raise UsageError(
                f"with {k} queries a target there are {tokens:,} tokens, and the language model "
                f"of {subject.name} can read {most:,}",
                where="--queries",
                hint="ask for fewer queries, or fewer --text-tokens",
            )


def profile_rows(
    subject: Subject,
    queries: Sequence[int],
    decodes: Sequence[Decode],
    *,
    runs: int,
    cross_check: bool = False,
) -> Iterator[dict[str, Any]]:
    """Count and, where there is a model, time every k and way of decoding.

    Args:
        subject: What is profiled.
        queries: Values of k.
        decodes: Ways of decoding.
        runs: Timed runs a row.
        cross_check: Count a second time with fvcore.

    Yields:
        A row of the report.
    """
    counted = sweep(
        subject.recipe,
        subject.workload,
        queries,
        decodes,
        vocabulary=subject.vocabulary,
        cross_check=cross_check,
    )
    timed = subject.segmenter
    ceiling = None if timed is None else measure_ceiling(timed.device, timed.computes_in)
    for row in counted:
        latency, placed = None, None
        if timed is not None and subject.segmenter is not None:
            if timed.recipe.queries != row.k:
                timed = with_queries(subject.segmenter, row.k)
            latency = measure(timed, decode=row.decode, runs=runs)
            assert ceiling is not None
            placed = _placed(row.cost, latency, weight_bytes(timed.model), ceiling)
        paper = FIGURE_5.get(row.k) if subject.name == PAPER_MODEL else None
        yield {**_row(row, latency, paper), "roofline": placed}


def report(subject: Subject, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Join rows and what they hold for; contracts: keys may be added, none may go."""
    shape, work, segmenter = geometry(subject.recipe), subject.workload, subject.segmenter
    return {
        "model": subject.name,
        "image_size": shape.side,
        "text_tokens": work.text_tokens,
        "answer_tokens": work.answer_tokens,
        "image_tokens": shape.cells**2,
        "protocol": work.protocol,
        "flops_per_mac": FLOPS_PER_MAC,
        "rows": list(rows),
        "device": "meta" if segmenter is None else str(segmenter.device),
        "dtype": "fp32" if segmenter is None else segmenter.dtype,
        "threads": None if segmenter is None else torch.get_num_threads(),
    }


def _row(
    row: SweepRow, latency: Latency | None, paper: Mapping[str, float] | None
) -> dict[str, Any]:
    return {
        "k": row.k,
        "decode": row.decode,
        "tokens": row.tokens,
        "tflops": tflops(row.cost.total),
        "tmacs": row.cost.total / 1e12,
        "parts": {part: tflops(macs) for part, macs in row.cost.macs.items()},
        "parts_tmacs": {part: macs / 1e12 for part, macs in row.cost.macs.items()},
        "uncounted": list(row.cost.left_out),
        "cross_check": None if row.recount is None else _second_count(row.cost, row.recount),
        "latency_s": None if latency is None else _latency(latency),
        "further_question": {
            "tflops": tflops(row.again.total),
            "share": row.again.total / row.cost.total,
            "latency_s": None if latency is None else asdict(latency.again),
        },
        "peak_bytes": None if latency is None else latency.peak_bytes,
        "parts_peak_bytes": None if latency is None else latency.part_peaks,
        "paper": None if paper is None else dict(paper),
    }


def tflops(macs: int) -> float:
    """Turn multiply-adds into 10^12 floating-point operations."""
    return FLOPS_PER_MAC * macs / 1e12


def _second_count(first: Cost, second: Cost) -> dict[str, Any]:
    """Compare the counters where both could count."""
    common = [part for part in first.macs if part not in second.missed]
    mine, other = (sum(cost.macs[part] for part in common) for cost in (first, second))
    return {
        "counter": "fvcore",
        "tflops": tflops(other),
        "difference": other / mine - 1,
        "parts": {part: tflops(second.macs[part]) for part in common},
        "not_traced": list(second.missed),
        "uncounted": list(second.left_out),
    }


def _latency(latency: Latency) -> dict[str, Any]:
    spreads = {
        kind: {name: asdict(spread) for name, spread in by_name.items()}
        for kind, by_name in (("steps", latency.steps), ("parts", latency.parts))
    }
    return {**asdict(latency.total), **spreads}


def _placed(
    cost: Cost, latency: Latency, weights: Mapping[str, int], ceiling: Ceiling
) -> dict[str, Any]:
    """Put every part that ran under the device's roofline."""
    placed = {
        part: place(macs, latency.parts[part].median, latency.calls[part] * weights[part], ceiling)
        for part, macs in cost.macs.items()
    }
    return {
        "peak_tflops_per_s": ceiling.flops_per_s / 1e12,
        "memory_gb_per_s": ceiling.bytes_per_s / 1e9,
        "matrix_side": ceiling.matrix_side,
        "share_of_peak": tflops(cost.total) * 1e12 / latency.total.median / ceiling.flops_per_s,
        "parts": {part: asdict(found) for part, found in placed.items() if found is not None},
    }


def parse_queries(text: str) -> list[int]:
    """Read ``100,75,1``.

    Raises:
        UsageError: Something in it is no positive whole number.
    """
    words = text.split(",")
    if not all(word.strip().isdecimal() and int(word) > 0 for word in words):
        raise UsageError(
            f"{text!r} is no list of numbers of queries",
            where="--queries",
            hint="--queries 100,75,50,25,10,3,1",
        )
    return list(dict.fromkeys(int(word) for word in words))
