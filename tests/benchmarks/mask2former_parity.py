"""Hold our pyramid, pixel and query decoder against transformers' at full width and 1024 pixels.

    python tests/benchmarks/mask2former_parity.py

Random weights with every tensor shaken, loaded into ours by the same rules as the hub's; fp32,
two queries, masks after each of the nine layers. Takes minutes on a CPU and about 4 GB; prints
the largest absolute differences, and exits with 1 if one is above 1e-4.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig

from segearth.model.pixel_decoder import PixelDecoder
from segearth.model.positions import sine_positions
from segearth.model.pretrained.loading import load_part
from segearth.model.pyramid import Pyramid
from segearth.model.query_decoder import QueryDecoder

SIDE, QUERIES, WIDTH = 1024, 2, 256
BOUND = 1e-4


def main() -> int:
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
    predictor = QueryDecoder().eval()
    both = nn.ModuleDict({"pixel_decoder": pixel_decoder, "predictor": predictor})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        save_file({n: t.contiguous() for n, t in theirs.state_dict().items()}, file)
        print(load_part(pyramid, "pyramid", str(file)))  # noqa: T201
        print(load_part(both, "mask_head", str(file)))  # noqa: T201
    image = torch.randint(0, 256, (1, 3, SIDE, SIDE), dtype=torch.uint8)
    with torch.no_grad():
        start = time.perf_counter()
        features, memory = pixel_decoder(maps := pyramid(image))
        queries = torch.randn(1, QUERIES, WIDTH)
        masks = predictor(queries, torch.zeros(1, QUERIES, dtype=torch.int64), memory, features)
        ours = time.perf_counter() - start
        pixels = (image / 255 - pyramid.mean) / pyramid.std
        decoded = theirs.model.pixel_level_module(pixels, output_hidden_states=True)
        drawn = _their_masks(theirs.model.transformer_module, decoded, queries)
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
    pairs |= {f"masks {i}": pair for i, pair in enumerate(zip(masks.logits, drawn, strict=True))}
    worst = 0.0
    for name, (one, other) in pairs.items():
        largest = (one - other).abs().max().item()
        worst = max(worst, largest)
        print(f"{name} {tuple(one.shape)}: {largest:.2e} of {other.abs().max().item():.2f}")  # noqa: T201
    print(f"worst {worst:.2e}; {ours:.1f} s ours, {seconds:.1f} s transformers")  # noqa: T201
    return 0 if worst <= BOUND else 1


def _their_masks(module: Any, decoded: Any, queries: Tensor) -> tuple[Tensor, ...]:
    """Let their query decoder start from given queries, as ours does from `[SEG]`.

    Args:
        module: Their transformer module.
        decoded: What their pixel decoder made.
        queries: ``(1, k, C)``.

    Returns:
        Mask logits after every layer, ``(1, k, S/4, S/4)`` each.
    """
    memory = decoded.decoder_hidden_states
    shapes = [tuple(fmap.shape[-2:]) for fmap in memory]
    levels = zip(memory, module.level_embed.weight, strict=True)
    made = module.decoder(
        inputs_embeds=queries.transpose(0, 1),
        query_position_embeddings=torch.zeros(QUERIES, 1, WIDTH),
        multi_stage_positional_embeddings=[
            sine_positions(*shape, WIDTH).flatten(1).t()[:, None] for shape in shapes
        ],
        encoder_hidden_states=[
            (fmap + level[:, None, None]).flatten(2).permute(2, 0, 1) for fmap, level in levels
        ],
        pixel_embeddings=decoded.decoder_last_hidden_state,
        feature_size_list=shapes,
        return_dict=True,
    )
    return tuple(made.masks_queries_logits)


if __name__ == "__main__":
    sys.exit(main())
