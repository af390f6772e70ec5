"""A model of 350,000 weights in every variant that the tests need, made once each."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from segearth.config.load import load_recipe
from segearth.data.samples import Example, Exchange
from segearth.model.build import build_model, build_prompter, build_tokenizer
from segearth.model.segmenter import Segmenter

ROOT = Path(__file__).parents[2]
TOKENIZER = ROOT / "segearth" / "model" / "nano"
SMALL = "hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 96"
LANGUAGES = {
    "phi": "{model_type: phi, vocab_size: 896, resid_pdrop: 0.0, " + SMALL + "}",
    "llama": "{model_type: llama, vocab_size: 896, num_key_value_heads: 2, " + SMALL + "}",
    "bert": "{model_type: bert, vocab_size: 896, is_decoder: true, hidden_dropout_prob: 0.0, "
    "attention_probs_dropout_prob: 0.0, " + SMALL + "}",
}
STYLES = {"phi": "causal", "llama": "causal", "bert": "prefix"}


@cache
def _recipe(language, changes):
    return load_recipe(
        ROOT / "recipes" / "nano.yaml",
        [
            f"model.language.name={TOKENIZER}",
            f"model.language.config={LANGUAGES[language]}",
            f"model.language.attention={STYLES[language]}",
            *changes,
        ],
    )


@cache
def _segmenter(language, changes):
    recipe = _recipe(language, changes).model
    torch.manual_seed(0)
    prompter = build_prompter(recipe, build_tokenizer(recipe))
    model = build_model(recipe, prompter, pretrained=False).eval()
    return Segmenter(model, prompter, recipe, name="toy", dtype="fp32")


@pytest.fixture(scope="session")
def toy():
    """Make a segmenter: `toy("phi", "model.queries_per_target=3")`. Do not change its weights."""
    return lambda language="phi", *changes: _segmenter(language, changes)


@pytest.fixture(scope="session")
def toy_recipe():
    """Make the model recipe alone, for tests that build a model of their own."""
    return lambda language="phi", *changes: _recipe(language, changes).model


@pytest.fixture(scope="session")
def picture():
    """A picture of noise, wider than it is high."""
    return np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)


@pytest.fixture(scope="session")
def example(picture):
    """Three questions about it: two targets, none, one."""

    def box(top, left):
        mask = np.zeros(picture.shape[:2], bool)
        mask[top : top + 20, left : left + 20] = True
        return mask

    return Example(
        image=picture,
        gsd_m=0.3,
        exchanges=(
            Exchange(
                instruction="Show the two ships and the storage tank.",
                answer="The <p>ships </p>[SEG] lie by the <p>storage tank </p>[SEG].",
                masks=(box(5, 10), box(30, 50)),
            ),
            Exchange(
                instruction="Is there a runway?",
                answer="There is no runway in this image.",
                masks=(),
            ),
            Exchange(
                instruction="the leftmost building near the road in the lower part, please",
                answer="It is the <p>building </p>[SEG].",
                masks=(box(38, 2),),
            ),
        ),
    )


@pytest.fixture(scope="session")
def released():
    """`released.py` beside this file: names and shapes of released weights."""
    spec = importlib.util.spec_from_file_location(
        "released", Path(__file__).with_name("released.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
