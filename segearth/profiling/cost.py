"""What one answer costs in multiply-adds, by part, for any number of queries.

The paper's Figure 5 says that 1 query in place of 100 takes the cost from 8.4 to 6.1 TFLOPs.
`sweep` repeats its left panel on any model, decoding the queries together or each by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from segearth.config.model import ModelRecipe
from segearth.model.inputs import geometry
from segearth.model.segearth import SegEarth
from segearth.profiling.counting import Counted, count_with_fvcore, count_with_torch
from segearth.profiling.stages import (
    PARTS,
    Stage,
    image_stages,
    language_stages,
    mask_stages,
    sequence_tokens,
)
from segearth.profiling.unloaded import unloaded_models
from segearth.profiling.workload import Decode, Workload


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of a picture with one instruction and one target.

    Attributes:
        macs: Multiply-adds by part; FLOPs are twice that.
        left_out: What was computed and is not counted, in words.
        missed: Parts that the counter could not follow; 0 in `macs`.
    """

    macs: dict[str, int]
    left_out: tuple[str, ...]
    missed: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Multiply-adds of all parts."""
        return sum(self.macs.values())


@dataclass(frozen=True, kw_only=True)
class SweepRow:
    """One point of the sweep.

    Attributes:
        k: Queries per target.
        decode: How the queries were decoded.
        tokens: Length of the sequence, image tokens included.
        cost: What it costs.
        recount: The same by the second counter, where it was asked for.
        again: What another question about the same picture costs, of the same length.
    """

    k: int
    decode: Decode
    tokens: int
    cost: Cost
    recount: Cost | None
    again: Cost


def sweep(
    recipe: ModelRecipe,
    workload: Workload,
    queries: Sequence[int],
    decodes: Sequence[Decode],
    *,
    vocabulary: Callable[[int], int],
    cross_check: bool = False,
) -> Iterator[SweepRow]:
    """Count a model for several k, without weights or memory.

    Args:
        recipe: The model; its own k and way of decoding do not matter.
        workload: What it is asked.
        queries: Values of k.
        decodes: Ways of decoding.
        vocabulary: Entries of the tokenizer for a k.
        cross_check: Count everything a second time with fvcore.

    Yields:
        A row for every k and way of decoding, in that order.
    """
    shape = geometry(recipe)
    image: list[Cost] = []
    for k, model in unloaded_models(recipe, queries, vocabulary):
        counters: list[Callable[[Iterable[Stage]], Cost]] = [count]
        if cross_check:
            counters.append(partial(recount, model))
        # What is asked does not change what the image costs: counted once.
        image = image or [counter(image_stages(model, shape)) for counter in counters]
        language = [counter(language_stages(model, shape, workload)) for counter in counters]
        text_again = count(language_stages(model, shape, workload, again=True))
        for decode in decodes:
            masks = [counter(mask_stages(model, shape, decode)) for counter in counters]
            masks_again = masks[0]  # queries by themselves project the image every time
            if decode == "joint":
                masks_again = count(mask_stages(model, shape, decode, again=True))
            first, *second = (
                sum_costs(parts) for parts in zip(image, language, masks, strict=True)
            )
            yield SweepRow(
                k=k,
                decode=decode,
                tokens=sequence_tokens(model, shape, workload),
                cost=first,
                recount=second[0] if second else None,
                again=sum_costs([text_again, masks_again]),
            )


def count(stages: Iterable[Stage]) -> Cost:
    """Count stages on the meta device with torch."""
    return _add_up(stages, lambda stage: count_with_torch(stage.run, stage.inputs))


def recount(model: SegEarth, stages: Iterable[Stage]) -> Cost:
    """Count stages a second time, with fvcore; see `counting` for what it can follow.

    Args:
        model: Holds the parameters.
        stages: Its stages; those that cannot be traced are missed.
    """
    return _add_up(stages, lambda stage: count_with_fvcore(model, stage.run, stage.inputs))


def sum_costs(costs: Iterable[Cost]) -> Cost:
    """Join the costs of different stages."""
    macs = dict.fromkeys(PARTS, 0)
    left_out: set[str] = set()
    missed: set[str] = set()
    for cost in costs:
        for part, number in cost.macs.items():
            macs[part] += number
        left_out.update(cost.left_out)
        missed.update(cost.missed)
    return Cost(macs=macs, left_out=tuple(sorted(left_out)), missed=tuple(sorted(missed)))


def _add_up(stages: Iterable[Stage], counter: Callable[[Stage], Counted | None]) -> Cost:
    costs = []
    for stage in stages:
        counted = counter(stage)
        if counted is None:
            costs.append(Cost(macs={}, left_out=(), missed=(stage.part,)))
        else:
            macs = {stage.part: stage.weight * counted.macs}
            costs.append(Cost(macs=macs, left_out=counted.left_out))
    return sum_costs(costs)
