"""`seg_token`: every `[SEG]` of the answer is a query (paper, Sec. 4.2).

The answer says how many targets there are; with k > 1 each has k queries of its own.
"""

from __future__ import annotations

from torch import Tensor, nn

from segearth.data.samples import Batch
from segearth.model.mechanisms.asked import Asked


class SegToken(nn.Module):
    """The paper's mechanism; it has no weights beside the projection of the queries."""

    def __init__(self, language_width: int) -> None:
        """Queries are projected from D."""
        super().__init__()
        self.query_width = language_width

    def ask(self, hidden: Tensor, batch: Batch) -> Asked:
        """Read the states at the `[SEG]` tokens.

        Args:
            hidden: ``(B, T, D)``.
            batch: Says where they stand.
        """
        return Asked(
            states=hidden[batch.target_image[:, None], batch.seg_positions],
            image=batch.target_image,
            group=batch.target_group,
        )

    def ground(self, states: Tensor, image_map: Tensor, image: Tensor) -> Tensor:
        """Leave the states as they are, ``(G, k, D)``."""
        return states
