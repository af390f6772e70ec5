"""A drawn picture to learn by heart, and the few steps that do it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segearth.config.recipe import LossRecipe
from segearth.data.samples import Example, Exchange, encode_sample
from segearth.losses.objective import objective
from segearth.model.build import build_model, build_prompter, build_tokenizer
from segearth.model.segmenter import Segmenter

LOSS = LossRecipe(points=256, spatial=0.01)


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
