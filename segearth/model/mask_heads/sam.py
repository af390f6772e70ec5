"""SAM as encoder and mask decoder, with `[SEG]` as its prompt (paper, Table 6; LISA).

The image encoder gives one map at stride 16. The mask decoder takes each query as a sparse
prompt of its own beside an empty dense one, as LISA does, and draws one mask at stride 4: the
first of SAM's four mask tokens (`multimask_output=False`). Queries do not see each other.

The classes are transformers' (`SamModel`). Of the mask decoder everything learns but the head
that predicts its own IoU, which no loss reaches; the prompt encoder's parts are frozen, as in
LISA. Frozen or not, the image encoder stays in eval mode.

SAM pads after normalising, so its padding is the mean colour; `pyramid.pad_value: 116` comes
within 0.25 standard deviations of that in every channel.

Axes
    B  images    Q  queries of an image, padded    C  width of the decoder    S  side
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, SamModel

from segearth.model.query_decoder import QueryMasks, SeenMemory

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet's, of pixels from 0 to 1; SAM and SAM 2 use them."""


class SamEncoder(nn.Module):
    """SAM's plain vision transformer: a picture to one map at stride 16."""

    mean: Tensor
    std: Tensor
    strides: tuple[int, ...] = (16,)

    def __init__(
        self, vision: nn.Module, channels: Sequence[int], config: PretrainedConfig
    ) -> None:
        """Wrap transformers' encoder.

        Args:
            vision: `SamModel.vision_encoder`.
            channels: Of each map, finest first.
            config: Of the whole, mask decoder included, to be saved beside weights.
        """
        super().__init__()
        self.encoder, self.config = vision, config
        self.channels = list(channels)
        for name, values in (("mean", MEAN), ("std", STD)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Encode RGB uint8 ``(B, 3, S, S)`` to one map ``(B, C, S/16, S/16)``."""
        seen: Tensor = self.encoder(self.scaled(image)).last_hidden_state
        return [seen]

    def scaled(self, image: Tensor) -> Tensor:
        """Normalise pixels from 0 to 255."""
        return (image.float() / 255 - self.mean) / self.std

    def train(self, mode: bool = True) -> SamEncoder:
        """Never leave eval mode."""
        super().train(False)
        return self


class SamPixels(nn.Module):
    """Stands where Mask2Former has a pixel decoder; SAM has none."""

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Hand on the last map as mask features, with no finer ones."""
        return maps[-1], []


class SamDecoder(nn.Module):
    """SAM's mask decoder, prompted by queries; the surface is that of `QueryDecoder`."""

    no_mask_embed: nn.Embedding

    def __init__(self, decoder: Any, no_mask_embed: Any, positions: Any) -> None:
        """Wrap transformers' decoder.

        Args:
            decoder: `SamModel.mask_decoder`.
            no_mask_embed: The prompt encoder's empty dense prompt.
            positions: `SamModel.shared_image_embedding`.
        """
        super().__init__()
        self.decoder = decoder
        self.no_mask_embed = no_mask_embed.requires_grad_(False)
        self.positions = positions.requires_grad_(False)
        self.width: int = decoder.hidden_size
        self.decoder.iou_prediction_head.requires_grad_(False)

    def forward(
        self, queries: Tensor, groups: Tensor, memory: Sequence[Tensor], mask_features: Tensor
    ) -> QueryMasks:
        """Draw one mask a query.

        Args:
            queries: Projected `[SEG]` states, ``(B, Q, C)``.
            groups: Not needed; as for `QueryDecoder.forward`.
            memory: Finer maps, for SAM 2; none for SAM.
            mask_features: ``(B, C, S/16, S/16)``.

        Returns:
            Logits ``(B, Q, S/4, S/4)``, a single prediction, and the queries as they came.
        """
        features = mask_features.to(queries.dtype)
        images, _, rows, columns = features.shape
        empty = self.no_mask_embed.weight.to(features.dtype).view(1, -1, 1, 1)
        drawn = self.decoder(
            image_embeddings=features,
            image_positional_embeddings=self._places(rows, columns, features).expand(
                images, -1, -1, -1
            ),
            sparse_prompt_embeddings=queries[:, :, None],
            dense_prompt_embeddings=empty.expand_as(features),
            multimask_output=False,
            **self.fine(memory),
        )
        return QueryMasks(logits=[drawn[0][:, :, 0]], states=queries)

    def last(
        self, queries: Tensor, groups: Tensor, seen: SeenMemory, mask_features: Tensor
    ) -> QueryMasks:
        """Draw one mask a query; as `forward`, which has one prediction only."""
        return self.forward(queries, groups, seen.features, mask_features)

    def see(self, memory: Sequence[Tensor], mask_features: Tensor | None = None) -> SeenMemory:
        """Keep the finer maps; SAM's decoder shares no work between requests."""
        return SeenMemory(keys=[], values=[], features=list(memory))

    def fine(self, memory: Sequence[Tensor]) -> dict[str, list[Tensor]]:
        """Give the decoder's further arguments: none."""
        return {}

    def _places(self, rows: int, columns: int, like: Tensor) -> Tensor:
        """Encode the centres of the cells, ``(1, C, rows, columns)``."""
        y = (torch.arange(rows, device=like.device) + 0.5) / rows
        x = (torch.arange(columns, device=like.device) + 0.5) / columns
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)  # (rows, columns, 2)
        places: Tensor = self.positions(grid)
        return places.permute(2, 0, 1)[None].to(like.dtype)


def parts(sam: SamModel) -> tuple[SamEncoder, SamPixels, SamDecoder]:
    """Take a `SamModel` apart; what prompts by points and boxes is left behind."""
    vision: Any = sam.config.vision_config
    encoder = SamEncoder(sam.vision_encoder, [vision.output_channels], sam.config)
    decoder = SamDecoder(
        sam.mask_decoder, sam.prompt_encoder.no_mask_embed, sam.shared_image_embedding
    )
    return encoder, SamPixels(), decoder
