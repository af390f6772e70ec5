"""Read the attention that `[SEG]` pays to the image, without slow attention for the rest.

The spatial term (paper, Sec. 4.1) needs one row per `[SEG]` of every head's attention map.
Asking transformers for all maps would switch the whole model to eager attention and keep
``layers x heads x T x T`` numbers. Instead a registered attention function runs the fused
kernel as usual and computes only the wanted rows besides: queries and keys arrive after
rotary positions, so a row is one softmax of ``q K^T``. Rows carry gradients.

Axes
    N  rows wanted    A  heads    T  tokens    P  image tokens    d  width of a head
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "segearth_sdpa"


@dataclass
class RowCapture:
    """Which rows to keep, and the rows kept.

    Attributes:
        batch: Sequence of each row, int64, ``(N,)``.
        position: Token of each row, int64, ``(N,)``.
        image: First and one-past-last image token; the softmax runs over all tokens that the
            row may see, and this part of it is kept.
        rows: float32 ``(N, A, P)`` by layer. A layer that runs again in the backward pass
            (gradient checkpointing) replaces its entry, after the loss has used the first.
    """

    batch: Tensor
    position: Tensor
    image: tuple[int, int]
    rows: dict[int, Tensor] = field(default_factory=dict)

    def stack(self) -> Tensor:
        """Return all layers, ``(N, M, A, P)``."""
        return torch.stack([self.rows[layer] for layer in sorted(self.rows)], dim=1)


def attention_with_rows(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    seg_rows: RowCapture | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Run fused attention; keep the rows that `seg_rows` asks for.

    Args:
        module: The attention layer; its ``layer_idx`` names the row.
        query: ``(B, A, T, d)``.
        key: ``(B, A', T, d)``, fewer heads where keys are shared.
        value: Like `key`.
        attention_mask: bool (true = may see) or additive float, ``(B, 1, T, T)``, or None
            for a causal model.
        scaling: Factor on the scores; ``d ** -0.5`` when None.
        dropout: Of the fused attention; rows are taken before dropout.
        seg_rows: Where the rows go; None keeps none.
        kwargs: Passed to the fused attention.

    Returns:
        Attention output ``(B, T, A, d)`` and None, as transformers expects.
    """
    output, _ = sdpa_attention_forward(
        module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **kwargs
    )
    if seg_rows is not None and len(seg_rows.batch):
        seg_rows.rows[int(module.layer_idx)] = _rows(  # type: ignore[arg-type]
            query, key, attention_mask, scaling, seg_rows
        )
    return output, None


def _rows(
    query: Tensor, key: Tensor, mask: Tensor | None, scaling: float | None, wanted: RowCapture
) -> Tensor:
    width = query.shape[3]
    with torch.autocast(query.device.type, enabled=False):  # L_S is of float32
        scores = _scores(query, key.float(), wanted)
    scores = scores * (width**-0.5 if scaling is None else scaling)
    if mask is None:
        tokens = torch.arange(key.shape[2], device=key.device)
        visible = (tokens <= wanted.position[:, None])[:, None]
    else:
        visible = mask.expand(query.shape[0], -1, -1, -1)[wanted.batch, :, wanted.position]
        visible = visible[..., : key.shape[2]]
    if visible.dtype == torch.bool:
        scores = scores.masked_fill(~visible, float("-inf"))
    else:
        scores = scores + visible.float()
    start, stop = wanted.image
    return scores.softmax(dim=-1)[..., start:stop]


def _scores(query: Tensor, key: Tensor, wanted: RowCapture) -> Tensor:
    """Multiply the wanted queries with the keys of their sequence, ``(N, A, T)``.

    The queries of a sequence are laid side by side, padded: copying the keys for every
    query instead made this the dearest part of the layer.
    """
    slot, most = _slots(wanted.batch)
    laid = key.new_zeros(query.shape[0], most, query.shape[1], query.shape[3])
    laid = laid.index_put((wanted.batch, slot), query[wanted.batch, :, wanted.position].float())
    keys = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
    scores = laid.transpose(1, 2) @ keys.transpose(2, 3)  # (B, A, most, T)
    return scores[wanted.batch, :, slot]


def _slots(batch: Tensor) -> tuple[Tensor, int]:
    """Number the rows of each sequence from 0; also the longest count."""
    same = batch[:, None] == batch[None, :]
    slot = (same & torch.ones_like(same).tril(-1)).sum(dim=1)
    return slot, int(slot.max()) + 1


AttentionInterface.register(NAME, attention_with_rows)
AttentionMaskInterface.register(NAME, sdpa_mask)
