"""Count multiply-adds of a call, twice over: by torch's dispatcher and by fvcore's tracer.

What counts: matrix products, convolutions, attention, and bilinear reads (`grid_sample` of
deformable attention, resizing of maps). What does not: whatever is linear in the number of
values, that is norms, softmax, activations, sums; `Counted.left_out` lists what occurred.

Each counter misses something by itself, and formulas fill the gaps:

- torch's `FlopCounterMode` has none for bilinear reads. On the CPU it would also miss fused
  attention; on the meta device attention falls apart into products, which it counts.
- fvcore counts fused attention as nothing and stumbles over ``padding="valid"``. It cannot
  trace a convolution on the meta device at all, so there it returns None. What it counts for
  norms is taken out again, so that both counters mean the same.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from segearth.profiling.arithmetic import attention, bilinear

aten = torch.ops.aten

FLOPS_PER_MAC = 2
"""A multiply-add is two operations; fvcore counts it as one, `FlopCounterMode` as two."""

_NAMES = {
    "_softmax": "softmax",
    "_safe_softmax": "softmax",
    "native_layer_norm": "norms",
    "native_group_norm": "norms",
    "native_batch_norm": "norms",
    "_native_batch_norm_legit_no_training": "norms",
    "gelu": "activations",
    "relu": "activations",
    "silu": "activations",
    "sigmoid": "activations",
    "hardtanh": "activations",
    "tanh": "activations",
}
_COPIES = {"clone", "copy"}  # tagged as arithmetic, but they only move numbers
_TAGS = {
    torch.Tag.pointwise: "elementwise sums and products",
    torch.Tag.reduction: "sums over an axis",
}


@dataclass(frozen=True, kw_only=True)
class Counted:
    """The cost of a call.

    Attributes:
        macs: Multiply-adds.
        left_out: What else was computed and is not in `macs`, in words, sorted.
    """

    macs: int
    left_out: tuple[str, ...]

def _bilinear_flops(*_shapes: Any, out_shape: Any = None, **_options: Any) -> int:
    return FLOPS_PER_MAC * bilinear(math.prod(out_shape))


_EXTRA = {aten.grid_sampler_2d: _bilinear_flops, aten.upsample_bilinear2d: _bilinear_flops}


class _Seen(TorchDispatchMode):
    """Notes the operators that compute something without being counted."""

    def __init__(self) -> None:
        super().__init__()
        self.words: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = func._overloadpacket.__name__.removesuffix("_")
        tags = [word for tag, word in _TAGS.items() if tag in func.tags]
        if name in _NAMES:
            self.words.add(_NAMES[name])
        elif tags and name not in _COPIES:
            self.words.add(tags[0])
        return func(*args, **(kwargs or {}))


def count_with_torch(run: Callable[..., Any], inputs: tuple[Tensor, ...]) -> Counted:
    """Count a call on the meta device by its shapes.

    Args:
        run: What to count.
        inputs: Its arguments, on the meta device (see the module's first words).
    """
    counter = FlopCounterMode(display=False, custom_mapping=_EXTRA)
    seen = _Seen()
    with torch.no_grad(), counter, seen:
        run(*inputs)
    return Counted(
        macs=counter.get_total_flops() // FLOPS_PER_MAC, left_out=tuple(sorted(seen.words))
    )


def count_with_fvcore(
    model: nn.Module, run: Callable[..., Any], inputs: tuple[Tensor, ...]
) -> Counted | None:
    """Count a call a second time, by tracing it.

    Args:
        model: Holds the parameters that `run` uses.
        run: What to count; must return all it computes.
        inputs: Its arguments.

    Returns:
        None where the call cannot be traced.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # its losses use a deprecated decorator
        from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(_Traceable(model, run), inputs)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.tracer_warnings("none")
    analysis.set_op_handle("aten::scaled_dot_product_attention", _sdpa_macs)
    analysis.set_op_handle("aten::_convolution_mode", _convolution_macs)
    try:
        with torch.no_grad():
            counts = dict(analysis.by_operator())
    except (TypeError, RuntimeError, AssertionError):
        return None
    norms = [name for name in counts if name.endswith("_norm")]
    macs = sum(int(number) for name, number in counts.items() if name not in norms)
    unknown = [name.removeprefix("aten::") for name in analysis.unsupported_ops()]
    return Counted(macs=macs, left_out=tuple(sorted({*norms, *unknown})))


class _Traceable(nn.Module):
    """Gives a function the shape of a module, which the tracer wants."""

    def __init__(self, model: nn.Module, run: Callable[..., Any]) -> None:
        super().__init__()
        self.model, self.run = model, run

    def forward(self, *inputs: Tensor) -> Any:
        return self.run(*inputs)


def _sdpa_macs(inputs: list[Any], outputs: list[Any]) -> int:
    *batch, queries, width = _shape(inputs[0])
    return math.prod(batch) * attention(queries, _shape(inputs[1])[-2], width)


def _convolution_macs(inputs: list[Any], outputs: list[Any]) -> int:
    items, _, *cells = _shape(outputs[0])
    made, read, *kernel = _shape(inputs[1])  # `read`: input channels of one group
    return items * math.prod(cells) * math.prod(kernel) * made * read


def _shape(value: Any) -> list[int]:
    """Sizes of a tensor in a traced graph."""
    sizes: list[int] = value.type().sizes()
    return sizes
