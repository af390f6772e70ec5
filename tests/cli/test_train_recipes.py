"""`segearth train --check` of every recipe that repeats a row of the paper."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from segearth.cli.app import app

MECHANISMS = Path(__file__).parents[2] / "recipes" / "mechanisms"


@pytest.mark.parametrize("path", sorted(MECHANISMS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_row_of_the_paper_passes_its_check(path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(app, ["train", str(path), "--check", "--json"])

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["recipe"]["train"]["steps"] == 50_000  # Table 8
    assert "data.train: data/earthreason/train.jsonl" in told["missing"]
    assert {"language", "mask head"} <= {part["part"] for part in told["weights"]}
