"""What `--check` finds before anything is loaded."""

from __future__ import annotations

import pytest

from segearth.errors import RecipeError
from segearth.training.check import require_files


def test_every_missing_file_is_listed(nano):
    recipe = nano(
        "data.train=no/train.jsonl", "data.validation=no/val.jsonl", "data.targets=no/t.jsonl"
    )

    with pytest.raises(RecipeError) as caught:
        require_files(recipe)

    for key in ("data.train", "data.validation", "data.targets"):
        assert key in caught.value.problem


def test_files_that_are_there_are_fine(nano, tmp_path):
    (tmp_path / "train.jsonl").touch()

    require_files(nano(f"data.train={tmp_path / 'train.jsonl'}"))


def test_a_model_to_start_from_is_looked_for_too(nano):
    with pytest.raises(RecipeError, match=r"train\.init_from"):
        require_files(nano("train.init_from=runs/there/is/nothing"))


def test_a_shipped_model_is_a_start_that_is_there(nano):
    require_files(nano("train.init_from=mini"))
