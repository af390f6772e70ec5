"""Several questions of one image in one sequence, and who may see whom.

A sequence is ``prefix (with the image) | question 1, answer 1 | question 2, answer 2 …``.
Every question sees the prefix and itself, nothing of the others, and counts its positions
from the end of the prefix: it computes exactly what it would compute alone, while the
image's part is computed once. The same layout serves the key-value cache: the prefix is
cached once, each question runs on a copy.

Axes
    B  sequences    T  tokens
"""

from __future__ import annotations

from enum import IntEnum

import torch
from torch import Tensor


class Role(IntEnum):
    """What a token is part of; values are ordered as they follow in a sequence."""

    PADDING = 0
    PREFIX = 1
    QUESTION = 2
    DESCRIPTION = 3
    """The words of the instruction, where the query is pooled from them; else QUESTION."""
    ANSWER = 4
    PROPOSAL = 5
    """A learnt query token behind an answer."""


def visibility(segment: Tensor, role: Tensor, *, bidirectional_prompt: bool) -> Tensor:
    """Build the attention mask of packed sequences.

    Args:
        segment: 0 for the prefix, 1, 2, … for the questions, int64, ``(B, T)``.
        role: `Role` of each token, int64, ``(B, T)``.
        bidirectional_prompt: Prefix tokens see one another in both directions, and question
            tokens see their question in both directions; answers and proposals stay causal.

    Returns:
        bool, ``(B, 1, T, T)``, true where the row's token may see the column's. Padding sees
        itself only, so that its softmax stays finite.
    """
    tokens = torch.arange(segment.shape[1], device=segment.device)
    earlier = tokens[None, :] <= tokens[:, None]  # (T, T)
    related = (segment[:, None, :] == 0) | (segment[:, None, :] == segment[:, :, None])
    allowed = related & earlier
    if bidirectional_prompt:
        allowed = allowed | (related & (role[:, None, :] < Role.ANSWER))
    real = role > Role.PADDING
    allowed = allowed & real[:, None, :] & real[:, :, None]
    allowed = allowed | torch.eye(len(tokens), dtype=torch.bool, device=segment.device)
    return allowed[:, None]
