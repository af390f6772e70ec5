"""SAM 2 as encoder and mask decoder, with `[SEG]` as its prompt (paper, Table 6; GeoPixel).

As SAM, with Hiera as the encoder: three maps at strides 4, 8 and 16, of which the two finer
ones are added where the decoder upsamples. The paper's table says "SAM 2 + ViT-H"; SAM 2 was
only ever published with Hiera, so that is what is here.

In eval mode transformers' decoder may exchange the single mask for one of three others
(`dynamic_multimask_via_stability`). It is switched off: those three never learn here, and
training and evaluation are to draw the same mask.

Axes
    B  images    C  width of the decoder    S  side
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from transformers import Sam2Model

from segearth.model.mask_heads.sam import SamDecoder, SamEncoder


class Sam2Encoder(SamEncoder):
    """Hiera with its feature pyramid."""

    strides = (4, 8, 16)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Encode RGB uint8 ``(B, 3, S, S)``; three maps ``(B, C, S/4 … S/16, …)``, finest first."""
        return list(self.encoder(self.scaled(image)).fpn_hidden_states)


class Sam2Pixels(nn.Module):
    """Narrows the two finer maps, and marks the coarsest as that of a single picture."""

    def __init__(self, decoder: Any, no_memory_embedding: nn.Parameter) -> None:
        """Take over from the mask decoder, which does not run them itself.

        Args:
            decoder: `Sam2Model.mask_decoder`; loses `conv_s0` and `conv_s1`.
            no_memory_embedding: Says that no earlier frame was seen, ``(1, 1, C)``; frozen.
        """
        super().__init__()
        self.conv_s0, self.conv_s1 = decoder.conv_s0, decoder.conv_s1
        del decoder.conv_s0, decoder.conv_s1
        self.no_memory_embedding = no_memory_embedding.requires_grad_(False)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Give mask features ``(B, C, S/16, S/16)`` and the maps at S/4 and S/8."""
        fine, middle, coarse = maps
        marked = coarse + self.no_memory_embedding.view(1, -1, 1, 1)
        return marked, [self.conv_s0(fine), self.conv_s1(middle)]


class Sam2Decoder(SamDecoder):
    """SAM 2's mask decoder, prompted by queries."""

    def __init__(self, decoder: Any, no_mask_embed: Any, positions: Any) -> None:
        """Wrap transformers' decoder; see `SamDecoder`. It also scores presence: not learnt."""
        super().__init__(decoder, no_mask_embed, positions)
        self.decoder.dynamic_multimask_via_stability = False
        self.decoder.pred_obj_score_head.requires_grad_(False)

    def fine(self, memory: Sequence[Tensor]) -> dict[str, list[Tensor]]:
        """Give the decoder its two finer maps."""
        return {"high_resolution_features": list(memory)}


def parts(sam: Sam2Model) -> tuple[Sam2Encoder, Sam2Pixels, Sam2Decoder]:
    """Take a `Sam2Model` apart; what prompts by points and boxes is left behind."""
    vision: Any = sam.config.vision_config
    encoder = Sam2Encoder(sam.vision_encoder, [vision.fpn_hidden_size] * 3, sam.config)
    pixels = Sam2Pixels(sam.mask_decoder, sam.no_memory_embedding)
    decoder = Sam2Decoder(
        sam.mask_decoder, sam.prompt_encoder.no_mask_embed, sam.shared_image_embedding
    )
    return encoder, pixels, decoder
