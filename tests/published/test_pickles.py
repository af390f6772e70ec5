"""Plain data comes out of a pickle; nothing that is in it is ever run."""

from __future__ import annotations

import collections
import datetime
import os
import pickle
import subprocess

import numpy as np
import pytest

from segearth.errors import DataError
from segearth.published.pickles import read_pickle

REFS = [{"ref_id": 7, "sentences": [{"raw": "the left ship", "tokens": ["the"]}], "ok": (1, 2.5)}]


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *values):
        self.call = (function, values)

    def __reduce__(self):
        return self.call


def written(tmp_path, value, protocol=4):
    path = tmp_path / "data.p"
    path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol))
    return path


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_of_every_protocol(tmp_path, protocol):
    value = [*REFS, {"counts": b"ab\x80", "none": None, "set": {1}, "big": 1 << 70}]

    assert read_pickle(written(tmp_path, value, protocol)) == value


def test_text_of_python_2(tmp_path):
    by_hand = b"(lp0\n(dp1\nS'raw'\np2\nS'the ship'\np3\nsS'n'\np4\nI5\nsa."

    assert read_pickle(written(tmp_path, by_hand)) == [{"raw": "the ship", "n": 5}]


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_numpy_s_numbers_become_python_s(tmp_path, protocol):
    value = {
        "bbox": np.array([1.5, 2, 3, 4], np.float32),
        "size": np.int64(12),
        "by_column": np.asfortranarray([[1, 2], [3, 4]]),
        "swapped": np.array([1, 256], ">i2"),
        "ordered": collections.OrderedDict(a=np.float64(0.5)),
    }

    plain = read_pickle(written(tmp_path, value, protocol))

    assert plain == {
        "bbox": [1.5, 2, 3, 4],
        "size": 12,
        "by_column": [[1, 2], [3, 4]],
        "swapped": [1, 256],
        "ordered": {"a": 0.5},
    }
    assert type(plain["size"]) is int


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(Call(os.system, "touch ran"), id="shell"),
        pytest.param(Call(subprocess.Popen, ["touch", "ran"]), id="process"),
        pytest.param(Call(eval, "open('ran', 'w')"), id="eval"),
        pytest.param(Call(getattr, "text", "upper"), id="getattr"),
        pytest.param(datetime.date(2020, 1, 1), id="class"),
        pytest.param(os.system, id="function"),
        pytest.param(np.array([os.system], object), id="objects-in-an-array"),
        pytest.param(np.dtype("f8"), id="type"),
        pytest.param(b"cos\nsystem\n(S'touch ran'\ntR.", id="old-protocol"),
        pytest.param(b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntRc_codecs\nencode\n}b.", id="build"),
    ],
)
def test_anything_else_is_refused_and_not_run(tmp_path, monkeypatch, value):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(DataError, match=r"is refused: it names|no pickle that can be read"):
        read_pickle(written(tmp_path, value))

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("cut", [0, 1, 10, -1])
def test_a_damaged_file_is_told(tmp_path, cut):
    data = pickle.dumps(REFS)[:cut]

    with pytest.raises(DataError, match="no pickle that can be read"):
        read_pickle(written(tmp_path, data))


def test_what_refers_to_itself_over_and_over_takes_no_memory(tmp_path):
    value = ["x"]
    for _ in range(60):
        value = [value, value]

    read = read_pickle(written(tmp_path, value))

    assert read[0] is read[1]


def test_a_circle_is_refused(tmp_path):
    value = []
    value.append(value)

    with pytest.raises(DataError, match="nested more than 100 deep"):
        read_pickle(written(tmp_path, value))


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"none\.p cannot be read"):
        read_pickle(tmp_path / "none.p")
