"""Propose masks with SAM or SAM 2 from a local Hugging Face folder (paper, Sec. 3 and 7.2).

SAM: Kirillov et al., ICCV 2023; SAM 2: Ravi et al., 2024. A view is encoded once; every
point of its grid is a prompt of its own, and prompts share the encoding, `PROMPTS` at a time.
For one point SAM answers with three masks (whole, part, sub-part); the paper does not say
which it takes, so all that SAM itself rates well enough stay.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    Sam2ImageProcessor,
    Sam2Model,
    Sam2Processor,
    SamImageProcessor,
    SamModel,
    SamProcessor,
)
from transformers.utils import logging

from segearth.building.masks.grid import View
from segearth.building.masks.options import SAM_SCORE
from segearth.building.masks.proposals import Proposal
from segearth.errors import CheckpointError
from segearth.model.segmenter import choose_device

PROMPTS = 64
"""Points in one go; the decoder's memory grows with them."""


class Sam:
    """The proposer `sam`."""

    name = "sam"

    def __init__(self, folder: Path, *, min_score: float = SAM_SCORE, device: str = "auto") -> None:
        """Load a model; nothing is downloaded and nothing is unpickled.

        Args:
            folder: With `config.json`, `model.safetensors` and, if its preprocessing is not
                the usual one, `preprocessor_config.json`.
            min_score: Masks that SAM rates lower are left out.
            device: ``auto``, ``cpu``, ``cuda`` or ``mps``.

        Raises:
            CheckpointError: It is no SAM or SAM 2 folder, or weights are missing.
            UsageError: The device is not there.
        """
        place = choose_device(device)
        kind = _kind(folder)
        model = _load_model(SamModel if kind == "sam" else Sam2Model, folder)
        self._model: Any = model.to(device=place)
        self._processor = _load_processor(kind, folder)
        self._two = kind != "sam"
        self._min_score = min_score

    @torch.inference_mode()
    def propose(self, view: View) -> list[Proposal]:
        """Ask at every point of the view's grid.

        Args:
            view: What to look at.

        Returns:
            Up to three masks a point, at the view's size, with SAM's estimate of their IoU.
        """
        device = self._model.device
        prepared = self._processor(images=view.pixels, return_tensors="pt")
        embeddings = self._model.get_image_embeddings(prepared["pixel_values"].to(device))
        found: list[Proposal] = []
        points = view.points
        for start in range(0, len(points), PROMPTS):
            found += self._ask(view, points[start : start + PROMPTS], prepared, embeddings)
        return found

    def _ask(self, view: View, points: Any, prepared: Any, embeddings: Any) -> list[Proposal]:
        """Prompt with some points, (n, 2), all in one pass of the decoder."""
        sizes = prepared["original_sizes"]
        # SAM counts from the middle of the first pixel, and adds the half itself.
        nested = [[[[x - 0.5, y - 0.5]] for x, y in points.tolist()]]
        prompts = (
            self._processor(input_points=nested, original_sizes=sizes, return_tensors="pt")
            if self._two
            else self._processor(images=view.pixels, input_points=nested, return_tensors="pt")
        )["input_points"]
        answer = self._model(
            image_embeddings=embeddings,
            input_points=prompts.to(self._model.device, torch.float32),
            multimask_output=True,
        )
        scores = answer.iou_scores[0].float().cpu()  # (n, 3)
        good = scores >= self._min_score
        if not good.any():
            return []
        # Only what stays is brought to the view's size: (1, kept, 1, h, w) of logits.
        logits = answer.pred_masks[0].float().cpu()[good][None, :, None]
        more: tuple[Any, ...] = () if self._two else (prepared["reshaped_input_sizes"],)
        masks = self._processor.post_process_masks(logits, sizes, *more)[0][:, 0].numpy()
        which = np.nonzero(good.numpy())[0]
        return [
            Proposal(np.asarray(mask, bool), float(score), (float(x), float(y)))
            for mask, score, (x, y) in zip(masks, scores[good], points[which], strict=True)
            if mask.any()
        ]


def _kind(folder: Path) -> str:
    """Return what `config.json` says the model is."""
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{folder} is no model folder: its config.json cannot be read", where="--sam"
        ) from error
    if kind not in ("sam", "sam2", "sam2_video"):  # a video folder holds an image model, too
        raise CheckpointError(
            f"{folder} holds a model of type {kind!r}, not SAM or SAM 2", where="--sam"
        )
    return str(kind)


def _load_model(model: type[Any], folder: Path) -> torch.nn.Module:
    """Load weights, all of them."""
    if not list(folder.glob("*.safetensors")):
        raise CheckpointError(
            f"{folder} has no .safetensors; pickled weights are not opened",
            where="--sam",
            hint="save the model once more with save_pretrained of transformers",
        )
    logging.disable_progress_bar()
    try:
        loaded, report = model.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except Exception as error:  # transformers and safetensors have no common error class
        raise CheckpointError(
            f"{folder} cannot be loaded: {str(error).splitlines()[0]}", where="--sam"
        ) from error
    if missing := _names(report["missing_keys"]) + _names(report["mismatched_keys"]):
        raise CheckpointError(
            f"{folder} lacks {len(missing)} tensors, such as {missing[0]}", where="--sam"
        )
    loaded.eval()
    assert isinstance(loaded, torch.nn.Module)
    return loaded


def _names(keys: Sequence[Any]) -> list[str]:
    """Return tensor names; a mismatched one comes with its shapes."""
    return sorted(key if isinstance(key, str) else str(key[0]) for key in keys)


def _load_processor(kind: str, folder: Path) -> Any:
    """Load the preprocessing, or take SAM's usual one."""
    image, both = (
        (SamImageProcessor, SamProcessor) if kind == "sam" else (Sam2ImageProcessor, Sam2Processor)
    )
    if not any((folder / name).is_file() for name in _PREPROCESSING):
        return both(image())
    try:
        return both.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise CheckpointError(
            f"the preprocessing in {folder} cannot be read: {str(error).splitlines()[0]}",
            where="--sam",
        ) from error


_PREPROCESSING = ("preprocessor_config.json", "processor_config.json")
