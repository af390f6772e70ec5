"""How fast are our pixel and query decoders beside transformers' Mask2Former?

    python tests/benchmarks/head_speed.py [SIDE ...]     (512 1024 unless told)

Full width, fp32, weights of the one loaded into the other, the same maps of the mask encoder
in; both in one process in turn, best of three rounds. "forward" is what an answer needs: the
last masks of one query. "forward + backward" is a training step with masks after every layer
of one query. transformers always predicts all of its queries, so it is given as many as ours.
Prints one JSON object a side; ratios above 1 mean that ours is faster. Takes some minutes and
6 GB at 1024.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig
from transformers.modeling_outputs import BackboneOutput

from segearth.model.pixel_decoder import PixelDecoder
from segearth.model.pretrained.loading import load_part
from segearth.model.query_decoder import QueryDecoder

CHANNELS, STRIDES = (128, 256, 512, 1024), (4, 8, 16, 32)  # of Swin-B
QUERIES = 1
ROUNDS = 3


def main() -> None:
    """Measure each side."""
    torch.manual_seed(0)
    theirs = _theirs()
    ours = nn.ModuleDict({"pixel_decoder": PixelDecoder(CHANNELS), "predictor": QueryDecoder()})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.safetensors"
        save_file({n: t.contiguous() for n, t in theirs.state_dict().items()}, file)
        load_part(ours, "mask_head", str(file))
    for side in [int(word) for word in sys.argv[1:]] or [512, 1024]:
        maps = [
            torch.randn(1, c, side // s, side // s) for c, s in zip(CHANNELS, STRIDES, strict=True)
        ]
        beside = _all_masks(theirs, maps)
        answer = {"ours": _answer(ours, maps), "theirs": beside}
        step = {"ours": _step(ours, maps), "theirs": beside}
        seconds = {"forward": _race(answer, grad=False), "step": _race(step, grad=True)}
        ratios = {name: round(s["theirs"] / s["ours"], 2) for name, s in seconds.items()}
        print(json.dumps({"side_px": side, "seconds": seconds, "ratio": ratios}))  # noqa: T201


def _theirs() -> nn.Module:
    backbone = SwinConfig(
        embed_dim=CHANNELS[0],
        depths=[1, 1, 1, 1],
        num_heads=[4, 8, 16, 32],
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = Mask2FormerConfig(backbone_config=backbone, num_queries=QUERIES, dropout=0.0)
    return Mask2FormerForUniversalSegmentation(config).train()


def _answer(ours: nn.ModuleDict, maps: list[Tensor]) -> Callable[[], Tensor]:
    queries, groups = torch.randn(1, QUERIES, 256), torch.zeros(1, QUERIES, dtype=torch.int64)

    def run() -> Tensor:
        features, memory = ours["pixel_decoder"](maps)
        decoder = ours["predictor"]
        return decoder.last(queries, groups, decoder.see(memory, features), features).logits[-1]

    return run


def _step(ours: nn.ModuleDict, maps: list[Tensor]) -> Callable[[], Tensor]:
    queries, groups = torch.randn(1, QUERIES, 256), torch.zeros(1, QUERIES, dtype=torch.int64)

    def run() -> Tensor:
        features, memory = ours["pixel_decoder"](maps)
        masks = ours["predictor"](queries, groups, memory, features)
        return torch.stack([logits.mean() for logits in masks.logits]).sum()

    return run


def _all_masks(theirs: nn.Module, maps: list[Tensor]) -> Callable[[], Tensor]:
    level = theirs.model.pixel_level_module
    level.encoder = _Given(maps)

    def run() -> Tensor:
        decoded = level(maps[0], output_hidden_states=True)  # these pixels are not looked at
        found = theirs.model.transformer_module(
            multi_scale_features=decoded.decoder_hidden_states,
            mask_features=decoded.decoder_last_hidden_state,
        )
        return torch.stack([logits.mean() for logits in found.masks_queries_logits]).sum()

    return run


class _Given(nn.Module):
    """Stands in for the encoder: both heads get the same maps."""

    def __init__(self, maps: list[Tensor]) -> None:
        super().__init__()
        self.maps = maps

    def forward(self, _pixels: Tensor) -> object:
        return BackboneOutput(feature_maps=tuple(self.maps))


def _race(runs: dict[str, Callable[[], Tensor]], *, grad: bool) -> dict[str, float]:
    """Let both run in turn; returns each one's best seconds."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(ROUNDS + 1):  # the first warms up, and may well be the slowest
        for name, run in runs.items():
            start = time.perf_counter()
            with torch.set_grad_enabled(grad):
                value = run()
            if grad:
                value.backward()
            best[name] = min(best[name], time.perf_counter() - start)
    return {name: round(seconds, 4) for name, seconds in best.items()}


if __name__ == "__main__":
    main()
