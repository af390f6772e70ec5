"""`segearth profile`, seen from the shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from segearth.cli.app import app
from segearth.config.load import load_recipe
from segearth.model.build import build_model
from segearth.model.checkpoint import save_model
from segearth.model.inputs import build_prompter, build_tokenizer

ROOT = Path(__file__).parents[2]
run = CliRunner().invoke


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    name = f"model.language.name={ROOT / 'segearth' / 'model' / 'nano'}"
    recipe = load_recipe(ROOT / "recipes" / "nano.yaml", [name]).model
    torch.manual_seed(0)
    prompter = build_prompter(recipe, build_tokenizer(recipe))
    model = build_model(recipe, prompter, pretrained=False)
    where = tmp_path_factory.mktemp("nano")
    save_model(where, model, prompter, recipe, card="# nano\n")
    return where


def test_the_papers_model_is_counted_without_weights():
    result = run(app, ["profile", "--queries", "1", "--decode", "joint", "--json"])

    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    printed = json.loads(result.stdout)
    (row,) = printed["rows"]
    assert (printed["model"], printed["image_size"]) == ("mipha-3b", 1024)
    assert printed["image_tokens"] + printed["text_tokens"] == row["tokens"] == 790
    assert row["tflops"] == pytest.approx(6.1, rel=0.02)
    assert row["latency_s"] is None
    assert row["peak_bytes"] is None


def test_a_folder_is_counted_and_timed(folder):
    result = run(app, ["profile", str(folder), "--decode", "joint", "--runs", "2", "--json"])

    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert [(row["k"], row["decode"]) for row in printed["rows"]] == [(1, "joint")]
    assert printed["rows"][0]["latency_s"]["runs"] == 2


def lines_of(stdout):
    """The table's lines by their first three cells: part, k, decoding."""
    cells = [line.split() for line in stdout.splitlines()]
    return {tuple(words[:3]): words[3:] for words in cells if len(words) > 4}


def test_one_table_names_flops_and_macs_by_part_with_their_times(folder):
    result = run(app, ["profile", str(folder), "--queries", "3", "--runs", "1"])

    assert result.exit_code == 0
    heads = ("GFLOPs", "GMACs", "ms, median", "min to max", "% of peak", "time goes to", "peak, MB")
    assert [line for line in result.stdout.splitlines() if all(h in line for h in heads)]
    found = lines_of(result.stdout)
    for decode in ("joint", "per-query"):
        flops, macs = map(float, found["all", "3", decode][:2])
        assert flops == pytest.approx(2 * macs, rel=1e-3)
        assert ("rest", "3", decode) in found
    assert "mask encoder" in result.stdout
    assert "selection" in result.stdout
    assert "image tower" not in result.stdout  # nano has none
    assert ("a", "further", "question") in found
    caption = " ".join(result.stdout.split())  # wrapped where the table ends
    for words in ("FLOPs are twice the MACs", "Not counted: ", "Peak: ", "GB/s", "after two"):
        assert words in caption


def test_a_part_that_costs_the_same_for_every_k_has_one_line():
    result = run(app, ["profile", "--queries", "3,1"])

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert sum("image tower" in line for line in lines) == 1
    assert sum("query decoder" in line for line in lines) == 4
    assert "mask encoder" in next(line for line in lines if " any " in line and "mask" in line)


def test_a_figure_is_drawn_beside_the_result(folder, tmp_path):
    path = tmp_path / "fig5.png"

    result = run(app, ["profile", str(folder), "--runs", "1", "--plot", str(path), "--json"])

    assert result.exit_code == 0
    assert json.loads(result.stdout)["rows"]
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(["--queries", "ten"], 2, "no list of numbers", id="queries"),
        pytest.param(["--text-tokens", "5"], 2, "leave no prompt", id="short-text"),
        pytest.param(["nowhere"], 4, "there is no model nowhere", id="no-model"),
        pytest.param(["nowhere", "--text-tokens", "80"], 2, "own tokenizer", id="text-of-a-model"),
        pytest.param(["--plot", "fig5.txt"], 2, "no picture", id="plot"),
        pytest.param(["--plot", "nowhere/fig5.png"], 3, "no folder", id="plot-nowhere"),
        pytest.param(["--decode", "both-ways"], 2, "both-ways", id="decode"),
    ],
)
def test_mistakes_are_told_in_a_line(words, code, said):
    result = run(app, ["profile", *words])

    assert result.exit_code == code
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


@pytest.mark.parametrize("words", [("--device", "cpu"), ("--dtype", "bf16"), ("--runs", "3")])
def test_timing_what_has_no_weights_is_refused(words):
    result = run(app, ["profile", "--queries", "1", *words])

    assert result.exit_code == 2
    assert words[0] in result.stderr
    assert "no weights" in result.stderr
