"""Mask2Former's query decoder, fed with `[SEG]` queries instead of learnt ones.

Each layer lets a query look at the cells that its last mask covers (masked attention),
then at the other queries of its group, then through a feed-forward step; the mask is
predicted before the first layer and after every one (deep supervision). Query content is
the projected `[SEG]` state, query position is zero, as in the authors' code. There is no
class head. Parameter names are those of the authors' code family ("predictor").

Axes
    B  images    Q  queries of an image, padded    C  width    A  heads
    V  cells of a memory map
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segearth.model.masked_attention import attend, attention_region, covered, project, shrink
from segearth.model.positions import sine_positions


@dataclass(frozen=True)
class QueryMasks:
    """What the decoder predicts.

    Attributes:
        logits: One ``(B, Q, H, W)`` per prediction: before layer 1, then after each layer;
            from `QueryDecoder.last` the last one alone.
        states: Normalised query states after the last layer, ``(B, Q, C)``.
    """

    logits: list[Tensor]
    states: Tensor


@dataclass(frozen=True)
class SeenMemory:
    """Memory maps as the layers look at them; depends on the image alone.

    Attributes:
        keys: One ``(B, A, V, C / A)`` per layer: the projected cells of the layer's map.
        values: The same of the values.
        features: The mask features at the size of each memory map, ``(B, C, h, w)``.
    """

    keys: list[Tensor]
    values: list[Tensor]
    features: list[Tensor]


class CrossAttentionLayer(nn.Module):
    """A query looks at the allowed cells of one memory map."""

    def __init__(self, width: int, heads: int) -> None:
        """Make a post-norm attention step."""
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, allowed: Tensor) -> Tensor:
        """Attend from ``(B, Q, C)`` to projected cells where `allowed` ``(B, Q, V)`` is true."""
        seen = attend(self.multihead_attn, queries, keys, values, allowed)
        result: Tensor = self.norm(queries + seen)
        return result

    def project(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Project cells ``(B, V, C)``; see `project`."""
        return project(self.multihead_attn, keys, 1), project(self.multihead_attn, values, 2)


class SelfAttentionLayer(nn.Module):
    """Queries of one group look at one another."""

    def __init__(self, width: int, heads: int) -> None:
        """Make a post-norm attention step."""
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor, allowed: Tensor) -> Tensor:
        """Attend within ``(B, Q, C)`` where `allowed` ``(B, Q, Q)`` is true."""
        keys, values = (project(self.self_attn, queries, place) for place in (1, 2))
        seen = attend(self.self_attn, queries, keys, values, allowed)
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
        self.heads, self.levels, self.width = heads, levels, width
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
        """Predict the queries' masks, before the first layer and after every one (training).

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
        seen = self.see(memory)
        logits = [self._masks(queries, mask_features)]
        for index in range(len(self.transformer_cross_attention_layers)):
            allowed = attention_region(logits[-1], memory[index % self.levels].shape[-2:])
            queries = self._refine(index, queries, groups, seen, allowed)
            logits.append(self._masks(queries, mask_features))
        return QueryMasks(logits=logits, states=self.decoder_norm(queries))

    def last(
        self, queries: Tensor, groups: Tensor, seen: SeenMemory, mask_features: Tensor
    ) -> QueryMasks:
        """Predict the masks after the last layer only: all that an answer needs.

        The masks in between only say where a layer may look, at the size of its memory map.
        Shrinking is linear, so it is done once to the features in place of every mask: the
        same regions but for rounding, at 1/64 to 1/4 of the mask products.

        Args:
            queries: Projected `[SEG]` states, ``(B, Q, C)``.
            groups: As for `forward`.
            seen: From `see`, with features.
            mask_features: ``(B, C, H, W)``.
        """
        for index in range(len(self.transformer_cross_attention_layers)):
            small = self._masks(queries, seen.features[index % self.levels])
            queries = self._refine(index, queries, groups, seen, covered(small))
        logits = [self._masks(queries, mask_features)]
        return QueryMasks(logits=logits, states=self.decoder_norm(queries))

    def see(self, memory: Sequence[Tensor], mask_features: Tensor | None = None) -> SeenMemory:
        """Project the memory maps for every layer: once an image, whatever is asked of it.

        Args:
            memory: Memory maps ``(B, C, h, w)``, coarsest first.
            mask_features: ``(B, C, H, W)``; shrunk for `last`, which alone needs them.
        """
        keys, values = self._memory(memory)
        layers = cast(Iterable[CrossAttentionLayer], self.transformer_cross_attention_layers)
        projected = [
            layer.project(keys[index % self.levels], values[index % self.levels])
            for index, layer in enumerate(layers)
        ]
        features = []
        if mask_features is not None:
            features = [shrink(mask_features, fmap.shape[-2:]) for fmap in memory]
        return SeenMemory(
            keys=[key for key, _ in projected],
            values=[value for _, value in projected],
            features=features,
        )

    def _refine(
        self, index: int, queries: Tensor, groups: Tensor, seen: SeenMemory, allowed: Tensor
    ) -> Tensor:
        """Run layer `index`."""
        same_group = groups[:, :, None] == groups[:, None, :]
        cross: nn.Module = self.transformer_cross_attention_layers[index]
        among: nn.Module = self.transformer_self_attention_layers[index]
        feed_forward: nn.Module = self.transformer_ffn_layers[index]
        queries = cross(queries, seen.keys[index], seen.values[index], allowed)
        refined: Tensor = feed_forward(among(queries, same_group))
        return refined

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
