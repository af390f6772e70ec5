"""The picture as the language model sees it: an image tower, or maps of the mask encoder.

The paper uses SigLIP-so400m at 384 pixels and Mipha's two-layer projector (729 tokens).
Small models take the mask encoder's own coarse maps through the same projector instead, as
SegEarth-R1 does with Swin's last map.

Axes
    B  images    P  image tokens (d * d)    D  width of the language model
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import SiglipVisionModel

from segearth.config.bounds import require
from segearth.model.positions import sine_positions


def projector(channels: int, width: int) -> nn.Sequential:
    """Make Mipha's connector: linear, GELU, linear (keys `0` and `2`)."""
    return nn.Sequential(nn.Linear(channels, width), nn.GELU(), nn.Linear(width, width))


class StridedConnector(nn.Module):
    """SegEarth-R1's connector: 4 x 4 cells of a map to one token. Parameter names are R1's.

    Two 3 x 3 convolutions of stride 2, each with a norm over all channels and cells of the
    picture, then a 1 x 1 convolution; nothing that bends in between.
    """

    def __init__(self, channels: int, width: int, side: int) -> None:
        """Make the layers.

        Args:
            channels: Of the map.
            width: D.
            side: Cells along a side of the map; a multiple of 4.
        """
        super().__init__()
        self.proj1 = nn.Conv2d(channels, width, 3, 2, 1)
        self.norm1 = nn.LayerNorm([width, side // 2, side // 2])
        self.proj2 = nn.Conv2d(width, width, 3, 2, 1)
        self.norm2 = nn.LayerNorm([width, side // 4, side // 4])
        self.fc = nn.Conv2d(width, width, 1)

    def forward(self, cells: Tensor) -> Tensor:
        """Join cells ``(B, side * side, channels)``, row by row, to ``(B, P, D)``."""
        side = round(cells.shape[1] ** 0.5)
        fmap = cells.transpose(1, 2).unflatten(2, (side, side))
        fmap = self.norm1(self.proj1(fmap))
        fmap = self.norm2(self.proj2(fmap))
        tokens: Tensor = self.fc(fmap).flatten(2).transpose(1, 2)
        return tokens


class ImageTower(nn.Module):
    """SigLIP (Zhai et al., ICCV 2023), run up to the layer that is read and no further.

    What lies behind that layer (at -2: the last block, the final norm and the pooling head)
    keeps its weights, so that checkpoints have the same names, and is never computed.
    """

    def __init__(self, tower: SiglipVisionModel, layer: int) -> None:
        """Wrap a tower.

        Args:
            tower: With L blocks.
            layer: The hidden state to read, counted as transformers does: 0 is the embedded
                patches, i what block i writes, -1 what the last block writes. The paper's
                family reads -2.

        Raises:
            RecipeError: There is no such hidden state.
        """
        super().__init__()
        self.tower = tower
        self.config: Any = tower.config
        states = int(self.config.num_hidden_layers) + 1
        require(
            -states <= layer < states,
            "model.image_tokens.layer",
            f"layer is {layer}; this image tower has {states} hidden states",
            f"take {-states} to {states - 1}; the paper's family takes -2",
        )
        self.blocks = layer % states
        """How many blocks run."""

    @property
    def image_size(self) -> int:
        """Side of the square that the tower sees, pixels."""
        return int(self.config.image_size)

    @property
    def side(self) -> int:
        """Cells along a side of the token grid, d."""
        return self.image_size // int(self.config.patch_size)

    def forward(self, image: Tensor) -> Tensor:
        """Encode RGB uint8 ``(B, 3, s, s)`` to ``(B, P, channels)``, row by row."""
        scaled = image.float() / 127.5 - 1  # SigLIP: mean 0.5, std 0.5 of pixels from 0 to 1
        dtype = next(self.tower.parameters()).dtype
        state: Tensor = self.tower.embeddings(scaled.to(dtype))
        for block in self.tower.encoder.layers[: self.blocks]:
            state = block(state, attention_mask=None)
        return state

    def train(self, mode: bool = True) -> ImageTower:
        """Stay in eval mode: the tower is frozen."""
        super().train(False)
        return self


def tokens_of_maps(pyramid: Sequence[Tensor], level: int, pool: int) -> Tensor:
    """Join a map and all coarser ones on the grid of the first.

    Args:
        pyramid: Maps, finest first.
        level: Negative index of the map whose cells become tokens; -1 the coarsest alone.
        pool: Cells along a side that are averaged into one token.

    Returns:
        ``(B, P, sum of channels)``, row by row.
    """
    chosen = pyramid[level:]
    shape = chosen[0].shape[-2:]
    resized = [
        F.interpolate(fmap, size=shape, mode="bilinear", align_corners=False)
        if fmap.shape[-2:] != shape
        else fmap
        for fmap in chosen
    ]
    joined = F.avg_pool2d(torch.cat(resized, dim=1), pool)
    return joined.flatten(2).transpose(1, 2)


def add_grid_position(tokens: Tensor) -> Tensor:
    """Add sine positions to tokens ``(B, d * d, D)`` of a square grid."""
    side = round(tokens.shape[1] ** 0.5)
    place = sine_positions(side, side, tokens.shape[2], device=tokens.device)
    return tokens + 0.1 * place.flatten(1).t().to(tokens.dtype)  # embeddings are of that size
