"""Hold our pyramid and pixel decoder against transformers' at full width and 1024 pixels.

    python tests/benchmarks/mask2former_parity.py

Random weights with every tensor shaken, loaded into ours by the same rules as the hub's.
Takes minutes on a CPU and about 4 GB; prints the largest absolute differences.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig

from segearth.model.pixel_decoder import PixelDecoder
from segearth.model.pretrained.loading import load_part
from segearth.model.pyramid import Pyramid
from segearth.model.query_decoder import QueryDecoder

SIDE = 1024


def main() -> None:
    """Compare, and print a line a map."""
    torch.manual_seed(0)
    backbone = SwinConfig(
        image_size=384,
        embed_dim=128,
        depths=[2, 2, 18, 2],
        num_heads=[4, 8, 16, 32],
        window_size=12,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    theirs = Mask2FormerForUniversalSegmentation(Mask2FormerConfig(backbone_config=backbone))
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    theirs.eval()
    pyramid = Pyramid("swin_base_patch4_window12_384", SIDE, output_norms=True).eval()
    pixel_decoder = PixelDecoder(pyramid.channels)
    both = nn.ModuleDict({"pixel_decoder": pixel_decoder, "predictor": QueryDecoder()})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        save_file({n: t.contiguous() for n, t in theirs.state_dict().items()}, file)
        print(load_part(pyramid, "pyramid", str(file)))  # noqa: T201
        print(load_part(both, "mask_head", str(file)))  # noqa: T201
    image = torch.randint(0, 256, (1, 3, SIDE, SIDE), dtype=torch.uint8)
    with torch.no_grad():
        start = time.perf_counter()
        features, memory = pixel_decoder(maps := pyramid(image))
        ours = time.perf_counter() - start
        pixels = (image / 255 - pyramid.mean) / pyramid.std
        decoded = theirs.model.pixel_level_module(pixels, output_hidden_states=True)
        seconds = time.perf_counter() - start - ours
    pairs = {
        f"pyramid {i}": pair
        for i, pair in enumerate(zip(maps, decoded.encoder_hidden_states, strict=True))
    }
    pairs |= {
        f"memory {i}": pair
        for i, pair in enumerate(zip(memory, decoded.decoder_hidden_states, strict=True))
    }
    pairs["mask features"] = (features, decoded.decoder_last_hidden_state)
    for name, (one, other) in pairs.items():
        largest = (one - other).abs().max().item()
        print(f"{name} {tuple(one.shape)}: {largest:.2e} of {other.abs().max().item():.2f}")  # noqa: T201
    print(f"{ours:.1f} s ours, {seconds:.1f} s transformers")  # noqa: T201


if __name__ == "__main__":
    main()
