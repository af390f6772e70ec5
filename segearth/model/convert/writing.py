"""Write converted tensors, and say which of them went where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from segearth.data.claim import claim_folder
from segearth.errors import CheckpointError, UsageError
from segearth.files import atomic_path

ASIDE = "left-aside.safetensors"
"""Tensors that no part of ours has, under their own names, so that nothing is lost."""

THEIR_CONFIG = "upstream-config.json"
"""The source's config.json, kept beside our model; R2's goes back from there."""


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What a conversion did.

    Attributes:
        written: Files and folders.
        taken: Number of source tensors that went into each part.
        aside: Names left aside, by the mechanism they belong to.
        notes: What else there is to know, a sentence each.
    """

    written: list[Path]
    taken: Mapping[str, int]
    aside: Mapping[str, list[str]]
    notes: list[str]


def write_tensors(file: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file, whole or not at all, tensors in the types they have.

    Raises:
        DataError: The folder cannot be written to, or the disk is full.
    """
    plain = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with atomic_path(file) as temporary:
        save_file(plain, temporary, metadata={"format": "pt"})


def claim_target(source: Path, out: Path, mark: str, *, overwrite: bool) -> None:
    """Make the folder for the results; see `claim_folder`.

    Raises:
        UsageError: It holds results already, or it is the source itself.
        DataError: It cannot be made or written to.
    """
    if out.exists() and out.resolve() == source.resolve():
        raise UsageError(
            f"{out} is where the source lies", where="--out", hint="name another folder"
        )
    claim_folder(out, mark, overwrite=overwrite)


def require_parts(
    parts: Mapping[str, Mapping[str, Tensor]], wanted: Sequence[str], source: Path
) -> None:
    """Refuse a source that lacks a whole part, or the language model's embedding.

    Raises:
        CheckpointError: Names what it lacks.
    """
    absent = [part.replace("_", " ") for part in wanted if part not in parts]
    words = parts.get("language", {}).get("model.embed_tokens.weight")
    if "language" in wanted and (words is None or words.ndim != 2):
        absent.append("model.embed_tokens.weight of rows and columns")
    if absent:
        raise CheckpointError(f"it has no {', no '.join(absent)}", where=str(source))


def by_reason(aside: Mapping[str, str]) -> dict[str, list[str]]:
    """Turn name -> reason into reason -> names."""
    reasons: dict[str, list[str]] = {}
    for name, why in aside.items():
        reasons.setdefault(why, []).append(name)
    return reasons


def refuse_unknown(unknown: list[str], *, source: str, kind: str) -> None:
    """Refuse a source with names that the converter does not know.

    Raises:
        CheckpointError: There are any.
    """
    if unknown:
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise CheckpointError(
            f"not all of it is {kind}; unknown: {'; '.join(unknown[:5])}{more}",
            where=source,
            hint="name the released file or folder itself, unchanged",
        )
