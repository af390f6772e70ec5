"""A model of 350,000 weights in every variant that the tests need, made once each.

And a drawn picture to learn by heart, with the few steps that do it.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from segearth.config.load import load_recipe
from segearth.config.recipe import LossRecipe
from segearth.data.samples import Example, Exchange, encode_sample
from segearth.losses.objective import objective
from segearth.model.build import build_model
from segearth.model.inputs import build_prompter, build_tokenizer
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
LOSS = LossRecipe(points=256, spatial=0.01)
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


@pytest.fixture(scope="session")
def drawn():
    """Two squares on grey, asked for together, one by one, and a thing that is not there."""
    image = np.full((64, 64, 3), 90, np.uint8)
    left, right = np.zeros((2, 64, 64), bool)
    left[8:40, 4:28], right[28:60, 36:60] = True, True
    image[left], image[right] = (230, 40, 40), (40, 60, 230)
    return Example(
        image=image,
        exchanges=(
            Exchange(
                instruction="Show the building and the ship.",
                answer="The <p>building </p>[SEG] and the <p>ship </p>[SEG].",
                masks=(left, right),
            ),
            Exchange(instruction="the ship", answer="The <p>ship </p>[SEG].", masks=(right,)),
            Exchange(instruction="the runway", answer="There is no runway.", masks=()),
        ),
    )


@pytest.fixture(scope="session")
def fresh():
    """Build a model of its own, to be changed."""

    def make(recipe):
        torch.manual_seed(0)
        prompter = build_prompter(recipe, build_tokenizer(recipe))
        model = build_model(recipe, prompter, pretrained=True)
        return Segmenter(model, prompter, recipe, name="toy", dtype="fp32")

    return make


@pytest.fixture(scope="session")
def losses_of():
    """Compute the training loss of a batch, as the loop does."""

    def compute(model, batch):
        output, drawn = model(batch, keep_attention=True), batch.drawn
        pool = output.pool
        logits = output.mask_logits
        return objective(
            LOSS,
            word_logits=output.word_logits,
            next_ids=batch.next_ids[batch.next_ids >= 0],
            mask_logits=logits if pool is not None else [part[drawn] for part in logits],
            target_masks=batch.target_masks[drawn],
            pool=None if pool is None else pool[drawn],
            scores=None if output.scores is None else output.scores[drawn],
            seg_attention=output.seg_attention[drawn] if len(batch.target_image) else None,
            target_tokens=batch.target_grid.flatten(1)[drawn],
            valid_tokens=batch.cell_valid.flatten(1)[batch.target_image][drawn],
        )

    return compute


@pytest.fixture(scope="session")
def learn(losses_of):
    """Train on one example for some steps; returns the loss before and after."""

    def train(segmenter, example, steps, rate=4e-3):
        model = segmenter.model.train()
        batch = encode_sample(example, segmenter.prompter, segmenter.geometry)
        learning = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(learning, lr=rate)
        seen = []
        for step in range(steps):
            torch.manual_seed(step)
            for group in optimizer.param_groups:
                group["lr"] = rate * min(1, (step + 1) / 10, 2 * (steps - step) / steps)
            loss = losses_of(model, batch).total
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learning, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            seen.append(float(loss.detach()))
        model.eval()
        return seen[0], seen[-1]

    return train


@pytest.fixture(scope="session")
def overlap():
    """Intersection over union of two masks."""
    return lambda one, other: float((one & other).sum() / max(1, (one | other).sum()))
