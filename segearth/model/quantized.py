"""The language model in 8 or 4 bits, for devices whose memory it would not fit.

LLM.int8 (Dettmers et al., NeurIPS 2022) and NF4 (Dettmers et al., NeurIPS 2023), both by
bitsandbytes. Only the linear layers inside the language model's blocks are rounded: they are
three quarters of the paper's weights. Its embedding and word head, and everything that makes
masks, keep their numbers. For answering, not for training.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import nn

from segearth.errors import UsageError
from segearth.model.fetched_kernels import no_fetched_kernels
from segearth.model.few_rows import FewRowLinear
from segearth.model.segearth import SegEarth

Rounded = Literal["int8", "nf4"]
_OUTLIER = 6.0
"""Inputs above it are multiplied without rounding (LLM.int8, Sec. 3.2)."""


def quantize_language(model: SegEarth, kind: Rounded, device: torch.device) -> None:
    """Replace the linear layers of the language model's blocks.

    Args:
        model: With its weights, on the CPU; changed in place, layer by layer, so that the
            rounded model and the whole one are never in memory together.
        kind: ``int8`` or ``nf4``.
        device: Where the layers are rounded and stay.

    Raises:
        UsageError: The package is not installed.
    """
    bnb = _package()
    blocks = [part for part in model.language.lm.modules() if isinstance(part, nn.ModuleList)]
    for name, parent in [item for part in blocks for item in part.named_modules()]:
        for child_name, child in list(parent.named_children()):
            # LoRA's own matrices are small; what is rounded already is a subclass.
            if type(child) in (nn.Linear, FewRowLinear) and "lora_" not in name:
                setattr(parent, child_name, _rounded(bnb, child, kind, device))


def _rounded(bnb: Any, layer: nn.Linear, kind: Rounded, device: torch.device) -> nn.Module:
    shape, bias = (layer.in_features, layer.out_features), layer.bias is not None
    made: nn.Module
    if kind == "int8":
        made = bnb.nn.Linear8bitLt(*shape, bias=bias, has_fp16_weights=False, threshold=_OUTLIER)
    else:
        made = bnb.nn.Linear4bit(
            *shape, bias=bias, quant_type="nf4", compute_dtype=layer.weight.dtype
        )
    made.load_state_dict(layer.state_dict())
    return made.requires_grad_(False).to(device).eval()


def _package() -> Any:
    """Import bitsandbytes, but not the compiled kernel that it would fetch from the network."""
    try:
        with no_fetched_kernels():
            import bitsandbytes
    except ImportError as error:
        raise UsageError(
            "the package bitsandbytes is not installed",
            where="--dtype",
            hint="pip install 'segearth[quantize]', or take fp32 or bf16",
        ) from error
    return bitsandbytes
