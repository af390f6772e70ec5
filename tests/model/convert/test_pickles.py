"""Pickles: arrays come out, code does not run."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch

from segearth.errors import CheckpointError
from segearth.model.convert.pickles import read_pickle

ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)


class Attack:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("wrap", [dict, OrderedDict])
def test_arrays_as_detectron2_writes_them(tmp_path, protocol, wrap):
    tree = {"model": wrap({"a": ARRAY, "n": np.int64([3])}), "__author__": "x", "step": 7}
    file = tmp_path / "model_final.pkl"
    file.write_bytes(pickle.dumps(tree, protocol=protocol))

    read = read_pickle(file)

    assert torch.equal(read["a"], torch.from_numpy(ARRAY))
    assert read["n"].tolist() == [3]
    assert len(read) == 2


def test_a_file_of_torch_is_read_with_weights_only(tmp_path):
    torch.save({"model": {"a": torch.ones(2)}, "iteration": 3}, tmp_path / "a.pth")

    assert read_pickle(tmp_path / "a.pth")["a"].tolist() == [1, 1]


@pytest.mark.parametrize("by_torch", [False, True])
def test_code_in_a_pickle_does_not_run(tmp_path, by_torch):
    trace, file = tmp_path / "was-here", tmp_path / "evil.pkl"
    tree = {"model": {"a": ARRAY, "b": Attack(trace)}}
    if by_torch:
        torch.save(tree, file)
    else:
        file.write_bytes(pickle.dumps(tree))

    with pytest.raises(CheckpointError, match="no pickle of plain arrays"):
        read_pickle(file)

    assert not trace.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"no pickle", pickle.dumps([1]), pickle.dumps({"model": {}}), pickle.dumps(ARRAY)[:40]],
    ids=["empty", "text", "list", "nothing-in-it", "cut-short"],
)
def test_broken_pickles_are_the_users_error(tmp_path, content):
    (tmp_path / "a.pkl").write_bytes(content)

    with pytest.raises(CheckpointError):
        read_pickle(tmp_path / "a.pkl")
