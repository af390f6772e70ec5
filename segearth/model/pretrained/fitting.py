"""Sort a source's tensors by part, and hold them against what the part wants.

A source is described by rules: a pattern of its names, and what the tensor is called here.
Our name begins with the part and a slash (`pyramid/encoder.patch_embed.proj.weight`); a
rule without a name says why nobody needs the tensor. A name that no rule knows is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from segearth.errors import CheckpointError

Part = Literal["language", "image_tower", "connector", "pyramid", "mask_head"]
SHOWN = 5  # faults named in a message


class Rule(NamedTuple):
    """One kind of name.

    Attributes:
        pattern: Matched at the start of the source's name; what matches is replaced.
        ours: Replacement, ``part/name``, as for `re.sub`; None leaves the tensor aside.
        why: Of a tensor left aside, why that is right.
    """

    pattern: str
    ours: str | Callable[[re.Match[str]], str] | None
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """A source's tensors.

    Attributes:
        parts: By part, then by our name within the part.
        aside: Names left aside, with the reason.
        unknown: Names that no rule knows.
        origin: Source's names by ``part/name``; several where tensors were joined.
    """

    parts: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    aside: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    origin: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Leeway:
    """What may differ between a source and a part without harm.

    Attributes:
        zero: Tensors that start at zero where the source lacks them.
        unread: Tensors that may be missing, because no result depends on them.
        dropped: Tensors that the source may have and the part not, with the reason.
    """

    zero: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()
    dropped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What a part took from a source.

    Attributes:
        part: Which part.
        source: File, folder or hub name.
        taken: Tensors taken.
        wanted: Tensors the part has.
        zero: Names that start at zero.
        random: Names that stay at their random start.
        aside: Number of tensors of the source left aside, by reason.
    """

    part: str
    source: str
    taken: int
    wanted: int
    zero: tuple[str, ...] = ()
    random: tuple[str, ...] = ()
    aside: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line for people."""
        line = f"{self.part}: {self.taken} of {self.wanted} tensors from {self.source}"
        if self.zero:
            line += f"; at zero: {', '.join(self.zero)}"
        if self.random:
            few = ", ".join(self.random[:SHOWN])
            line += f"; at random: {few}" + (" …" if len(self.random) > SHOWN else "")
        if self.aside:
            line += "; left aside: " + ", ".join(f"{n} ({why})" for why, n in self.aside.items())
        return line


def sort_out(tensors: Mapping[str, Tensor], rules: Sequence[Rule]) -> Sorted:
    """Rename tensors by the first rule that matches; join q, k and v where they are marked.

    Our name may hold one of the marks ``<q>``, ``<k>``, ``<v>``: the three are joined along
    the first axis, in this order, under the name without the mark.
    """
    result = Sorted()
    thirds: dict[str, dict[str, tuple[str, Tensor]]] = {}
    for name, tensor in tensors.items():
        rule = next((rule for rule in rules if re.match(rule.pattern, name)), None)
        if rule is None:
            result.unknown.append(name)
        elif rule.ours is None:
            result.aside[name] = rule.why
        else:
            ours = re.sub(rule.pattern, rule.ours, name, count=1)
            mark = re.search(r"<([qkv])>", ours)
            if mark:
                thirds.setdefault(ours.replace(mark[0], ""), {})[mark[1]] = (name, tensor)
            else:
                _put(result, ours, tensor, [name])
    for ours, held in thirds.items():
        names = [held[letter][0] for letter in "qkv" if letter in held]
        if len(names) == 3:
            _put(result, ours, torch.cat([held[letter][1] for letter in "qkv"]), names)
        else:
            result.unknown.extend(names)
    return result


def _put(result: Sorted, ours: str, tensor: Tensor, names: list[str]) -> None:
    part, _, name = ours.partition("/")
    if ours in result.origin:
        raise CheckpointError(f"{names[0]} and {result.origin[ours][0]} are the same tensor")
    result.parts.setdefault(part, {})[name] = tensor
    result.origin[ours] = names


def fit(
    wanted: Mapping[str, Tensor], held: Sorted, *, part: Part, source: str, leeway: Leeway
) -> tuple[dict[str, Tensor], Coverage]:
    """Hold what a source has for a part against what the part wants.

    Args:
        wanted: State dict of the part; may be on the meta device.
        held: The source.
        part: Which part.
        source: For the message.
        leeway: What may differ.

    Returns:
        Tensors to load, by name, of the source's types (zeros where `leeway` says so), and
        the coverage.

    Raises:
        CheckpointError: Names what is missing, misshapen or unexpected.
    """
    offered = held.parts.get(part, {})
    absent = [name for name in wanted if name not in offered]
    zero = tuple(name for name in absent if name in leeway.zero)
    random = tuple(name for name in absent if name in leeway.unread)
    dropped = [name for name in offered if name not in wanted and name in leeway.dropped]
    kinds = {
        "missing": [name for name in absent if name not in (*zero, *random)],
        "misshapen": [
            f"{name} {tuple(offered[name].shape)}, expected {tuple(tensor.shape)}"
            for name, tensor in wanted.items()
            if name in offered and offered[name].shape != tensor.shape
        ],
        "unexpected": [
            *(name for name in offered if name not in wanted and name not in dropped),
            *held.unknown,
        ],
    }
    faults = [
        f"{len(names)} {kind}: {'; '.join(names[:SHOWN])}" + (" …" if len(names) > SHOWN else "")
        for kind, names in kinds.items()
        if names
    ]
    if faults:
        raise CheckpointError(
            f"weights do not fit the {part.replace('_', ' ')}: " + ". ".join(faults),
            where=source,
            hint=_hint(part, offered, kinds),
        )
    taken = {name: offered[name] for name in wanted if name in offered}
    aside = Counter(held.aside.values()) + Counter(leeway.dropped[name] for name in dropped)
    coverage = Coverage(
        part=part.replace("_", " "),
        source=source,
        taken=len(taken),
        wanted=len(wanted),
        zero=zero,
        random=random,
        aside=dict(aside),
    )
    zeros = {n: torch.zeros(wanted[n].shape, dtype=wanted[n].dtype) for n in zero}
    return taken | zeros, coverage


def _hint(part: Part, offered: Mapping[str, Tensor], kinds: Mapping[str, list[str]]) -> str:
    if not offered:
        return f"this source has nothing for the {part.replace('_', ' ')}; name another"
    if part == "pyramid" and any(
        name.startswith("norms.") for kind in ("missing", "unexpected") for name in kinds[kind]
    ):
        return "model.pyramid.output_norms has to be true for Mask2Former's Swin, false for timm's"
    if part == "mask_head" and any(".bias" in name for name in kinds["unexpected"]):
        return "model.mask_head.extra_lateral_relu has to be true for weights of the code family"
    return "compare the sizes in the recipe with those of the source"
