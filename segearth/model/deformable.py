"""Multi-scale deformable attention in plain PyTorch (Zhu et al., ICLR 2021).

Every query looks at a few learnt places of every map instead of at all cells. What it reads
at a place is the weighted sum of the four cells around it. There are two ways to compute the
same sums, neither with a compiled operator of its own:

- `in_bags`: a head's answer is one weighted sum of rows of a table, an embedding bag. A cell's
  channels lie together in the table, so a CPU is twice as fast; its backward pass is slow.
- `by_sampling`: `grid_sample`, map by map. With its backward pass it is the faster one.

So answers go in bags and training samples (``tests/benchmarks/head_speed.py``).

Axes
    B  images    L  maps    P  points    A  heads    C  channels
    Q  queries, one per cell of all maps    V  cells of all maps (equal to Q in the encoder)
    R  cells of all maps with their borders
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

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
        offsets = self.sampling_offsets(query).float()
        offsets = offsets.view(batch, count, self.heads, self.levels, self.points, 2)
        weights = self.attention_weights(query).float()
        weights = weights.view(batch, count, self.heads, -1).softmax(dim=-1)

        maps = self.value_proj(values).float().view(batch, -1, self.heads, width // self.heads)
        gather = by_sampling if torch.is_grad_enabled() else in_bags
        gathered = gather(maps, shapes, references, offsets, weights)
        mixed: Tensor = self.output_proj(gathered.to(query.dtype))
        return mixed


def by_sampling(
    maps: Tensor,
    shapes: Sequence[tuple[int, int]],
    references: Tensor,
    offsets: Tensor,
    weights: Tensor,
) -> Tensor:
    """Read every map at every place with `grid_sample`, then weigh.

    Args:
        maps: Flattened and joined, float32, ``(B, V, A, C / A)``.
        shapes: Height and width of each map, L pairs.
        references: Where each query stands, x and y from 0 to 1, ``(Q, 2)``.
        offsets: From there to each place, in cells of the map, ``(B, Q, A, L, P, 2)``.
        weights: Of the places, ``(B, Q, A, L * P)``.

    Returns:
        ``(B, Q, C)``.
    """
    batch, count, heads = offsets.shape[:3]
    gathered = maps.new_zeros(batch * heads, maps.shape[3], count)
    parts = maps.split([rows * columns for rows, columns in shapes], dim=1)
    shares = weights.unflatten(3, (len(shapes), -1)).permute(0, 2, 3, 4, 1).flatten(0, 1)
    for level, (rows, columns) in enumerate(shapes):
        picture = parts[level].permute(0, 2, 3, 1).reshape(batch * heads, -1, rows, columns)
        size = maps.new_tensor([columns, rows])
        places = references[None, :, None, None] + offsets[:, :, :, level] / size
        grid = (2 * places - 1).permute(0, 2, 3, 1, 4).flatten(0, 1)  # (B * A, P, Q, 2)
        sampled = F.grid_sample(picture, grid, align_corners=False)  # (B * A, C / A, P, Q)
        gathered = gathered + (sampled * shares[:, None, level]).sum(dim=2)
    return gathered.view(batch, -1, count).transpose(1, 2)


def in_bags(
    maps: Tensor,
    shapes: Sequence[tuple[int, int]],
    references: Tensor,
    offsets: Tensor,
    weights: Tensor,
) -> Tensor:
    """Read and weigh in one step; arguments and result as of `by_sampling`."""
    batch, count, heads = offsets.shape[:3]
    table = _with_borders(maps.flatten(2), shapes)
    cells, shares = _corners(references, offsets, shapes)
    # Image b, cell r, head a is row (b * R + r) * A + a.
    image = torch.arange(batch, dtype=torch.int32, device=maps.device)
    head = torch.arange(heads, dtype=torch.int32, device=maps.device)
    rows = cells + image.view(-1, 1, 1, 1, 1) * table.shape[1]
    rows = rows * heads + head.view(-1, 1, 1)
    bags = batch * count * heads
    gathered = F.embedding_bag(
        rows.view(bags, -1),
        table.view(-1, maps.shape[3]),
        mode="sum",
        per_sample_weights=(shares * weights[..., None]).view(bags, -1),
    )
    return gathered.view(batch, count, -1)


def _with_borders(cells: Tensor, shapes: Sequence[tuple[int, int]]) -> Tensor:
    """Put zeros around each map: one cell before, two behind, where nothing is to be read.

    Args:
        cells: The maps, flattened and joined, ``(B, V, C)``.
        shapes: Height and width of each map.

    Returns:
        ``(B, R, C)``.
    """
    maps = cells.split([rows * columns for rows, columns in shapes], dim=1)
    framed = [
        F.pad(fmap.unflatten(1, shape), (0, 0, 1, 2, 1, 2)).flatten(1, 2)
        for fmap, shape in zip(maps, shapes, strict=True)
    ]
    return torch.cat(framed, dim=1)


def _corners(
    references: Tensor, offsets: Tensor, shapes: Sequence[tuple[int, int]]
) -> tuple[Tensor, Tensor]:
    """Find the four cells around each place, and the bilinear share of each.

    Args:
        references: Where each query stands, x and y from 0 to 1, ``(Q, 2)``.
        offsets: From there to each place, in cells of the map, ``(B, Q, A, L, P, 2)``.
        shapes: Height and width of each map.

    Returns:
        Cells as `_with_borders` numbers them, int32, and their shares, both
        ``(B, Q, A, L * P, 4)``: upper left, upper right, lower left, lower right.
    """
    size = references.new_tensor([[columns, rows] for rows, columns in shapes])[:, None]
    # A cell's centre has whole numbers, counted from the border in front.
    places = references[:, None, None, None] * size + offsets.nan_to_num() + 0.5
    places = torch.minimum(places.clamp(min=0), size + 1)
    whole = places.floor()
    right, down = (places - whole).flatten(3, 4).unbind(-1)

    pitch = [columns + 3 for _, columns in shapes]
    starts = [0, *accumulate((rows + 3) * (columns + 3) for rows, columns in shapes)]
    pitch_of, start_of = (
        torch.tensor(numbers, dtype=torch.int32, device=offsets.device)[:, None]
        for numbers in (pitch, starts[:-1])
    )
    column, row = whole.int().unbind(-1)
    first = row * pitch_of + column + start_of  # (B, Q, A, L, P)
    steps = torch.cat([0 * pitch_of, 0 * pitch_of + 1, pitch_of, pitch_of + 1], dim=1)
    cells = (first[..., None] + steps[:, None]).flatten(3, 4)

    both = right * down
    shares = torch.stack([1 - right - down + both, right - both, down - both, both], dim=-1)
    return cells, shares
