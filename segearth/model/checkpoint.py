"""A model folder: config.json, model.safetensors, tokenizer files, README.md.

Loading is strict: a tensor that is missing, unexpected or misshapen is named and refused,
so that a half-loaded model never answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from segearth.config.load import from_tree, to_tree
from segearth.config.model import ModelRecipe
from segearth.config.places import place_of, shipped_models
from segearth.data.prompting import Prompter
from segearth.errors import CheckpointError, DataError, RecipeError
from segearth.files import atomic_path, write_text
from segearth.model.build import build_model, self_contained
from segearth.model.inputs import build_prompter, build_tokenizer
from segearth.model.segearth import SegEarth

CONFIG = "config.json"
WEIGHTS = "model.safetensors"


def model_folder(name: str | Path, *, where: str = "--model") -> Path:
    """Find a model: the name of a shipped one, or a folder.

    Args:
        name: Of a shipped model, or a path.
        where: What the user gave it as, for messages.

    Raises:
        CheckpointError: There is no such folder, or it is not a model.
    """
    folder = place_of(name)
    if not folder.is_dir():
        raise CheckpointError(
            f"there is no model {name}",
            where=where,
            hint=f"shipped: {', '.join(shipped_models()) or 'none'}; "
            "or a folder such as runs/a/best",
        )
    missing = [part for part in (CONFIG, WEIGHTS) if not (folder / part).is_file()]
    if missing:
        held = sorted(path.name for path in folder.iterdir())
        listing = ", ".join(held[:5]) + (f" and {len(held) - 5} more" if len(held) > 5 else "")
        raise CheckpointError(
            f"{folder} is not a model folder: it has no {' and no '.join(missing)}"
            f" (found {listing or 'nothing'})",
            where=where,
            hint="pass a folder such as runs/a/best; pickled weights are never read",
        )
    return folder


def read_recipe(folder: Path) -> ModelRecipe:
    """Read config.json.

    Raises:
        CheckpointError: It is not JSON, or does not describe a model.
    """
    try:
        tree = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return from_tree(ModelRecipe, tree["model"], where=CONFIG)
    except RecipeError as error:
        why = error.problem.replace("\n  - ", ": ", 1).replace("\n  - ", "; ")
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"{type(error).__name__} {error}"
    raise CheckpointError(
        f"{CONFIG} does not describe a segearth model ({why})",
        where=str(folder),
        hint="copy the folder again, config.json included",
    )


def load_model(folder: Path) -> tuple[SegEarth, Prompter, ModelRecipe]:
    """Rebuild the model that `save_model` wrote.

    Raises:
        CheckpointError: A file or tensor is missing, unexpected or misshapen.
    """
    recipe = read_recipe(folder)
    prompter = build_prompter(recipe, build_tokenizer(recipe, folder))
    model = build_model(recipe, prompter, pretrained=False)
    load_tensors(model, read_tensors(folder / WEIGHTS), where=str(folder / WEIGHTS))
    return model.eval(), prompter, recipe


def save_model(
    folder: Path,
    model: SegEarth,
    prompter: Prompter,
    recipe: ModelRecipe,
    *,
    card: str,
    tensors: Mapping[str, Tensor] | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Write a model folder; each file appears whole or not at all.

    Args:
        folder: Made if missing.
        model: Gives the weights, unless `tensors` does.
        prompter: Gives the tokenizer.
        recipe: Goes to config.json.
        card: Model card, Markdown.
        tensors: Weights to write instead, such as a moving average.
        dtype: Floating type on disk; as in memory when None.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be made: {error.strerror}", hint="choose a folder below one of yours"
        ) from error
    state = tensors or model.state_dict()
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    kept = {name: t for name, t in kept.items() if name not in tied_names(model)}
    if dtype is not None:
        kept = {n: t.to(dtype) if t.is_floating_point() else t for n, t in kept.items()}
    prompter.tokenizer.save_pretrained(str(folder))
    write_text(folder / "README.md", card)
    with atomic_path(folder / WEIGHTS) as temporary:
        save_file(kept, temporary, metadata={"format": "pt"})
    whole = to_tree(self_contained(recipe, model))
    write_text(folder / CONFIG, json.dumps({"schema": 1, "model": whole}, indent=1) + "\n")


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        CheckpointError: It is missing, cut short, or something else, such as a pickle.
    """
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{file.name} is not a whole safetensors file: {error}",
            where=str(file.parent),
            hint="copy it again; pickled weights (.bin, .pth) are never read",
        ) from error


def load_tensors(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    where: str,
    allow_unexpected: bool = False,
) -> int:
    """Put tensors into a module by name.

    Args:
        module: Takes them, converted to its own types.
        tensors: By name.
        where: For the message.
        allow_unexpected: Ignore leftovers, such as a classifier's last layer.

    Returns:
        The number of tensors taken.

    Raises:
        CheckpointError: Names what is missing, unexpected or misshapen.
    """
    tied = tied_names(module)
    wanted = {name: t for name, t in module.state_dict().items() if name not in tied}
    faults = [f"missing {name}" for name in wanted if name not in tensors]
    faults += [
        f"misshapen {name}: {tuple(tensors[name].shape)}, expected {tuple(t.shape)}"
        for name, t in wanted.items()
        if name in tensors and tensors[name].shape != t.shape
    ]
    if not allow_unexpected:
        faults += [f"unexpected {name}" for name in tensors if name not in wanted | tied]
    if faults:
        more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise CheckpointError(
            f"weights do not fit the model: {'; '.join(faults[:5])}{more}"
            f" ({len(wanted)} tensors expected, {len(tensors)} found)",
            where=where,
        )
    state = {name: _as_wanted(tensors[name], tensor) for name, tensor in wanted.items()}
    for copy_name, name in tied.items():
        if name in state:
            state[copy_name] = state[name]
    module.load_state_dict(state, strict=True)
    return len(state)


def tied_names(module: nn.Module) -> dict[str, str]:
    """Find parameters that are the same tensor under a second name; first names lead."""
    first: dict[int, str] = {}
    tied: dict[str, str] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        key = id(parameter)
        if key in first:
            tied[name] = first[key]
        else:
            first[key] = name
    return tied


def _as_wanted(tensor: Tensor, wanted: Tensor) -> Tensor:
    return tensor.to(wanted.dtype) if tensor.is_floating_point() else tensor


def describe(model: SegEarth) -> dict[str, Any]:
    """Count parameters by part, for cards and logs."""
    return {
        name: sum(parameter.numel() for parameter in part.parameters())
        for name, part in model.named_children()
    }
