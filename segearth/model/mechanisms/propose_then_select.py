"""`propose_then_select`: learnt query tokens propose masks, `[SEG]` selects (after InstructSeg).

Query tokens run through the language model behind the answer, so they have seen the image, the
request and what was said; each becomes a query, and all together the pool of proposals. Every
`[SEG]` of the answer scores every proposal by a product of projected states, and takes a
proposal of its own.

InstructSeg asks for one thing and keeps what passes a threshold of a binary loss; here the
answer may have several `[SEG]`, so each has scores of its own, learnt by cross-entropy over
the pool as for k > 1 (`losses.objective`). In training, proposals and targets of an answer are
matched one to one by mask alone (`matching.pooled_candidates`), as InstructSeg does.

Axes
    B  images    T  tokens    N  targets    G  answers    K  proposals of an answer
    D  width of the language model    C  width of the mask head
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from segearth.data.packing import Role
from segearth.data.samples import Batch
from segearth.model.mechanisms.asked import Asked

_SPREAD = 0.02  # standard deviation of word embeddings at their start


class ProposeThenSelect(nn.Module):
    """Learnt query tokens, and the score of a proposal for a `[SEG]`."""

    def __init__(self, proposals: int, language_width: int, width: int) -> None:
        """Make the tokens and both sides of the score.

        Args:
            proposals: K.
            language_width: D.
            width: C.
        """
        super().__init__()
        self.query_width = language_width
        self.seg_query = nn.Parameter(torch.randn(proposals, language_width) * _SPREAD)
        self.label_projector = nn.Linear(language_width, width)
        self.SEG_proj = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def insert(self, words: Tensor, role: Tensor) -> Tensor:
        """Put the query tokens into their places.

        Args:
            words: Embeddings ``(B, T, D)``.
            role: `Role` of each token, ``(B, T)``.
        """
        rows, columns = (role == Role.PROPOSAL).nonzero(as_tuple=True)  # answer by answer
        answers = len(rows) // len(self.seg_query)
        tokens = self.seg_query.repeat(answers, 1).to(words.dtype)
        return words.index_put((rows, columns), tokens)

    def ask(self, hidden: Tensor, batch: Batch) -> Asked:
        """Read the states at the query tokens, and at the `[SEG]` tokens that select.

        Args:
            hidden: ``(B, T, D)``.
            batch: Marks the query tokens; an answer without a target has some, too.
        """
        count = len(self.seg_query)
        rows, columns = (batch.role == Role.PROPOSAL).nonzero(as_tuple=True)
        states = hidden[rows, columns].unflatten(0, (-1, count))
        image, segment = rows[::count], batch.segment[rows, columns][::count]
        at = batch.seg_positions[:, 0]
        own = batch.segment[batch.target_image, at]
        same = (batch.target_image[:, None] == image) & (own[:, None] == segment)  # (N, G)
        return Asked(
            states=states,
            image=image,
            group=torch.arange(len(image), device=image.device),
            pool=same.int().argmax(dim=1),
            labels=hidden[batch.target_image, at],
        )

    def ground(self, states: Tensor, image_map: Tensor, image: Tensor) -> Tensor:
        """Leave the states as they are, ``(G, K, D)``."""
        return states

    def quality(self, decoded: Tensor, labels: Tensor) -> Tensor:
        """Score proposals for the targets.

        Args:
            decoded: Query states after the mask decoder, ``(N, K, C)``.
            labels: Hidden states at `[SEG]`, ``(N, D)``.

        Returns:
            Logits ``(N, K)``.
        """
        sought = self.label_projector(labels.to(self.label_projector.weight.dtype))
        offered = self.SEG_proj(decoded)
        product = torch.einsum("nc,nkc->nk", sought.to(offered.dtype), offered)
        return product / math.sqrt(decoded.shape[-1])
