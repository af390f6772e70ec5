"""Read tensors out of a pickle without letting it run anything.

detectron2 releases weights as pickles of NumPy arrays. A pickle can name any function of
any module to be called while it is read; here only the handful that rebuild an array are
let through. Files that torch has written are read with ``weights_only=True``.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segearth.errors import CheckpointError

_ARRAYS = {
    (module, name)
    for module in ("numpy.core.multiarray", "numpy._core.multiarray")
    for name in ("_reconstruct", "scalar")
} | {
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that knows arrays and ordered dictionaries, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Look up what rebuilds an array.

        Raises:
            UnpicklingError: The file asks for anything else.
        """
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) in _ARRAYS:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def read_pickle(file: Path) -> dict[str, Tensor]:
    """Read the state dict of a pickle, by torch or by detectron2.

    Args:
        file: Holds names and tensors, as they are or under the key `model` or `state_dict`.

    Returns:
        Tensors by name, in the file's types; arrays are copied.

    Raises:
        CheckpointError: It cannot be read, asks for more than arrays, or holds no tensors.
    """
    if file.suffix == ".safetensors":
        raise CheckpointError(
            f"{file.name} is no pickle",
            where=str(file),
            hint="safetensors need no conversion: name the file in the recipe",
        )
    try:
        if zipfile.is_zipfile(file):
            tree = torch.load(file, map_location="cpu", weights_only=True)
        else:
            with file.open("rb") as opened:
                tree = _ArraysOnly(opened, encoding="latin1").load()
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{file.name} is no pickle of plain arrays: {str(error).splitlines()[0]}",
            where=str(file),
            hint="it could run code when read, so it is not read; get it from its authors again",
        ) from error
    except Exception as error:  # a broken pickle can fail in any way
        raise CheckpointError(
            f"{file.name} cannot be read: {type(error).__name__}",
            where=str(file),
            hint="copy or download it again",
        ) from error
    for key in ("model", "state_dict"):
        if isinstance(tree, Mapping) and isinstance(tree.get(key), Mapping):
            tree = tree[key]
    if not isinstance(tree, Mapping):
        raise CheckpointError(f"{file.name} holds no names and tensors", where=str(file))
    tensors = {str(name): _tensor(value) for name, value in tree.items() if _holds(value)}
    if not tensors:
        raise CheckpointError(f"{file.name} holds no tensors", where=str(file))
    return tensors


def _holds(value: object) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiub"
    return isinstance(value, Tensor)


def _tensor(value: Any) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(value)) if isinstance(value, np.ndarray) else value
