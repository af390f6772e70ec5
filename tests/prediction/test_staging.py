"""A folder of results is one process's, whoever else writes there meanwhile."""

from __future__ import annotations

import pytest

from segearth.errors import UsageError
from segearth.prediction.staging import staged


def write(folder, text):
    for name in ("masks.tif", "prediction.json"):
        (folder / name).write_text(text)


def race(out):
    with staged(out, overwrite=False) as slow:
        write(slow, "slow")
        with staged(out, overwrite=False) as quick:
            write(quick, "quick")


@pytest.mark.parametrize("there", [False, True])
def test_of_two_at_once_the_quicker_stays(tmp_path, there):
    out = tmp_path / "out"
    if there:
        out.mkdir()

    with pytest.raises(UsageError, match="holds earlier results"):
        race(out)

    assert {path.name: path.read_text() for path in out.iterdir()} == {
        "masks.tif": "quick",
        "prediction.json": "quick",
    }
    assert list(tmp_path.iterdir()) == [out]


def test_who_may_replace_comes_last(tmp_path):
    with staged(tmp_path, overwrite=True) as slow:
        write(slow, "slow")
        with staged(tmp_path, overwrite=False) as quick:
            write(quick, "quick")

    assert (tmp_path / "masks.tif").read_text() == "slow"
