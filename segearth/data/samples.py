"""One picture with its questions, encoded; several, stacked.

Axes
    B  images    T  tokens, padded    N  targets of the batch in a row    k  queries per target
    S  side of the mask encoder's square    s  side of the image tower's    d  attention cells
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segearth.data.answers import merge_targets
from segearth.data.letterbox import (
    any_overlap_grid,
    any_pixel_resize,
    letterbox,
    padded_square,
    squash,
    to_tensor,
)
from segearth.data.packing import Role
from segearth.data.prompting import Prompter
from segearth.errors import DataError

TOWER_GREY = 127
"""Around a picture that is put into the tower's square with its aspect, before normalisation."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A question and its answer.

    Attributes:
        instruction: What is asked.
        answer: What should be said, one `[SEG]` a target.
        masks: One bool ``(H, W)`` per `[SEG]`; None where the answer is known but not drawn.
    """

    instruction: str
    answer: str
    masks: tuple[NDArray[np.bool_], ...] | None


@dataclass(frozen=True, kw_only=True)
class Example:
    """A picture ``(H, W, 3)`` uint8 with what is asked of it."""

    image: NDArray[np.uint8]
    exchanges: tuple[Exchange, ...]
    gsd_m: float | None = None


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """The squares that the two encoders see.

    Attributes:
        side: S, pixels.
        pad: Where the padding goes.
        pad_value: Grey of the padding.
        tower_side: s, pixels; 0 where the image tokens come from the mask encoder.
        tower_fit: How the picture is fitted into the tower's square.
        cells: d, cells along a side of the token grid.
        cell_px: Pixels along a cell, in the square that the tokens come from.
    """

    side: int
    pad: Literal["right-bottom", "centre"]
    pad_value: int
    tower_side: int
    tower_fit: Literal["squash", "letterbox"]
    cells: int
    cell_px: int


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Tensors of several samples.

    Attributes:
        image: RGB uint8 ``(B, 3, S, S)``.
        tower_image: RGB uint8 ``(B, 3, s, s)``, or ``(B, 3, 0, 0)`` without a tower.
        token_ids: int64 ``(B, T)``; image slots hold 0.
        segment: 0 prefix, 1, 2, … questions, int64 ``(B, T)``.
        role: `Role`, int64 ``(B, T)``.
        next_ids: The token to be predicted after each, -100 outside answers, ``(B, T)``.
        target_image: Image of each target, int64 ``(N,)``.
        target_group: Answer of each target, numbered through the batch, int64 ``(N,)``.
        seg_positions: Where the k tokens of each target stand, int64 ``(N, k)``; for
            `instruction_as_query` the one behind the words of the instruction.
        target_masks: In the square of side S, bool ``(N, S, S)``.
        target_grid: On the attention cells, bool ``(N, d, d)``.
        cell_valid: Cells that hold picture, not padding, bool ``(B, d, d)``.
        drawn: Whether a target's mask is known, bool ``(N,)``.
    """

    image: Tensor
    tower_image: Tensor
    token_ids: Tensor
    segment: Tensor
    role: Tensor
    next_ids: Tensor
    target_image: Tensor
    target_group: Tensor
    seg_positions: Tensor
    target_masks: Tensor
    target_grid: Tensor
    cell_valid: Tensor
    drawn: Tensor

    def to(self, device: torch.device) -> Batch:
        """Move all tensors."""
        return replace(self, **{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def encode_pictures(
    image: NDArray[np.uint8], geometry: Geometry
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Make the two squares, ``(S, S, 3)`` and ``(s, s, 3)``, of a picture."""
    height, width = image.shape[:2]
    box = letterbox(height, width, geometry.side, geometry.pad)
    square = box.picture(image, geometry.pad_value)
    if not geometry.tower_side:
        return square, np.zeros((0, 0, 3), np.uint8)
    if geometry.tower_fit == "squash":
        return square, squash(image, geometry.tower_side)
    return square, squash(padded_square(image, TOWER_GREY), geometry.tower_side)


def encode_sample(example: Example, prompter: Prompter, geometry: Geometry) -> Batch:
    """Encode one example as a batch of one image.

    For `instruction_as_query` all targets of an answer are one: their union.
    """
    if prompter.pools_description:
        merged = tuple(_one_target(exchange) for exchange in example.exchanges)
        example = replace(example, exchanges=merged)
    square, tower = encode_pictures(example.image, geometry)
    height, width = example.image.shape[:2]
    ground = example.gsd_m * max(height, width) if example.gsd_m else None
    text = _encode_text(example.exchanges, prompter, ground)
    masks, grids, known = _encode_masks(example, geometry)
    k = prompter.queries_per_target
    return Batch(
        image=to_tensor(square)[None],
        tower_image=to_tensor(tower)[None],
        token_ids=torch.tensor([text["ids"]]),
        segment=torch.tensor([text["segment"]]),
        role=torch.tensor([text["role"]]),
        next_ids=torch.tensor([text["next"]]),
        target_image=torch.zeros(len(masks), dtype=torch.int64),
        target_group=torch.tensor(text["group"], dtype=torch.int64),
        seg_positions=torch.tensor(text["seg"], dtype=torch.int64).view(-1, k),
        target_masks=_stack(masks, geometry.side),
        target_grid=_stack(grids, geometry.cells),
        cell_valid=torch.from_numpy(_grid(np.ones((height, width), bool), geometry))[None],
        drawn=torch.tensor(known, dtype=torch.bool),
    )


def stack(samples: Sequence[Batch]) -> Batch:
    """Join batches of one image each; short texts are padded on the right."""
    longest = max(sample.token_ids.shape[1] for sample in samples)
    padded = {
        name: torch.cat([_pad(getattr(sample, name), longest, fill) for sample in samples])
        for name, fill in (
            ("token_ids", 0),
            ("segment", -1),
            ("role", int(Role.PADDING)),
            ("next_ids", -100),
        )
    }
    joined = {
        name: torch.cat([getattr(sample, name) for sample in samples])
        for name in (
            "image",
            "tower_image",
            "seg_positions",
            "target_masks",
            "target_grid",
            "cell_valid",
            "drawn",
        )
    }
    groups, images, offset = [], [], 0
    for index, sample in enumerate(samples):
        groups.append(sample.target_group + offset)
        images.append(torch.full_like(sample.target_image, index))
        offset += int(sample.segment.max()) + 1
    return Batch(**padded, **joined, target_group=torch.cat(groups), target_image=torch.cat(images))


def _encode_text(
    exchanges: Sequence[Exchange], prompter: Prompter, ground_width_m: float | None
) -> dict[str, list[int]]:
    before = prompter.before_ids
    ids = [*before, *[0] * prompter.image_tokens]
    segment = [0] * len(ids)
    role = [int(Role.PREFIX)] * len(ids)
    following = [-100] * len(ids)
    group: list[int] = []
    seg: list[int] = []
    first, every = prompter.seg_ids[0], set(prompter.seg_ids)
    for number, exchange in enumerate(exchanges, start=1):
        question = prompter.question_ids(exchange.instruction, ground_width_m)
        described = prompter.description_places(exchange.instruction, ground_width_m)
        answer = prompter.answer_ids(exchange.answer)
        start = len(ids) + len(question)
        proposals = prompter.proposals
        ids += question + answer + [0] * proposals
        segment += [number] * (len(question) + len(answer) + proposals)
        role += [
            int(Role.DESCRIPTION if place in described else Role.QUESTION)
            for place in range(len(question))
        ]
        role += [int(Role.ANSWER)] * len(answer) + [int(Role.PROPOSAL)] * proposals
        # The last question token predicts the first answer token, the last one nothing.
        following += [-100] * (len(question) - 1) + answer + [-100] * (1 + proposals)
        if prompter.pools_description:
            seg += [start - len(question) + described[-1] for token in answer if token == first]
        else:
            seg += [start + place for place, token in enumerate(answer) if token in every]
        group += [number - 1 for token in answer if token == first]
    return {
        "ids": ids,
        "segment": segment,
        "role": role,
        "next": following,
        "group": group,
        "seg": seg,
    }


def _one_target(exchange: Exchange) -> Exchange:
    """Make one target of all those of an answer, its mask the union of theirs."""
    masks = exchange.masks
    if masks is not None and len(masks) == exchange.answer.count("[SEG]") > 1:
        masks = (np.logical_or.reduce(masks),)
    return replace(exchange, answer=merge_targets(exchange.answer), masks=masks)


def _encode_masks(
    example: Example, geometry: Geometry
) -> tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]], list[bool]]:
    height, width = example.image.shape[:2]
    box = letterbox(height, width, geometry.side, geometry.pad)
    masks: list[NDArray[np.bool_]] = []
    grids: list[NDArray[np.bool_]] = []
    known: list[bool] = []
    for exchange in example.exchanges:
        count = exchange.answer.count("[SEG]")
        if exchange.masks is None:
            masks += [np.zeros((geometry.side, geometry.side), bool)] * count
            grids += [np.zeros((geometry.cells, geometry.cells), bool)] * count
            known += [False] * count
            continue
        if len(exchange.masks) != count:
            raise DataError(f"{count} [SEG] but {len(exchange.masks)} masks: {exchange.answer}")
        for mask in exchange.masks:
            masks.append(box.mask(mask))
            grids.append(_grid(mask, geometry))
            known.append(True)
    return masks, grids, known


def _grid(mask: NDArray[np.bool_], geometry: Geometry) -> NDArray[np.bool_]:
    """Put a mask ``(H, W)`` on the attention cells, in the geometry that the encoder saw."""
    height, width = mask.shape
    if not geometry.tower_side:
        seen = letterbox(height, width, geometry.side, geometry.pad).any_pixel(mask)
    elif geometry.tower_fit == "squash":
        seen = any_pixel_resize(mask, geometry.tower_side, geometry.tower_side)
    else:
        seen = letterbox(height, width, geometry.tower_side, "centre").any_pixel(mask)
    return any_overlap_grid(seen, geometry.cells, geometry.cell_px)


def _stack(masks: Sequence[NDArray[np.bool_]], side: int) -> Tensor:
    if not masks:
        return torch.zeros(0, side, side, dtype=torch.bool)
    return torch.from_numpy(np.stack(masks))


def _pad(tensor: Tensor, length: int, fill: int) -> Tensor:
    return torch.nn.functional.pad(tensor, (0, length - tensor.shape[1]), value=fill)
