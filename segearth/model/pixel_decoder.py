"""Mask2Former's pixel decoder: four maps in, one fine and three coarse maps out.

A deformable-attention encoder mixes the three coarse maps; the fine map is one lateral
step of a feature pyramid on top (Cheng et al., CVPR 2022; the paper, Sec. 4.2, adopts it
unchanged). Parameter names are those of the authors' code family, so that weights of
either origin load by name.

Axes
    B  images    C  width    S  side of the input picture
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segearth.model.deformable import DeformableAttention
from segearth.model.positions import sine_positions


class EncoderLayer(nn.Module):
    """Deformable self-attention and a feed-forward step, each followed by LayerNorm."""

    def __init__(self, width: int, levels: int, heads: int, points: int, ffn: int) -> None:
        """See `DeformableAttention`; `ffn` is the hidden width of the feed-forward step."""
        super().__init__()
        self.self_attn = DeformableAttention(width, levels, heads, points)
        self.norm1 = nn.LayerNorm(width)
        self.linear1 = nn.Linear(width, ffn)
        self.linear2 = nn.Linear(ffn, width)
        self.norm2 = nn.LayerNorm(width)

    def forward(
        self,
        cells: Tensor,
        positions: Tensor,
        references: Tensor,
        shapes: Sequence[tuple[int, int]],
    ) -> Tensor:
        """Mix cells ``(B, V, C)``; returns the same shape."""
        mixed = self.self_attn(cells + positions, references, cells, shapes)
        cells = self.norm1(cells + mixed)
        mixed = self.linear2(F.relu(self.linear1(cells)))
        result: Tensor = self.norm2(cells + mixed)
        return result


class Encoder(nn.Module):
    """The stack of layers; a module of its own for the sake of its parameter names."""

    def __init__(self, layers: Sequence[EncoderLayer]) -> None:
        """Hold the layers."""
        super().__init__()
        self.layers = nn.ModuleList(layers)


class DeformableEncoder(nn.Module):
    """Level embedding and encoder over the joined cells of all maps."""

    def __init__(
        self, width: int, levels: int, heads: int, points: int, ffn: int, layers: int
    ) -> None:
        """Make `layers` encoder layers."""
        super().__init__()
        self.level_embed = nn.Parameter(torch.randn(levels, width))
        self.encoder = Encoder(
            [EncoderLayer(width, levels, heads, points, ffn) for _ in range(layers)]
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Mix maps ``(B, C, h, w)`` with one another; returns the same shapes."""
        shapes = [(fmap.shape[2], fmap.shape[3]) for fmap in maps]
        device = maps[0].device
        cells = torch.cat([fmap.flatten(2).transpose(1, 2) for fmap in maps], dim=1)
        positions = torch.cat(
            [
                sine_positions(*shape, cells.shape[2], device=device).flatten(1).t()
                + self.level_embed[level]
                for level, shape in enumerate(shapes)
            ]
        )
        references = torch.cat([_cell_centres(*shape, device=device) for shape in shapes])
        positions = positions.to(cells.dtype)
        for layer in self.encoder.layers:
            cells = layer(cells, positions, references, shapes)
        parts = cells.split([rows * columns for rows, columns in shapes], dim=1)
        return [
            part.transpose(1, 2).reshape(part.shape[0], -1, *shape)
            for part, shape in zip(parts, shapes, strict=True)
        ]


class PixelDecoder(nn.Module):
    """Four maps of the mask encoder to mask features and three memory maps."""

    def __init__(
        self,
        channels: Sequence[int],
        *,
        width: int = 256,
        heads: int = 8,
        points: int = 4,
        layers: int = 6,
        ffn: int = 1024,
        extra_lateral_relu: bool = False,
    ) -> None:
        """Make the decoder.

        Args:
            channels: Of the four maps, finest (stride 4) first.
            width: C of everything inside, also of the mask features.
            heads: Attention heads.
            points: Sampled points a head and map.
            layers: Encoder layers.
            ffn: Hidden width of the feed-forward step.
            extra_lateral_relu: The paper's code family has convolution biases and a ReLU
                after the lateral norm; official Mask2Former has neither.
        """
        super().__init__()
        finest, *coarse = channels
        self.input_proj = nn.ModuleList(
            nn.Sequential(nn.Conv2d(count, width, 1), nn.GroupNorm(32, width))
            for count in reversed(coarse)
        )
        self.transformer = DeformableEncoder(width, len(coarse), heads, points, ffn, layers)
        bias = extra_lateral_relu
        lateral: list[nn.Module] = [
            nn.Conv2d(finest, width, 1, bias=bias),
            nn.GroupNorm(32, width),
        ]
        if extra_lateral_relu:
            lateral.append(nn.ReLU())
        self.adapter_1 = nn.Sequential(*lateral)
        self.layer_1 = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=bias), nn.GroupNorm(32, width), nn.ReLU()
        )
        self.mask_features = nn.Conv2d(width, width, 1)
        self._start()

    def _start(self) -> None:
        for projection in self.input_proj:
            nn.init.xavier_uniform_(projection[0].weight)  # type: ignore[index]
            nn.init.zeros_(projection[0].bias)  # type: ignore[index]

    def forward(self, pyramid: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Fuse the maps.

        Args:
            pyramid: ``(B, C_i, S/4 … S/32, …)``, finest first.

        Returns:
            Mask features ``(B, C, S/4, S/4)`` and memory maps ``(B, C, …)`` at S/32, S/16
            and S/8, coarsest first.
        """
        finest, *coarse = pyramid
        maps = [
            projection(fmap)
            for projection, fmap in zip(self.input_proj, reversed(coarse), strict=True)
        ]
        memory = self.transformer(maps)
        lateral = self.adapter_1(finest)
        top = F.interpolate(
            memory[-1], size=lateral.shape[-2:], mode="bilinear", align_corners=False
        )
        fine = self.layer_1(lateral + top.to(lateral.dtype))
        return self.mask_features(fine), memory


def _cell_centres(rows: int, columns: int, *, device: torch.device) -> Tensor:
    """Centres of the cells of a grid, x and y from 0 to 1, ``(rows * columns, 2)``."""
    y = (torch.arange(rows, device=device, dtype=torch.float32) + 0.5) / rows
    x = (torch.arange(columns, device=device, dtype=torch.float32) + 0.5) / columns
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([grid_x, grid_y], dim=-1).flatten(0, 1)
