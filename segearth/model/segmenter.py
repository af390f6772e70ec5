"""The model as its users hold it: pictures and sentences in, answers and masks out.

It owns what the model does not know: letterboxes, the picture's own size, devices.

Axes
    n  targets of an answer    k  queries of a target    H, W  rows and columns
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import Cache

from segearth.config.model import ModelRecipe
from segearth.data.answers import count_seg, find_phrases, merge_targets
from segearth.data.letterbox import Letterbox, letterbox, to_tensor
from segearth.data.prompting import Prompter
from segearth.data.samples import encode_pictures
from segearth.errors import UsageError
from segearth.model.candidates import Candidates, MaskLogits
from segearth.model.checkpoint import load_model, model_folder
from segearth.model.generate import Generated, answer, cache_prefix
from segearth.model.inputs import geometry
from segearth.model.quantized import Rounded, quantize_language
from segearth.model.query_decoder import SeenMemory
from segearth.model.segearth import ImageFeatures, SegEarth


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A picture, encoded for any number of instructions."""

    features: ImageFeatures
    prefix: Cache
    box: Letterbox
    ground_width_m: float | None
    _seen: list[SeenMemory] = field(default_factory=list, repr=False)

    def seen(self, model: SegEarth) -> SeenMemory:
        """Project the memory maps for the mask decoder, at the first reply with a target."""
        if not self._seen:
            self._seen.append(
                model.predictor.see(self.features.memory, self.features.mask_features)
            )
        return self._seen[0]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer and the queries that its masks grow from.

    Attributes:
        answer: In the paper's notation.
        seg_queries: Hidden states at the `[SEG]` tokens, ``(n, k, D)``; see `Generated`.
        proposals: Hidden states at query tokens, ``(K, D)``, for `propose_then_select`.
    """

    answer: str
    seg_queries: Tensor
    proposals: Tensor | None = None

    @property
    def phrases(self) -> list[str]:
        """What each target is called; ``"target"`` where the answer does not say."""
        found = find_phrases(self.answer)[: len(self.seg_queries)]
        return found + ["target"] * (len(self.seg_queries) - len(found))


class Segmenter:
    """A loaded model, ready to answer."""

    def __init__(
        self, model: SegEarth, prompter: Prompter, recipe: ModelRecipe, *, name: str, dtype: str
    ) -> None:
        """Hold the parts; use `load` for a model folder."""
        self.model, self.prompter, self.recipe, self.name = model, prompter, recipe, name
        self.geometry = geometry(recipe)
        self.device = model.SEG_token_projector.weight.device
        self.dtype = dtype

    @property
    def window_px(self) -> int:
        """Side of the square that the model looks at, pixels."""
        return self.geometry.side

    @property
    def computes_in(self) -> str:
        """Number format of the arithmetic: ``fp32``, ``bf16`` or ``fp16``."""
        return _usual(self.device) if self.dtype in ("int8", "nf4") else self.dtype

    @classmethod
    def load(cls, model: str | Path, *, device: str = "auto", dtype: str = "auto") -> Segmenter:
        """Load a shipped model by name, or a folder.

        Args:
            model: ``"mini"``, or a folder with config.json and model.safetensors.
            device: ``auto`` (cuda, then mps, then cpu), or one of them.
            dtype: ``fp32``, ``bf16`` or ``fp16``; ``auto`` is bf16 on CUDA, fp32 elsewhere.
                ``int8`` and ``nf4`` compute as ``auto`` does, with the language model's
                weights rounded to 8 or 4 bits.

        Raises:
            CheckpointError: The folder is not a whole model.
            UsageError: The device is not there, or the package that rounds is not.
        """
        folder = model_folder(model)
        place = choose_device(device)
        loaded, prompter, recipe = load_model(folder)
        kind = _usual(place) if dtype == "auto" else dtype
        if kind in ("int8", "nf4"):
            if place.type == "mps":
                raise UsageError(
                    f"{kind} works on CUDA devices and on the CPU",
                    where="--dtype",
                    hint="take fp32 or fp16, or --device cpu",
                )
            quantize_language(loaded, cast("Rounded", kind), place)
        return cls(loaded.to(place), prompter, recipe, name=str(model), dtype=kind)

    @torch.no_grad()
    def encode(self, image: NDArray[np.uint8], gsd_m: float | None = None) -> Encoded:
        """Encode a picture.

        Args:
            image: RGB uint8 ``(H, W, 3)``, any size.
            gsd_m: Ground size of its pixels, metres, where known.
        """
        square, tower = encode_pictures(image, self.geometry)
        height, width = image.shape[:2]
        with self._precision():
            features = self.model.encode_image(
                to_tensor(square)[None].to(self.device), to_tensor(tower)[None].to(self.device)
            )
            prefix = cache_prefix(self.model, self.prompter, features)
        return Encoded(
            features=features,
            prefix=prefix,
            box=letterbox(height, width, self.geometry.side, self.recipe.pyramid.pad),
            ground_width_m=gsd_m * max(height, width) if gsd_m else None,
        )

    def reply(self, encoded: Encoded, instruction: str) -> Reply:
        """Answer an instruction.

        Raises:
            UsageError: The instruction is empty or too long.
        """
        return self.replies(encoded, [instruction])[0]

    def replies(self, encoded: Encoded, instructions: Sequence[str]) -> list[Reply]:
        """Answer several instructions about one picture together.

        Raises:
            UsageError: An instruction is empty or too long.
        """
        return self._answer(encoded, instructions, None)

    def teach(self, encoded: Encoded, instruction: str, answer_text: str) -> Reply:
        """Take an answer as given (teacher forcing) and return its queries.

        Raises:
            UsageError: The instruction is empty, or it or the answer is too long.
        """
        if self.prompter.pools_description:
            answer_text = merge_targets(answer_text)
        given = self.prompter.answer_ids(answer_text)
        made = self._answer(encoded, [instruction], [given])[0]
        if len(made.seg_queries) < count_seg(answer_text):
            raise UsageError(
                f"with {count_seg(answer_text)} targets of {self.prompter.queries_per_target} "
                "queries the answer is longer than the language model can read",
                hint="ask for fewer targets at once",
            )
        return replace(made, answer=answer_text)

    def masks(self, encoded: Encoded, reply: Reply) -> MaskLogits:
        """Draw the masks of a reply at the picture's own size; of k candidates, the chosen."""
        return self.candidates(encoded, reply).selected()

    @torch.no_grad()
    def candidates(self, encoded: Encoded, reply: Reply) -> Candidates:
        """Decode all k candidates of a reply's targets, at a quarter of the model's side."""
        count, k = reply.seg_queries.shape[:2]
        if not count:
            nothing = torch.zeros(0, k, 1, 1, device=self.device)
            return Candidates(logits=nothing, quality=None, box=encoded.box)
        with self._precision():
            seen = encoded.seen(self.model) if self.model.decode == "joint" else None
            pooled, asking = reply.proposals is not None, reply.seg_queries
            if reply.proposals is not None:
                asking = reply.proposals[None]
            logits, states = self.model.draw_last(encoded.features, asking, seen)
            if pooled:  # every target looks at the same pool
                logits = logits.expand(count, -1, -1, -1)
                states = states.expand(count, -1, -1)
            quality = self.model.quality(states, reply.seg_queries[:, 0])
        return Candidates(
            logits=logits.float(),
            quality=None if quality is None else quality.float(),
            box=encoded.box,
            shared=pooled,
        )

    def _answer(
        self,
        encoded: Encoded,
        instructions: Sequence[str],
        given: Sequence[Sequence[int]] | None,
    ) -> list[Reply]:
        prompter, ground = self.prompter, encoded.ground_width_m
        questions = [prompter.question_ids(text, ground) for text in instructions]
        described = [prompter.description_places(text, ground) for text in instructions]
        with self._precision():
            made = answer(
                self.model, prompter, encoded.prefix, questions, given=given, described=described
            )
        return [self._reply(one) for one in made]

    def _reply(self, generated: Generated) -> Reply:
        text = self.prompter.answer_text(generated.ids)
        return Reply(
            answer=text,
            seg_queries=generated.seg_hidden.to(self.device),
            proposals=generated.proposals,
        )

    def _precision(self) -> torch.autocast:
        half = torch.float16 if self.computes_in == "fp16" else torch.bfloat16
        return torch.autocast(self.device.type, half, enabled=self.computes_in != "fp32")


def _usual(device: torch.device) -> str:
    return "bf16" if device.type == "cuda" else "fp32"


def choose_device(name: str) -> torch.device:
    """Resolve ``auto`` and refuse what is not there.

    Raises:
        UsageError: The device does not exist on this machine.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if cuda else "mps" if mps else "cpu"
    kind = name.partition(":")[0]
    if (kind == "cuda" and not cuda) or (kind == "mps" and not mps):
        raise UsageError(f"there is no {kind} device here", where="--device", hint="--device cpu")
    if kind not in ("cpu", "cuda", "mps"):
        raise UsageError(f"{name!r} is no device", where="--device", hint="auto, cpu, cuda or mps")
    return torch.device(name)
