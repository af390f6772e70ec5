"""Rounded language models: what is rounded, what is not, and that answers stay close."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from segearth.errors import UsageError
from segearth.model.segmenter import Segmenter
from segearth.profiling.latency import with_queries

pytestmark = pytest.mark.skipif(
    find_spec("bitsandbytes") is None, reason="the extra quantize is not installed"
)
PICTURE = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)
ANSWER = "The <p>roof </p>[SEG] is red."


def states(segmenter):
    encoded = segmenter.encode(PICTURE)
    return segmenter.teach(encoded, "Find the roof.", ANSWER).seg_queries.flatten()


@pytest.fixture(scope="module")
def plain():
    return Segmenter.load("mini", device="cpu")


@pytest.mark.parametrize(("dtype", "bits", "least"), [("int8", 8, 0.99), ("nf4", 4, 0.9)])
def test_the_blocks_are_rounded_and_the_rest_is_not(plain, dtype, bits, least):
    rounded = Segmenter.load("mini", device="cpu", dtype=dtype)

    before, after = (dict(m.model.named_parameters()) for m in (plain, rounded))
    assert before.keys() == after.keys()
    layers = [m for m in rounded.model.modules() if type(m).__module__.startswith("bitsandbytes")]
    assert len(layers) == 36  # six blocks of six
    assert not any(layer.training for layer in layers)
    changed = {name for name in before if not after[name].is_floating_point()}
    blocks = {
        name
        for name, weight in before.items()
        if name.startswith("language.") and ".layer." in name and weight.ndim == 2
    }
    assert changed == blocks
    held = sum(after[name].numel() * after[name].element_size() for name in changed)
    assert held == sum(before[name].numel() for name in changed) * bits // 8
    likeness = torch.cosine_similarity(states(plain), states(rounded), dim=0)
    assert least < likeness < 1  # rounded indeed


def test_masks_are_drawn_from_a_rounded_model(plain):
    rounded = Segmenter.load("mini", device="cpu", dtype="int8")
    encoded = rounded.encode(PICTURE)

    masks = rounded.masks(encoded, rounded.teach(encoded, "Find the roof.", ANSWER))

    assert masks.logits.shape[0] == 1
    assert np.isfinite(masks.logits).all()


def test_a_rounded_model_keeps_its_number_of_queries():
    with pytest.raises(UsageError, match="own k = 1"):
        with_queries(Segmenter.load("mini", device="cpu", dtype="nf4"), 3)


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)

    with pytest.raises(UsageError, match="bitsandbytes") as caught:
        Segmenter.load("mini", device="cpu", dtype="int8")

    assert "segearth[quantize]" in str(caught.value)
