"""Imports may only point down. A cycle or a shortcut shows up here, not in review."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "segearth"
MODULES = sorted(PACKAGE.rglob("*.py"))

# A module imports its own folder and lower layers; never sideways, never up.
LAYERS = [
    {"__init__", "errors"},
    {"files"},
    {"config", "geo", "metrics"},
    {"data", "matching"},
    {"published"},
    {"model", "losses"},
    {"building", "evaluation", "prediction", "profiling"},
    {"training"},
    {"cli"},
    {"__main__"},
]
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}

# A surveyor can use these without waiting for torch, and without a machine that can run it.
WITH_TORCH = re.compile(
    r"(model|losses|evaluation|prediction|profiling|training)/|matching"
    # What turns records into tensors; all else in data/ is about files, words and shapes.
    r"|data/(augment|letterbox|packing|prompting|samples)"
    # SAM; all other stages of building a dataset are about files, boxes and shapes.
    r"|building/masks/sam\.py"
)
TORCH = {"torch", "torchvision", "transformers", "peft", "timm", "accelerate", "safetensors"}

# Distribution names that differ from what one imports.
DISTRIBUTION = {
    "cv2": "opencv-python-headless",
    "google": "google-genai",
    "huggingface_hub": "huggingface-hub",
    "yaml": "pyyaml",
}
# Declared without being imported by us, and why.
NOT_IMPORTED = {
    "torchvision": "timm imports it, and pip has to choose it together with torch",
    "tensorboard": "torch.utils.tensorboard imports it",
}


def imported(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Dotted names that a file imports, wherever in the file it does so."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = set()
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


def own(names: set[str]) -> set[str]:
    """First name below `segearth` of the imports that stay inside the package."""
    return {name.split(".")[1] for name in names if name.startswith("segearth.")} - {"__version__"}


def foreign(names: set[str]) -> set[str]:
    """First name of the imports that are neither ours nor Python's."""
    return {name.split(".")[0] for name in names} - {"segearth"} - sys.stdlib_module_names


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_down(path):
    here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")

    for there in own(imported(path)) - {here}:
        assert LAYER[there] < LAYER[here], f"{here} may not import {there}"


@pytest.mark.parametrize(
    "path", [path for path in MODULES if not WITH_TORCH.match(name_of(path))], ids=name_of
)
def test_modules_without_tensors_do_without_torch(path):
    # cli/ may start something that needs torch, but only when it is about to be used.
    in_cli = name_of(path).startswith("cli/")

    assert not foreign(imported(path, top_level_only=in_cli)) & TORCH


def test_every_folder_and_file_has_a_layer():
    found = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES}

    assert found - LAYER.keys() == set()


def test_what_is_imported_is_declared_and_what_is_declared_is_used():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names_in(lines):
        return {re.split(r"[<>=!~\[ ]", line)[0] for line in lines}

    declared = names_in(project["dependencies"])
    extras = project["optional-dependencies"]
    on_request = set().union(
        *(names_in(lines) for name, lines in extras.items() if name not in ("test", "dev"))
    )

    names = {name for path in MODULES for name in foreign(imported(path))}
    used = {DISTRIBUTION.get(name, name) for name in names}

    assert used - declared - on_request == set()
    assert on_request - used == set()
    assert declared - used == NOT_IMPORTED.keys()
