"""Which examples a step learns from, and their way into batches.

An example is decided by its number and a step by its own, so that a run which was stopped goes
on with the very examples that it would have seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from torch.utils.data import DataLoader, Dataset

from segearth.config.recipe import TrainRecipe
from segearth.data.answers import count_seg
from segearth.data.prompting import Prompter
from segearth.data.samples import Batch, Geometry, encode_sample, stack
from segearth.data.stream import Stream
from segearth.errors import RecipeError

_ATTEMPTS = 100  # other examples tried in place of one without a question that fits


class Samples(Dataset[Batch]):
    """Encoded examples by number; every process and worker sees the same numbering."""

    def __init__(self, stream: Stream, prompter: Prompter, shape: Geometry) -> None:
        """Join what makes examples and what encodes them."""
        self.stream, self.prompter, self.shape = stream, prompter, shape

    def __len__(self) -> int:
        """More than any run uses."""
        return 1 << 40

    def __getitem__(self, index: int) -> Batch:
        """Encode one example; of its questions, those that fit the limits."""
        most = self.stream.recipe.most_targets or math.inf
        for attempt in range(_ATTEMPTS):
            example = self.stream.example(index + (attempt << 40))
            fitting = tuple(
                exchange
                for exchange in example.exchanges
                if count_seg(exchange.answer) <= most
                and self.prompter.fits(exchange.instruction, exchange.answer)
            )
            if fitting:
                return encode_sample(replace(example, exchanges=fitting), self.prompter, self.shape)
        raise RecipeError(
            "hardly a question fits the limits",
            where="model.max_instruction_tokens, model.max_answer_tokens and data.most_targets",
            hint="raise them",
        )


def passes_by_step(
    train: TrainRecipe, samples: Samples, *, first: int, rank: int, world: int
) -> Iterator[list[Batch]]:
    """Make the batches of a process, one list of passes a step.

    Args:
        train: Steps, batch size, passes and workers.
        samples: Encoded examples by number.
        first: The step to begin with.
        rank: Number of this process.
        world: How many processes share a batch.

    Raises:
        RecipeError: A batch does not split into processes and passes.
    """
    if train.batch_size % (world * train.accumulate):
        raise RecipeError(
            f"a batch of {train.batch_size} does not split into {world} processes of "
            f"{train.accumulate} passes",
            where="train.batch_size",
            hint=f"{world * train.accumulate} would",
        )
    share = train.batch_size // world
    passes, size = train.accumulate, share // train.accumulate
    loader: DataLoader[Batch] = DataLoader(
        samples,
        batch_sampler=Order(first, train.steps, train.batch_size, rank * share, passes, size),
        collate_fn=stack,
        num_workers=train.workers,
        prefetch_factor=4 if train.workers else None,
        persistent_workers=False,
        multiprocessing_context="spawn" if train.workers else None,
    )
    group: list[Batch] = []
    for batch in loader:
        group.append(batch)
        if len(group) == passes:
            yield group
            group = []


class Order:
    """Numbers of the examples of each pass, from a step on."""

    def __init__(
        self, first: int, steps: int, batch: int, offset: int, passes: int, size: int
    ) -> None:
        self.first, self.steps, self.batch = first, steps, batch
        self.offset, self.passes, self.size = offset, passes, size

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self.first, self.steps):
            for number in range(self.passes):
                start = step * self.batch + self.offset + number * self.size
                yield list(range(start, start + self.size))
