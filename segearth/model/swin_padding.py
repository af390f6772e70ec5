"""Pad Swin's maps before they are shifted, as the original does.

A map that its windows do not divide is padded with zeros. The original Swin for dense
prediction, and with it Mask2Former, pads and then shifts; timm shifts and then pads, so
that the zeros come to lie elsewhere. Where nothing is padded, as in classification, the two
are the same; at 1024 pixels all four maps of Swin-B are padded (256 cells to 264, …).
"""

from __future__ import annotations

from timm.models.swin_transformer import SwinTransformerBlock
from torch import Tensor, nn
from torch.nn import functional as F


class PadFirstBlock(SwinTransformerBlock):
    """timm's block, with the padding of the original (Liu et al., ICCV 2021)."""

    def _attn(self, x: Tensor) -> Tensor:
        """Attend within shifted windows, ``(B, h, w, C)`` to the same shape."""
        rows, columns = x.shape[1:3]
        below, right = -rows % self.window_size[0], -columns % self.window_size[1]
        padded = F.pad(x, (0, 0, 0, right, 0, below))
        attended: Tensor = super()._attn(padded)  # type: ignore[no-untyped-call]
        return attended[:, :rows, :columns]


def pad_before_shift(encoder: nn.Module) -> None:
    """Turn the Swin blocks of a timm model into `PadFirstBlock`; other modules stay."""
    for module in encoder.modules():
        if type(module) is SwinTransformerBlock:
            module.__class__ = PadFirstBlock  # the same weights, one method replaced
