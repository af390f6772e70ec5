"""What every mechanism hands to the mask decoder in training.

Axes
    N  targets    G  pools of candidate masks    k  candidates of a pool
    D  width of the language model
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Hidden states that become queries, and whose masks they ask for.

    Attributes:
        states: ``(G, k, D)``.
        image: Image of each pool, int64 ``(G,)``.
        group: Queries of one number see each other in the decoder, int64 ``(G,)``.
        pool: Pool of each target, int64 ``(N,)``; None where pools and targets are the same.
        labels: Hidden state at the `[SEG]` that selects from the pool, ``(N, D)``; None where
            nothing is selected by it.
    """

    states: Tensor
    image: Tensor
    group: Tensor
    pool: Tensor | None = None
    labels: Tensor | None = None
