"""The hierarchical mask encoder: a picture to four feature maps (paper, Sec. 4.2).

Swin-B in the paper, any timm backbone with `features_only` otherwise.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.layers.drop import DropPath
from timm.layers.format import Format
from torch import Tensor, nn

from segearth.model.swin_padding import pad_before_shift


class Pyramid(nn.Module):
    """Feature maps at strides 4, 8, 16 and 32."""

    mean: Tensor
    std: Tensor
    strides: tuple[int, ...] = (4, 8, 16, 32)

    def __init__(
        self, name: str, image_size: int, *, output_norms: bool = False, drop_path: float = 0.0
    ) -> None:
        """Make the encoder.

        Args:
            name: timm's name of the backbone.
            image_size: Side of the pictures, pixels.
            output_norms: Norm the channels of each map, as Mask2Former's Swin does.
            drop_path: Chance that the last residual block is left out of a training step;
                earlier ones less often.
        """
        super().__init__()
        import timm

        swin: dict[str, Any] = (
            {"img_size": image_size, "strict_img_size": False} if "swin" in name else {}
        )
        more = {**swin, "drop_path_rate": drop_path} if drop_path else swin
        self.encoder = timm.create_model(name, pretrained=False, features_only=True, **more)
        pad_before_shift(self.encoder)
        info: Any = self.encoder.feature_info
        self._channels: list[int] = info.channels()
        strides: list[int] = info.reduction()
        self.levels = [strides.index(stride) for stride in self.strides]
        # timm's Swin, but not every one of them, returns (B, h, w, C).
        self.channels_last = getattr(self.encoder, "output_fmt", Format.NCHW) == Format.NHWC
        # Channels are normed cell by cell, before the maps leave (Mask2Former's Swin).
        self.norms = (
            nn.ModuleList(nn.LayerNorm(count) for count in self.channels) if output_norms else None
        )
        # Each family's weights expect its own scaling: ImageNet's for Swin, 0.5 for Lite.
        expected = timm.get_pretrained_cfg(name)
        for key in ("mean", "std"):
            value = torch.tensor(getattr(expected, key)).view(3, 1, 1)
            self.register_buffer(key, value, persistent=False)

    @property
    def channels(self) -> list[int]:
        """Channels of the four maps, finest first."""
        return [self._channels[level] for level in self.levels]

    def forward(self, image: Tensor) -> list[Tensor]:
        """Encode.

        Args:
            image: RGB, uint8, ``(B, 3, S, S)``.

        Returns:
            Maps ``(B, C_i, S/4 … S/32, …)``, finest first.
        """
        scaled = (image.float() / 255 - self.mean) / self.std
        scaled = scaled.contiguous(memory_format=torch.channels_last)
        maps = self.encoder(scaled)
        chosen = [maps[level] for level in self.levels]
        if self.channels_last:
            return [
                self._norm(i, fmap).permute(0, 3, 1, 2).contiguous()
                for i, fmap in enumerate(chosen)
            ]
        if self.norms is not None:
            return [
                self._norm(i, fmap.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).contiguous()
                for i, fmap in enumerate(chosen)
            ]
        return chosen

    def _norm(self, level: int, fmap: Tensor) -> Tensor:
        """Norm the channels of ``(B, h, w, C)``, if there are norms."""
        if self.norms is None:
            return fmap
        normed: Tensor = self.norms[level](fmap)
        return normed

    def train(self, mode: bool = True) -> Pyramid:
        """Leave eval mode for dropped blocks only; batch norm keeps its statistics.

        Batches are too small for statistics of their own.
        """
        super().train(False)
        for module in self.encoder.modules():
            if isinstance(module, DropPath):
                module.train(mode)
        return self
