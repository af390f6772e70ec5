"""Folders for results: refused early, made late, never overwritten by accident."""

from __future__ import annotations

import pytest

from segearth.data.claim import check_folder, claim_folder
from segearth.errors import DataError, UsageError


def test_a_new_folder_is_made_with_those_above_it(tmp_path):
    claim_folder(tmp_path / "a" / "b", "done.json", overwrite=False)

    assert (tmp_path / "a" / "b").is_dir()


def test_a_check_makes_nothing(tmp_path):
    check_folder(tmp_path / "a" / "b", "done.json", overwrite=False)

    assert list(tmp_path.iterdir()) == []


def test_earlier_results_are_refused_or_unmarked(tmp_path):
    (tmp_path / "done.json").touch()

    with pytest.raises(UsageError, match="already holds results"):
        claim_folder(tmp_path, "done.json", overwrite=False)
    claim_folder(tmp_path, "done.json", overwrite=True)

    assert list(tmp_path.iterdir()) == []


def test_other_files_are_no_results(tmp_path):
    (tmp_path / "notes.txt").touch()

    claim_folder(tmp_path, "done.json", overwrite=False)

    assert (tmp_path / "notes.txt").exists()


@pytest.mark.parametrize("name", ["file", "file/deeper"])
def test_a_file_is_no_folder(tmp_path, name):
    (tmp_path / "file").touch()

    with pytest.raises(DataError):
        check_folder(tmp_path / name, "done.json", overwrite=False)
