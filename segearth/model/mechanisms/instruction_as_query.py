"""`instruction_as_query`: one query from the pooled words of the instruction (SegEarth-R1).

The description, with a `[SEG]` behind it, is averaged over its tokens. One part of the query
is projected from that average; the other has looked at the image besides, through one
Perceiver step (SegEarth-R1's "D-Projector"). Both together become the query.

In SegEarth-R1 the tokens of the description are latents of that step, too. Its result is read
at the average alone, and no latent sees another: leaving them out changes nothing.

One query is one mask: an answer has one target at most, and several things asked for are
drawn as their union. The answer's words still say whether there is anything to draw. Parameter
names are those of SegEarth-R1.

Axes
    B  images    T  tokens    N  targets, one an answer    D  width of the language model
    E  width of the step    V  cells of the coarsest map    A  heads
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segearth.data.packing import Role
from segearth.data.samples import Batch
from segearth.model.mechanisms.asked import Asked

HEADS = 8


class LookAtImage(nn.Module):
    """Attention from one latent to the image's cells and to itself."""

    def __init__(self, width: int) -> None:
        """Make a step of `width` with `HEADS` heads and no biases."""
        super().__init__()
        self.norm_media = nn.LayerNorm(width)
        self.norm_latents = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_kv = nn.Linear(width, 2 * width, bias=False)
        self.to_out = nn.Linear(width, width, bias=False)

    def forward(self, latent: Tensor, media: Tensor, image: Tensor) -> Tensor:
        """Attend.

        Args:
            latent: ``(N, E)``.
            media: Cells of the images, ``(B, V, E)``.
            image: Image of each latent, int64 ``(N,)``.

        Returns:
            ``(N, E)``, without the residual.
        """
        own = self.norm_latents(latent)[:, None]
        cells = self.to_kv(self.norm_media(media))[image]  # (N, V, 2E)
        keys, values = torch.cat([cells, self.to_kv(own)], dim=1).chunk(2, dim=-1)
        heads = [part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in (keys, values)]
        query = self.to_q(own).unflatten(-1, (HEADS, -1)).transpose(1, 2)
        seen = F.scaled_dot_product_attention(query, *heads)
        result: Tensor = self.to_out(seen.transpose(1, 2).flatten(2))
        return result[:, 0]


class Perceiver(nn.Module):
    """One layer: look, then a feed-forward step, each with its residual; normed at the end."""

    def __init__(self, width: int) -> None:
        """Make a layer of `width`."""
        super().__init__()
        feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, width, bias=False),
            nn.GELU(),
            nn.Linear(width, width, bias=False),
        )
        self.layers = nn.ModuleList([nn.ModuleList([LookAtImage(width), feed_forward])])
        self.norm = nn.LayerNorm(width)

    def forward(self, latent: Tensor, media: Tensor, image: Tensor) -> Tensor:
        """Refine ``(N, E)``; arguments as for `LookAtImage`."""
        look, feed_forward = cast(nn.ModuleList, self.layers[0])
        latent = latent + look(latent, media, image)
        result: Tensor = self.norm(latent + feed_forward(latent))
        return result


class InstructionAsQuery(nn.Module):
    """Pools the description and lets it look at the image."""

    def __init__(self, language_width: int, image_channels: int, width: int) -> None:
        """Make the projections.

        Args:
            language_width: D.
            image_channels: Of the mask encoder's coarsest map.
            width: E; 512 in SegEarth-R1, twice the mask head's width.
        """
        super().__init__()
        self.query_width = 2 * width
        self.origin_SEG_token_projector = nn.Linear(language_width, width)
        self.text_projector = nn.Linear(language_width, width)
        self.local_project = nn.Linear(image_channels, width)
        self.d_layers = Perceiver(width)

    def ask(self, hidden: Tensor, batch: Batch) -> Asked:
        """Average the states of each target's description.

        Args:
            hidden: ``(B, T, D)``.
            batch: Marks the descriptions.
        """
        image = batch.target_image
        own = batch.segment[image, batch.seg_positions[:, 0]]
        words = batch.role[image] == Role.DESCRIPTION
        words = words & (batch.segment[image] == own[:, None])  # (N, T)
        states = [hidden[at, mask].mean(dim=0) for at, mask in zip(image, words, strict=True)]
        pooled = torch.stack(states) if states else hidden[image, 0]
        return Asked(
            states=pooled[:, None], image=image, group=torch.arange(len(image), device=image.device)
        )

    def ground(self, states: Tensor, image_map: Tensor, image: Tensor) -> Tensor:
        """Let the averages look at their images.

        Args:
            states: ``(N, 1, D)``.
            image_map: ``(B, channels, h, w)``.
            image: Image of each, int64 ``(N,)``.

        Returns:
            ``(N, 1, 2E)``.
        """
        pooled = states[:, 0].to(self.text_projector.weight.dtype)
        media = self.local_project(image_map.flatten(2).transpose(1, 2).to(pooled.dtype))
        looked = self.d_layers(self.text_projector(pooled), media, image)
        plain = self.origin_SEG_token_projector(pooled)
        return torch.cat([plain.to(looked.dtype), looked], dim=-1)[:, None]
