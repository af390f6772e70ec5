"""Time the parts of a model while it answers, and their memory, by watching the calls between them.

The seconds are those of a real run, not of parts run by themselves. The device is waited for
at both ends of every part: without that, a GPU's clock would show when work was handed over
and not when it was done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import torch
from torch import nn

from segearth.model.mechanisms.propose_then_select import ProposeThenSelect
from segearth.model.segearth import SegEarth
from segearth.profiling.memory import forget_peak, peak_bytes
from segearth.profiling.stages import PARTS

REST = "rest"
"""What is in no part: resizing the picture, tokens and texts, copies to and from the device."""


_PREPARATIONS = ("see",)  # reads a share of the query decoder's weights, `draw_last` the rest


class PartClock:
    """Adds up seconds and calls of each of `PARTS`.

    Attributes:
        seconds: By part.
        calls: By part; `language_prefill` has two, the image's prefix and the question.
        peaks: Most memory in use during a part, bytes, if asked for and if the system tells.
    """

    def __init__(self, device: torch.device, *, memory: bool = False) -> None:
        """Start at zero; `memory` also watches peaks, which takes time of its own."""
        self.device = device
        self.peaks: dict[str, int] = {}
        self._memory = memory
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self.calls = dict.fromkeys(PARTS, 0)
        self._inside = False

    def run(self, part: str, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Time a call; one inside another part belongs to the outer one.

        What reads the weights of a part is counted as a call of it, but a preparation is not.
        """
        if self._inside:
            return call(*args, **options)
        self._inside = True
        watched = self._memory and forget_peak(self.device)
        start = now(self.device)
        try:
            return call(*args, **options)
        finally:
            self.seconds[part] += now(self.device) - start
            self.calls[part] += getattr(call, "__name__", "") not in _PREPARATIONS
            self._inside = False
            if watched:
                self.peaks[part] = max(peak_bytes(self.device) or 0, self.peaks.get(part, 0))

    @contextmanager
    def watch(self, model: SegEarth) -> Iterator[None]:
        """Time the parts of `model` inside the block; for one answer about one image.

        `upsampling` is no call of the model: hand it to `run`.
        """
        with ExitStack() as stack:
            for owner, name, part in _calls(model):
                _replace(stack, owner, name, self._timed(getattr(owner, name), part))
            language = model.language
            _replace(stack, language, "run", self._timed(language.run, self._reading_or_saying))
            yield

    def _timed(self, call: Callable[..., Any], part: str | Callable[[], str]) -> Callable[..., Any]:
        def timed(*args: Any, **options: Any) -> Any:
            return self.run(part if isinstance(part, str) else part(), call, *args, **options)

        return timed

    def _reading_or_saying(self) -> str:
        """Two passes read, the prefix with the image and the question; all others say."""
        return "language_prefill" if self.calls["language_prefill"] < 2 else "answer_decoding"


def parts_of(model: SegEarth) -> dict[str, list[nn.Module]]:
    """Name the modules whose weights a part reads each time it is called."""
    lm = model.language.lm
    head = cast(nn.Module, lm.cls if hasattr(lm, "cls") else lm.get_output_embeddings())
    tower = model.image_tower
    blocks = [] if tower is None else list(tower.tower.encoder.layers[: tower.blocks])
    text = [part for part in lm.base_model.children() if not _looks_up(part, lm)]
    asking: dict[str, list[nn.Module]] = {"query_decoder": [], "selection": []}
    if isinstance(model.mechanism, ProposeThenSelect):
        asking["selection"] = [model.mechanism.label_projector, model.mechanism.SEG_proj]
    else:
        asking["query_decoder"] = [model.mechanism]
    return {
        "image_tower": blocks,
        "connector": [model.mm_projector],
        "language_prefill": text,
        "answer_decoding": text,
        "word_head": [head],
        "mask_encoder": [model.vision_tower_mask],
        "pixel_decoder": [model.pixel_decoder],
        "query_decoder": [*asking["query_decoder"], model.SEG_token_projector, model.predictor],
        "selection": asking["selection"] if model.score is None else [model.score],
        "upsampling": [],
    }


def _looks_up(part: nn.Module, lm: nn.Module) -> bool:
    """Tell the table of words, of which a pass reads a few rows: Bert's lies one level down."""
    words = lm.get_input_embeddings()  # type: ignore[operator]
    return any(module is words for module in part.modules())


def weight_bytes(model: SegEarth) -> dict[str, int]:
    """Count the bytes of weights that one call of each part reads."""
    return {
        part: sum(
            weight.numel() * weight.element_size()
            for module in modules
            for weight in module.parameters()
        )
        for part, modules in parts_of(model).items()
    }


def now(device: torch.device) -> float:
    """Read the clock, in seconds, when the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()


def _calls(model: SegEarth) -> list[tuple[nn.Module, str, str]]:
    """List the calls that stand for parts: owner, name, part."""
    found: list[tuple[nn.Module, str, str]] = [
        (model.mm_projector, "forward", "connector"),
        (model.vision_tower_mask, "forward", "mask_encoder"),
        (model.pixel_decoder, "forward", "pixel_decoder"),
        (model.language, "word_logits", "word_head"),
        (model.predictor, "see", "query_decoder"),
        (model, "draw_last", "query_decoder"),
    ]
    if model.image_tower is not None:
        found.append((model.image_tower, "forward", "image_tower"))
    if model.score is not None:
        found.append((model.score, "forward", "selection"))
    if isinstance(model.mechanism, ProposeThenSelect):
        found.append((model.mechanism, "quality", "selection"))
    return found


def _replace(stack: ExitStack, owner: nn.Module, name: str, call: Callable[..., Any]) -> None:
    """Put a call in front of a method of this one object, until the stack closes."""
    setattr(owner, name, call)
    stack.callback(delattr, owner, name)
