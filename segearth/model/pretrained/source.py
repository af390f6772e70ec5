"""Find weights by name: a safetensors file, a folder, or a model of the Hugging Face hub.

The hub's own cache is used (`HF_HOME`); with `HF_HUB_OFFLINE=1`, which `--offline` sets,
nothing is asked of the network.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from segearth.config.places import PICKLES, is_hub_name
from segearth.errors import CheckpointError

INDEX = "model.safetensors.index.json"
_FILES = ("*.safetensors", "*.json", "*.txt")


def find(name: str, *, where: str, download: bool = True) -> Path:
    """Find a file or folder with weights.

    Args:
        name: File, folder or hub name.
        where: The recipe's key or the option, for messages.
        download: Fetch what the cache lacks; False only looks, here and in the cache.

    Returns:
        The file, or the folder (for a hub name, the snapshot in the cache).

    Raises:
        CheckpointError: There is no such thing, or the hub cannot be reached.
    """
    if Path(name).exists():
        return Path(name)
    if not is_hub_name(name):
        raise CheckpointError(
            f"there are no weights {name}",
            where=where,
            hint="name a safetensors file, a folder or a model of the hub (owner/name)",
        )
    try:
        folder = snapshot_download(name, allow_patterns=list(_FILES), local_files_only=not download)
    except LocalEntryNotFoundError as error:
        raise CheckpointError(
            f"{name} is neither a folder here nor in the hub's cache",
            where=where,
            hint="run once with a network, set HF_HOME to a cache that has it, or name a folder",
        ) from error
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise CheckpointError(
            f"{name} cannot be fetched from the hub: {str(error).splitlines()[0]}",
            where=where,
            hint="check the name; or download it elsewhere and name the folder",
        ) from error
    return Path(folder)


def weight_files(place: Path, *, where: str) -> list[Path]:
    """List the safetensors files of a file or folder, following the index of a split model.

    Raises:
        CheckpointError: There are none, one is missing, only pickles are there, or the index
            points out of its folder.
    """
    if place.is_file():
        _refuse_pickle(place, where)
        return [place]
    if (place / INDEX).is_file():
        names = sorted(set(_json(place / INDEX, where).get("weight_map", {}).values()))
        odd = [name for name in names if not isinstance(name, str) or Path(name).name != name]
        missing = [name for name in names if name not in odd and not (place / name).is_file()]
        if odd or missing or not names:
            what = f"points out of its folder: {odd[0]}" if odd else "names files that are not here"
            raise CheckpointError(
                f"{INDEX} {what}" + (f": {', '.join(missing[:3])}" if missing else ""),
                where=f"{where} {place}",
                hint="copy or download the whole folder again",
            )
        return [place / name for name in names]
    files = sorted(place.glob("*.safetensors"))
    if len(files) == 1:
        return files
    pickles = sorted(path.name for path in place.iterdir() if path.suffix in PICKLES)
    found = f"{len(files)} safetensors files and no index" if files else "no safetensors file"
    hint = "copy or download the whole folder, with its index"
    if "snapshots" in place.parts:
        hint = "the hub's cache has a part of it: run once with a network"
    elif pickles:
        hint = "only safetensors are read; save it with save_pretrained(safe_serialization=True)"
    raise CheckpointError(
        f"{place} holds {found}" + (f", only the pickle {pickles[0]}" if pickles else ""),
        where=where,
        hint=hint,
    )


def read_weights(place: Path, *, where: str) -> dict[str, Tensor]:
    """Read all tensors of a file or folder, mapped from disk: nothing is copied until used.

    Raises:
        CheckpointError: See `weight_files`; or a file is cut short, or a name occurs twice.
    """
    tensors: dict[str, Tensor] = {}
    for file in weight_files(place, where=where):
        try:
            held = load_file(file)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(
                f"{file.name} is not a whole safetensors file: {error}",
                where=f"{where} {file.parent}",
                hint="copy or download it again",
            ) from error
        twice = tensors.keys() & held.keys()
        if twice:
            raise CheckpointError(
                f"{min(twice)} is in two files of the folder", where=f"{where} {place}"
            )
        tensors |= held
    return tensors


def read_config(folder: Path, *, where: str, name: str = "config.json") -> dict[str, Any]:
    """Read config.json of a folder, or a config of another name.

    Raises:
        CheckpointError: It is missing or no JSON object.
    """
    if not folder.is_dir():
        raise CheckpointError(
            f"there is no folder {folder}",
            where=where,
            hint="name the folder with config.json, weights and tokenizer; a model of the hub has "
            "to be downloaded first",
        )
    return _json(folder / name, where)


def _json(file: Path, where: str) -> dict[str, Any]:
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{file.name} cannot be read: {error}", where=f"{where} {file.parent}"
        ) from error
    if not isinstance(tree, dict):
        raise CheckpointError(f"{file.name} is no JSON object", where=f"{where} {file.parent}")
    return tree


def _refuse_pickle(file: Path, where: str) -> None:
    if file.suffix in PICKLES:
        raise CheckpointError(
            f"{file.name} is a pickle, and pickles are not read here",
            where=f"{where} {file}",
            hint=f"segearth data convert-weights mask2former {file.name} -o weights",
        )
