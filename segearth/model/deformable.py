"""Multi-scale deformable attention in plain PyTorch (Zhu et al., ICLR 2021).

Every query looks at a few learnt places of every map instead of at all cells. The places
are read with `grid_sample`, so no compiled operator is needed.

Axes
    B  images    L  maps    P  points    A  heads    C  channels
    Q  queries, one per cell of all maps    V  cells of all maps (equal to Q in the encoder)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DeformableAttention(nn.Module):
    """Attention over a few sampled points of every map."""

    def __init__(self, width: int, levels: int, heads: int, points: int) -> None:
        """Make the four projections; key names are those of the Deformable-DETR family.

        Args:
            width: C.
            levels: L, number of maps.
            heads: A.
            points: P, sampled points a head and map.
        """
        super().__init__()
        self.levels, self.heads, self.points = levels, heads, points
        self.sampling_offsets = nn.Linear(width, heads * levels * points * 2)
        self.attention_weights = nn.Linear(width, heads * levels * points)
        self.value_proj = nn.Linear(width, width)
        self.output_proj = nn.Linear(width, width)
        self._start()

    def _start(self) -> None:
        """Start with heads that look in different directions, points ever further out."""
        angles = torch.arange(self.heads) * (2 * math.pi / self.heads)
        rays = torch.stack([angles.cos(), angles.sin()], dim=-1)
        rays = rays / rays.abs().amax(dim=-1, keepdim=True)
        reach = torch.arange(1, self.points + 1).view(1, 1, -1, 1)
        offsets = rays.view(self.heads, 1, 1, 2).expand(-1, self.levels, self.points, -1) * reach
        nn.init.zeros_(self.sampling_offsets.weight)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(offsets.reshape(-1))
        nn.init.zeros_(self.attention_weights.weight)
        nn.init.zeros_(self.attention_weights.bias)
        for projection in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)

    def forward(
        self, query: Tensor, references: Tensor, values: Tensor, shapes: Sequence[tuple[int, int]]
    ) -> Tensor:
        """Gather from the maps.

        Args:
            query: ``(B, Q, C)``, positions added.
            references: Where each query stands, x and y from 0 to 1, ``(Q, 2)``.
            values: The maps, flattened and joined, ``(B, V, C)``.
            shapes: Height and width of each map, L pairs.

        Returns:
            ``(B, Q, C)``.
        """
        batch, count, width = query.shape
        head_width = width // self.heads
        maps = self.value_proj(values).view(batch, -1, self.heads, head_width)
        offsets = self.sampling_offsets(query).float()
        offsets = offsets.view(batch, count, self.heads, self.levels, self.points, 2)
        weights = self.attention_weights(query).float()
        weights = weights.view(batch, count, self.heads, -1).softmax(dim=-1)
        weights = weights.view(batch, count, self.heads, self.levels, self.points)

        gathered = query.new_zeros(batch * self.heads, head_width, count, dtype=torch.float32)
        start = 0
        for level, (rows, columns) in enumerate(shapes):
            cells = maps[:, start : start + rows * columns]  # (B, rows * columns, A, c)
            start += rows * columns
            picture = cells.permute(0, 2, 3, 1).reshape(-1, head_width, rows, columns).float()
            size = query.new_tensor([columns, rows], dtype=torch.float32)
            places = references[None, :, None, None] + offsets[:, :, :, level] / size
            grid = (2 * places - 1).transpose(1, 2).flatten(0, 1)  # (B * A, Q, P, 2)
            sampled = F.grid_sample(picture, grid, align_corners=False)  # (B * A, c, Q, P)
            share = weights[:, :, :, level].transpose(1, 2).reshape(-1, 1, count, self.points)
            gathered = gathered + (sampled * share).sum(dim=-1)
        gathered = gathered.view(batch, width, count).transpose(1, 2)
        mixed: Tensor = self.output_proj(gathered.to(query.dtype))
        return mixed
