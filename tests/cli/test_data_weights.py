"""`segearth data convert-weights` and `segearth train --check`, seen from the shell."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from segearth.cli.app import app
from segearth.cli.data_weights import EVALUATED, Kind, Template
from segearth.config.templates import R2_EVALUATED, R2_TEMPLATES
from segearth.model.pixel_decoder import PixelDecoder
from segearth.model.pyramid import Pyramid
from segearth.model.query_decoder import QueryDecoder

run = CliRunner().invoke
ROOT = Path(__file__).parents[2]
NANO = str(ROOT / "recipes" / "nano.yaml")


@pytest.fixture
def pickled(tmp_path):
    """A pickle of a few tensors with official names."""
    names = (
        "backbone.norm0.weight",
        "backbone.layers.0.blocks.0.attn.relative_position_index",
        "sem_seg_head.pixel_decoder.adapter_1.weight",
        "sem_seg_head.predictor.query_feat.weight",
        "sem_seg_head.predictor.class_embed.bias",
    )
    tree = {"model": {name: np.full((2, 2), i, np.float32) for i, name in enumerate(names)}}
    file = tmp_path / "model_final.pkl"
    file.write_bytes(pickle.dumps(tree))
    return file


def convert(kind, source, out, *more):
    return run(app, ["data", "convert-weights", kind, str(source), "-o", str(out), *more])


def test_a_pickle_as_json(pickled, tmp_path):
    result = convert("mask2former", pickled, tmp_path / "ä ö", "--json")

    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert printed["tensors"] == {"pyramid": 1, "mask_head": 1}
    assert printed["left_aside"] == {
        "rebuilt from the window size": ["backbone.layers.0.blocks.0.attn.relative_position_index"],
        "learnt queries; [SEG] takes their place": ["sem_seg_head.predictor.query_feat.weight"],
        "class head": ["sem_seg_head.predictor.class_embed.bias"],
    }
    head = load_file(tmp_path / "ä ö" / "mask_head.safetensors")
    assert head["pixel_decoder.adapter_1.0.weight"].tolist() == [[2, 2], [2, 2]]
    assert all(Path(path).is_file() for path in printed["written"])


def test_the_table_counts_what_was_left_aside(pickled, tmp_path):
    result = convert("mask2former", pickled, tmp_path / "out")

    assert result.exit_code == 0
    assert "left aside: class head" in result.stdout
    assert "model.mask_head.weights:" in result.stdout


def test_a_second_time_is_refused_unless_told(pickled, tmp_path):
    assert convert("mask2former", pickled, tmp_path / "out").exit_code == 0

    again = convert("mask2former", pickled, tmp_path / "out")

    assert again.exit_code == 2
    assert "--overwrite" in again.stderr
    assert convert("mask2former", pickled, tmp_path / "out", "--overwrite").exit_code == 0


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("there", [False, True], ids=["nothing-there", "empty-folder"])
def test_a_source_that_is_none_is_one_message(tmp_path, kind, there):
    source = tmp_path / "src"
    if there:
        source.mkdir()

    result = convert(kind, source, tmp_path / "out")

    assert result.exit_code == 4
    assert "error:" in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_the_folder_of_the_source_is_never_the_target(tmp_path):
    shipped = ROOT / "segearth" / "weights" / "mini"
    before = (shipped / "config.json").read_bytes()

    result = convert("to-segearth-r2", shipped, shipped, "--overwrite")

    assert result.exit_code in (2, 4)
    assert (shipped / "config.json").read_bytes() == before


@pytest.fixture
def head(tmp_path):
    """Starting weights for the mask head of the nano recipe."""
    sizes = {"width": 32, "heads": 4, "layers": 1, "ffn": 64}
    channels = Pyramid("test_efficientnet_ln", 96).channels
    parts = {
        "pixel_decoder": PixelDecoder(channels, **sizes),
        "predictor": QueryDecoder(**{**sizes, "layers": 3}),
    }
    tensors = {
        f"{part}.{name}": torch.zeros_like(tensor)
        for part, module in parts.items()
        for name, tensor in module.state_dict().items()
    }
    file = tmp_path / "head.safetensors"
    save_file(tensors, file)
    return file, len(tensors)


def test_check_says_what_would_be_loaded_and_what_is_missing(head, tmp_path):
    file, count = head
    changes = (
        f"model.mask_head.weights={file}",
        "model.pyramid.weights=no-such/hub-model",
        "model.image_tokens.connector=gone.safetensors",
    )

    result = run(
        app,
        [
            "train",
            NANO,
            "--check",
            "--json",
            *(word for change in changes for word in ("--set", change)),
        ],
    )

    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    by_part = {entry["part"]: entry for entry in printed["weights"]}
    assert (by_part["mask head"]["taken"], by_part["mask head"]["wanted"]) == (count, count)
    assert not by_part["pyramid"]["here"]
    assert "hub" in by_part["pyramid"]["note"]
    assert sorted(printed["missing"]) == [
        "model.image_tokens.connector: gone.safetensors",
        "model.pyramid.weights: no-such/hub-model",
    ]
    assert f"mask head: {count} of {count} tensors from {file}" in result.stderr


def test_check_refuses_weights_that_do_not_fit(head):
    file, _ = head

    result = run(
        app,
        [
            "train",
            NANO,
            "--check",
            "--set",
            f"model.mask_head.weights={file}",
            "--set",
            "model.mask_head.decoder_layers=6",
        ],
    )

    assert result.exit_code == 4
    assert "missing: predictor.transformer_cross_attention_layers.3" in result.stderr


def test_the_papers_recipe_names_a_source_for_every_part(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    result = run(app, ["train", str(ROOT / "recipes" / "lasers.yaml"), "--check", "--json"])

    assert result.exit_code == 0, result.output
    parts = {entry["part"]: entry["source"] for entry in json.loads(result.stdout)["weights"]}
    assert parts == {
        "tokenizer and config": "microsoft/phi-2",
        "image tower's config": "google/siglip-so400m-patch14-384",
        "language": "zhumj34/Mipha-3B",
        "image tower": "zhumj34/Mipha-3B",
        "connector": "zhumj34/Mipha-3B",
        "pyramid": "facebook/mask2former-swin-base-coco-panoptic",
        "mask head": "facebook/mask2former-swin-base-coco-panoptic",
    }


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("model.language.config={model_type: phi, hidden_size: abc}", "model.language.config"),
        (
            "model.language.config={model_type: phi, hidden_size: 32, num_attention_heads: 3}",
            "model.language.config",
        ),
        (
            "model.image_tokens={source: tower, config: {hidden_size: 32, num_attention_heads: 3}}",
            "model.image_tokens.config",
        ),
        (
            "model.image_tokens={source: tower, config: {patch_size: 0}}",
            "model.image_tokens.config",
        ),
        ("model.mask_head={kind: mask2former, heads: 5}", "model.mask_head.width"),
    ],
)
def test_sizes_that_make_no_model_are_one_message(tmp_path, change, key):
    out = tmp_path / "run"

    result = run(app, ["train", NANO, "--out", str(out), "--set", change])

    assert result.exit_code in (2, 4), result.output
    assert key in result.stderr
    assert "Traceback" not in result.output


def test_the_templates_on_offer_are_those_that_exist():
    assert get_args(Template) == tuple(R2_TEMPLATES)
    assert EVALUATED == R2_EVALUATED
