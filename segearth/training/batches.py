"""Which examples a step learns from, and their way into batches.

An example is decided by its number and a step by its own, so that a run which was stopped goes
on with the very examples that it would have seen.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace

from torch.utils.data import DataLoader, Dataset

from segearth.config.recipe import TrainRecipe
from segearth.data.answers import count_seg
from segearth.data.prompting import Prompter
from segearth.data.samples import Batch, Geometry, encode_sample, stack
from segearth.data.stream import Stream
from segearth.errors import RecipeError, SegEarthError

_ATTEMPTS = 100  # other examples tried in place of one without a question that fits


class Samples(Dataset["Batch | SegEarthError"]):
    """Encoded examples by number; every process and worker sees the same numbering.

    What a user can act on comes back in place of an example: raised in a process that prepares
    pictures, it would arrive as a traceback.
    """

    def __init__(self, stream: Stream, prompter: Prompter, shape: Geometry) -> None:
        """Join what makes examples and what encodes them."""
        self.stream, self.prompter, self.shape = stream, prompter, shape

    def __len__(self) -> int:
        """More than any run uses."""
        return 1 << 40

    def __getitem__(self, index: int) -> Batch | SegEarthError:
        """Encode one example; of its questions, those that fit the limits."""
        try:
            return self._encode(index)
        except SegEarthError as error:
            return error

    def _encode(self, index: int) -> Batch:
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
        SegEarthError: An example cannot be made.
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
    loader: DataLoader[Batch | SegEarthError] = DataLoader(
        samples,
        batch_sampler=Order(first, train.steps, train.batch_size, rank * share, passes, size),
        collate_fn=_stack,
        num_workers=train.workers,
        prefetch_factor=4 if train.workers else None,
        persistent_workers=False,
        multiprocessing_context="spawn" if train.workers else None,
        worker_init_fn=_leave_ctrl_c_to_the_main_process,
    )
    group: list[Batch] = []
    for batch in loader:
        if isinstance(batch, SegEarthError):
            raise batch
        group.append(batch)
        if len(group) == passes:
            yield group
            group = []


def _stack(samples: Sequence[Batch | SegEarthError]) -> Batch | SegEarthError:
    batches: list[Batch] = []
    for sample in samples:
        if isinstance(sample, SegEarthError):
            return sample
        batches.append(sample)
    return stack(batches)


def _leave_ctrl_c_to_the_main_process(_: int) -> None:
    """Let a step that is under way end: a terminal sends Ctrl-C to every process of a run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


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
