"""Mask2Former's query decoder, fed with `[SEG]` queries instead of learnt ones.

Each layer lets a query look at the cells that its last mask covers (masked attention),
then at the other queries of its group, then through a feed-forward step; the mask is
predicted before the first layer and after every one (deep supervision). Query content is
the projected `[SEG]` state, query position is zero, as in the authors' code. There is no
class head. Parameter names are those of the authors' code family ("predictor").

Axes
    B  images    Q  queries of an image, padded    C  width    A  heads
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segearth.model.positions import sine_positions


@dataclass(frozen=True)
class QueryMasks:
    """What the decoder predicts.

    Attributes:
        logits: One ``(B, Q, H, W)`` per prediction: before layer 1, then after each layer.
        states: Normalised query states after the last layer, ``(B, Q, C)``.
    """

    logits: list[Tensor]
    states: Tensor


class CrossAttentionLayer(nn.Module):
    """A query looks at the allowed cells of one memory map."""

    def __init__(self, width: int, heads: int) -> None:
        """Make a post-norm attention step."""
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, allowed: Tensor) -> Tensor:
        """Attend from ``(B, Q, C)`` to ``(B, V, C)`` where `allowed` ``(B, Q, V)`` is true."""
        seen = attend(self.multihead_attn, queries, keys, values, allowed)
        result: Tensor = self.norm(queries + seen)
        return result


class SelfAttentionLayer(nn.Module):
    """Queries of one group look at one another."""

    def __init__(self, width: int, heads: int) -> None:
        """Make a post-norm attention step."""
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor, allowed: Tensor) -> Tensor:
        """Attend within ``(B, Q, C)`` where `allowed` ``(B, Q, Q)`` is true."""
        seen = attend(self.self_attn, queries, queries, queries, allowed)
        result: Tensor = self.norm(queries + seen)
        return result


class FeedForwardLayer(nn.Module):
    """Two linear steps with ReLU, post-norm."""

    def __init__(self, width: int, ffn: int) -> None:
        """`ffn` is the hidden width."""
        super().__init__()
        self.linear1 = nn.Linear(width, ffn)
        self.linear2 = nn.Linear(ffn, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor) -> Tensor:
        """Transform ``(B, Q, C)``."""
        result: Tensor = self.norm(queries + self.linear2(F.relu(self.linear1(queries))))
        return result


class MaskEmbedding(nn.Module):
    """Three linear steps from a query state to the vector that is held against the pixels."""

    def __init__(self, width: int) -> None:
        """All steps have the same width."""
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(3))

    def forward(self, states: Tensor) -> Tensor:
        """Transform ``(B, Q, C)``."""
        first, second, third = self.layers
        result: Tensor = third(F.relu(second(F.relu(first(states)))))
        return result


class QueryDecoder(nn.Module):
    """Masks of queries, refined layer by layer."""

    def __init__(
        self, *, width: int = 256, heads: int = 8, layers: int = 9, ffn: int = 2048, levels: int = 3
    ) -> None:
        """Make the decoder.

        Args:
            width: C, that of the pixel decoder.
            heads: Attention heads.
            layers: Number of layers; layer i looks at memory map i modulo `levels`.
            ffn: Hidden width of the feed-forward steps.
            levels: Memory maps.
        """
        super().__init__()
        self.heads, self.levels = heads, levels
        self.level_embed = nn.Embedding(levels, width)
        self.transformer_cross_attention_layers = nn.ModuleList(
            CrossAttentionLayer(width, heads) for _ in range(layers)
        )
        self.transformer_self_attention_layers = nn.ModuleList(
            SelfAttentionLayer(width, heads) for _ in range(layers)
        )
        self.transformer_ffn_layers = nn.ModuleList(
            FeedForwardLayer(width, ffn) for _ in range(layers)
        )
        self.decoder_norm = nn.LayerNorm(width)
        self.mask_embed = MaskEmbedding(width)

    def forward(
        self,
        queries: Tensor,
        groups: Tensor,
        memory: Sequence[Tensor],
        mask_features: Tensor,
    ) -> QueryMasks:
        """Predict the queries' masks.

        Args:
            queries: Projected `[SEG]` states, ``(B, Q, C)``.
            groups: Which answer a query belongs to, int64, ``(B, Q)``; queries see each
                other within an answer only, so that a question's masks do not depend on
                what else is asked. Padding has a number of its own, such as -1.
            memory: Memory maps ``(B, C, h, w)``, coarsest first.
            mask_features: ``(B, C, H, W)``.

        Returns:
            See `QueryMasks`.
        """
        same_group = groups[:, :, None] == groups[:, None, :]
        keys, values = self._memory(memory)
        shapes = [fmap.shape[-2:] for fmap in memory]
        logits = [self._masks(queries, mask_features)]
        layers = zip(
            self.transformer_cross_attention_layers,
            self.transformer_self_attention_layers,
            self.transformer_ffn_layers,
            strict=True,
        )
        for index, (cross, self_attention, feed_forward) in enumerate(layers):
            level = index % self.levels
            allowed = attention_region(logits[-1], shapes[level])
            queries = cross(queries, keys[level], values[level], allowed)
            queries = self_attention(queries, same_group)
            queries = feed_forward(queries)
            logits.append(self._masks(queries, mask_features))
        return QueryMasks(logits=logits, states=self.decoder_norm(queries))

    def _memory(self, memory: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Flatten the maps; the level counts in keys and values, the position in keys only."""
        keys, values = [], []
        for level, fmap in enumerate(memory):
            value = fmap.flatten(2).transpose(1, 2) + self.level_embed.weight[level]
            width, rows, columns = fmap.shape[1:]
            place = sine_positions(rows, columns, width, device=fmap.device)
            values.append(value)
            keys.append(value + place.flatten(1).t().to(value.dtype))
        return keys, values

    def _masks(self, queries: Tensor, mask_features: Tensor) -> Tensor:
        vectors = self.mask_embed(self.decoder_norm(queries))
        return torch.einsum("bqc,bchw->bqhw", vectors, mask_features.to(vectors.dtype))


def attention_region(logits: Tensor, shape: Sequence[int]) -> Tensor:
    """Where a query may look next: the cells that its present mask covers.

    Args:
        logits: ``(B, Q, H, W)``.
        shape: Rows and columns of the memory map.

    Returns:
        bool, ``(B, Q, rows * columns)``; all true for a query whose mask covers no cell.
    """
    with torch.no_grad():
        small = F.interpolate(
            logits.float(), size=tuple(shape), mode="bilinear", align_corners=False
        )
        allowed = small.flatten(2) >= 0  # sigmoid at least one half
        return allowed | ~allowed.any(dim=-1, keepdim=True)


def attend(
    attention: nn.MultiheadAttention, queries: Tensor, keys: Tensor, values: Tensor, allowed: Tensor
) -> Tensor:
    """Multi-head attention with torch's parameters and the fused kernel.

    Args:
        attention: Holds ``in_proj_weight`` (q, k, v stacked), biases and ``out_proj``.
        queries: ``(B, Q, C)``.
        keys: ``(B, V, C)``.
        values: ``(B, V, C)``.
        allowed: bool, ``(B, Q, V)``, the same for all heads.

    Returns:
        ``(B, Q, C)``.
    """
    weights = attention.in_proj_weight.chunk(3)
    biases = attention.in_proj_bias.chunk(3)
    heads = attention.num_heads
    q, k, v = (
        F.linear(part, weight, bias).unflatten(-1, (heads, -1)).transpose(1, 2)
        for part, weight, bias in zip((queries, keys, values), weights, biases, strict=True)
    )
    seen = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed[:, None])
    result: Tensor = attention.out_proj(seen.transpose(1, 2).flatten(2))
    return result
