"""Count multiply-adds of a call, twice over: by torch's dispatcher and by fvcore's tracer.

What counts: matrix products, convolutions, attention, and bilinear reads (of deformable
attention and in resizing maps). What does not: whatever is linear in the number of
values, that is norms, softmax, activations, sums; `Counted.left_out` lists what occurred.

Each counter misses something by itself, and formulas fill the gaps:

- torch's `FlopCounterMode` has none for bilinear reads. On the CPU it would also miss fused
  attention; on the meta device attention falls apart into products, which it counts.
- fvcore counts fused attention as nothing and cannot trace a convolution on the meta device,
  so it sees the product that a convolution is. What it counts for norms is taken out again,
  so that both counters mean the same.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
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


def _bag_flops(table: Any, indices: Any, *_shapes: Any, **_options: Any) -> int:
    return FLOPS_PER_MAC * int(math.prod(indices)) * int(table[1])  # each index reads a row


_EXTRA = {
    aten.grid_sampler_2d: _bilinear_flops,
    aten.upsample_bilinear2d: _bilinear_flops,
    aten._embedding_bag: _bag_flops,
    aten._embedding_bag_forward_only: _bag_flops,
}


class _Seen(TorchDispatchMode):
    """Notes the operators that compute something without being counted."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.words: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
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
    with torch.no_grad(), _usual_operators(), counter, seen:
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
    analysis.set_op_handle("aten::embedding_bag", _bag_macs)
    try:
        with torch.no_grad(), _usual_operators(), _Products():
            counts = dict(analysis.by_operator())
    except (TypeError, RuntimeError, AssertionError):
        return None
    norms = [name for name in counts if name.endswith("_norm")]
    macs = sum(int(number) for name, number in counts.items() if name not in norms)
    unknown = [name.removeprefix("aten::") for name in analysis.unsupported_ops()]
    return Counted(macs=macs, left_out=tuple(sorted({*norms, *unknown})))


@contextmanager
def _usual_operators() -> Iterator[None]:
    """Count what runs: where a training asked for deterministic kernels, resizing falls apart."""
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)


class _Traceable(nn.Module):
    """Gives a function the shape of a module, which the tracer wants."""

    def __init__(self, model: nn.Module, run: Callable[..., Any]) -> None:
        super().__init__()
        self.model, self.run = model, run

    def forward(self, *inputs: Tensor) -> Any:
        return self.run(*inputs)


class _Products(TorchFunctionMode):
    """Replaces convolutions by the matrix products that they are."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.conv2d:
            return _convolve(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _convolve(
    image: Tensor,
    kernel: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1, 1),
    padding: str | Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Tensor:
    """Convolve ``(B, C, H, W)`` with ``(O, C / groups, h, w)`` by unfolding the picture."""
    if padding == "same" or tuple(dilation) != (1, 1):
        raise TypeError("only plain convolutions are unfolded")
    height, width = (0, 0) if isinstance(padding, str) else padding
    padded = F.pad(image, (width, width, height, height))
    rows, columns = kernel.shape[2:]
    patches = padded.unfold(2, rows, stride[0]).unfold(3, columns, stride[1])
    patches = patches.unflatten(1, (groups, -1)).permute(0, 3, 4, 1, 2, 5, 6).flatten(4)
    weights = kernel.flatten(1).unflatten(0, (groups, -1)).transpose(1, 2)  # (groups, in, out)
    out: Tensor = (patches[..., None, :] @ weights).flatten(3).permute(0, 3, 1, 2)
    return out if bias is None else out + bias[:, None, None]


def _sdpa_macs(inputs: list[Any], outputs: list[Any]) -> int:
    *batch, queries, width = inputs[0].type().sizes()
    keys = inputs[1].type().sizes()[-2]
    return int(math.prod(batch)) * attention(queries, keys, width)


def _bag_macs(inputs: list[Any], outputs: list[Any]) -> int:
    table, indices = (item.type().sizes() for item in inputs[:2])
    return int(math.prod(indices)) * int(table[1])
