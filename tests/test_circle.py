"""The whole circle as a user walks it: draw, train, eval, predict, profile, in one minute."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from segearth.cli.app import app

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.stderr
    return result


def said(result):
    """The JSON that a command prints; stdout holds nothing else."""
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """Draw scenes and train on others of their kind; the later steps start here."""
    place = tmp_path_factory.mktemp("circle")
    drawn = said(run("data", "draw", place / "scenes", "--count", 6, "--size", 128, "--json"))
    trained = said(
        run(
            *("train", ROOT / "recipes" / "nano.yaml", "--out", place / "nano", "--json"),
            *("--set", f"data.validation={drawn['manifest']}"),
            *("--set", "train.steps=40", "--set", "train.validate_every=40"),
        )
    )
    return place, drawn, trained


def test_drawing(walked):
    place, drawn, _ = walked

    assert drawn["images"] == 6
    assert drawn["records"] > 6
    run("data", "check", place / "scenes" / "manifest.jsonl")


def test_training(walked):
    place, _, trained = walked
    log = [json.loads(line) for line in (place / "nano" / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in log if "loss" in line]

    assert trained["steps"] == 40
    assert 0 <= trained["validation_giou"] <= 1
    assert losses[-1] < losses[0]
    assert {"recipe.yaml", "log.jsonl", "tensorboard", "last", "best"} <= {
        path.name for path in (place / "nano").iterdir()
    }


@pytest.mark.parametrize("protocol", ["generate", "teacher-forced"])
def test_evaluating(walked, protocol):
    place, drawn, _ = walked

    report = said(
        run(
            *("eval", place / "nano" / "best", "--data", drawn["manifest"], "--json"),
            *("--protocol", protocol, "-o", place / f"report-{protocol}"),
        )
    )

    assert report["records"] == drawn["records"]
    assert report["targets"] == drawn["targets"]
    assert 0 <= report["giou"] <= 1
    assert (place / f"report-{protocol}" / "samples.jsonl").is_file()


def test_training_and_evaluating_measure_the_same(walked):
    """`validation_giou` is what `eval --metric strict` says of the same records."""
    place, _drawn, trained = walked
    records = (place / "scenes" / "manifest.jsonl").read_text().splitlines()
    step = len(records) / 8  # the recipe validates on eight, spread evenly
    chosen = [records[int(number * step)] for number in range(8)]
    (place / "scenes" / "eight.jsonl").write_text("\n".join(chosen) + "\n")

    report = said(
        run(
            *("eval", place / "nano" / "best", "--data", place / "scenes" / "eight.jsonl"),
            *("--metric", "strict", "--json"),
        )
    )

    assert report["giou"] == pytest.approx(trained["validation_giou"], abs=1e-6)


def test_predicting(walked):
    place, _, _ = walked

    prediction = said(
        run(
            *("predict", place / "scenes" / "images" / "scene-0000.tif", "the runway", "--json"),
            *("-m", place / "nano" / "best", "-o", place / "prediction"),
        )
    )

    assert prediction["crs"] == "EPSG:32632"
    assert prediction["found"] == len(prediction["targets"])
    assert (place / "prediction" / "prediction.json").is_file()


def test_profiling(walked):
    place, _, _ = walked

    profile = json.loads(
        run("profile", place / "nano" / "best", "--json").stdout.strip().splitlines()[-1]
    )

    assert profile["rows"][0]["tmacs"] > 0


DECODER = "{hidden_size: 32, mlp_dim: 32, num_hidden_layers: 2, num_attention_heads: 2}"
PROMPTS = "prompt_encoder_config: {hidden_size: 32, image_size: 64, patch_size: 16"
HEADS = {
    "sam": "{vision_config: {hidden_size: 32, output_channels: 32, num_hidden_layers: 2, "
    "num_attention_heads: 2, image_size: 64, patch_size: 16, mlp_dim: 64, window_size: 2, "
    "global_attn_indexes: [1], num_pos_feats: 16}, "
    f"{PROMPTS}, image_embedding_size: 4}}, mask_decoder_config: {DECODER}}}",
    "sam2": "{vision_config: {backbone_config: {model_type: sam2_hiera_det_model, "
    "hidden_size: 16, image_size: [64, 64], blocks_per_stage: [1, 1, 2, 1], "
    "embed_dim_per_stage: [16, 32, 64, 128], num_attention_heads_per_stage: [1, 2, 4, 8], "
    "window_size_per_stage: [4, 4, 2, 2], global_attention_blocks: [3]}, "
    "backbone_channel_list: [128, 64, 32, 16], "
    "backbone_feature_sizes: [[16, 16], [8, 8], [4, 4]], fpn_hidden_size: 32}, "
    f"{PROMPTS}}}, mask_decoder_config: {DECODER}}}",
}
TOWER = (
    "{hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2, num_attention_heads: 2, "
    "image_size: 64, patch_size: 16}"
)
SAM = (
    *("model.pyramid.image_size=64", "model.pyramid.frozen=true"),
    *("model.image_tokens.source=tower", f"model.image_tokens.config={TOWER}"),
)
ROWS = {
    "instruction-as-query": ["model.mechanism=instruction_as_query"],
    "strided-connector": [
        *("model.image_tokens.connection=strided", "model.image_tokens.level=-1"),
        "model.pyramid.image_size=128",
    ],
    "propose-then-select": ["model.mechanism=propose_then_select", "model.proposals=4"],
    **{
        kind: [f"model.mask_head.kind={kind}", f"model.mask_head.config={config}", *SAM]
        for kind, config in HEADS.items()
    },
}


@pytest.mark.parametrize("row", ROWS)
def test_the_rows_of_tables_5_and_6_at_toy_size(walked, row):
    """Another mechanism or mask head is a matter of the recipe alone."""
    place, _, _ = walked
    changes = [f"--set={line}" for line in (*ROWS[row], "train.steps=2")]

    run("train", ROOT / "recipes" / "nano.yaml", "--out", place / row, *changes)
    prediction = said(
        run(
            *("predict", place / "scenes" / "images" / "scene-0000.tif", "the runway", "--json"),
            *("-m", place / row / "last", "-o", place / f"prediction-{row}"),
        )
    )

    assert prediction["found"] == len(prediction["targets"])
    kept = (place / row / "last" / "config.json").read_text(encoding="utf-8")
    assert any(line.partition("=")[2] in kept for line in ROWS[row])


def test_going_on_with_a_finished_run(walked):
    place, _, _ = walked

    again = said(
        run("train", place / "nano" / "recipe.yaml", "--out", place / "nano", "--resume", "--json")
    )

    assert again["steps"] == 40


def test_checking_a_recipe():
    result = run("train", ROOT / "recipes" / "nano.yaml", "--check")

    assert "is fine" in result.stderr
