"""Small models: sizes alone, and one with weights in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from segearth.config.load import load_recipe
from segearth.model.build import build_model
from segearth.model.checkpoint import save_model
from segearth.model.inputs import build_prompter, build_tokenizer

ROOT = Path(__file__).parents[2]
NANO = ROOT / "recipes" / "nano.yaml"
LANGUAGE = "{model_type: %s, vocab_size: 900, hidden_size: 64, num_hidden_layers: 2, "
LANGUAGE += "num_attention_heads: 4, intermediate_size: 96%s}"


@pytest.fixture(scope="session")
def nano():
    """The model of recipes/nano.yaml, changed as asked for."""

    def make(*changes):
        name = f"model.language.name={ROOT / 'segearth' / 'model' / 'nano'}"
        return load_recipe(NANO, [name, *changes]).model

    return make


@pytest.fixture(scope="session")
def variants(nano):
    """Models that differ in what is counted: language model, source of image tokens, LoRA."""
    tower = "{hidden_size: 32, intermediate_size: 48, num_hidden_layers: 2, "
    tower += "num_attention_heads: 2, image_size: 46, patch_size: 14}"
    return {
        "phi": nano(),
        "llama": nano(f"model.language.config={LANGUAGE % ('llama', ', num_key_value_heads: 2')}"),
        "bert": nano(
            f"model.language.config={LANGUAGE % ('bert', ', is_decoder: true')}",
            "model.language.attention=prefix",
        ),
        "tower": nano(
            "model.image_tokens.source=tower",
            f"model.image_tokens.config={tower}",
            "model.image_tokens.grid_position=false",
            "model.language.lora_rank=4",
            "model.mask_head.extra_lateral_relu=true",
        ),
    }


@pytest.fixture(scope="session")
def folder_of(nano, tmp_path_factory):
    """Model folders with random weights."""

    def make(*changes):
        recipe = nano(*changes)
        torch.manual_seed(0)
        prompter = build_prompter(recipe, build_tokenizer(recipe))
        model = build_model(recipe, prompter, pretrained=False).eval()
        where = tmp_path_factory.mktemp("nano")
        save_model(where, model, prompter, recipe, card="# toy\n")
        return where

    return make


@pytest.fixture(scope="session")
def folder(folder_of):
    """The nano recipe's model folder."""
    return folder_of()
