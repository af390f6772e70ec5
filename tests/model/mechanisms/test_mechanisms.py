"""Every mechanism: what is asked, the cache against the packed pass, gradients, learning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from segearth.data.answers import merge_targets
from segearth.data.packing import Role
from segearth.data.samples import encode_sample, stack
from segearth.model.checkpoint import load_model, save_model

POOLED = "model.mechanism=instruction_as_query"
PROPOSED = ("model.mechanism=propose_then_select", "model.proposals=5")
CLOSE = {"atol": 1e-4, "rtol": 1e-4}
MECHANISMS = [(), (POOLED,), PROPOSED]
NAMES = ["seg_token", "instruction_as_query", "propose_then_select"]


def encode(segmenter, example):
    return encode_sample(example, segmenter.prompter, segmenter.geometry)


@pytest.mark.parametrize(
    ("answer", "merged"),
    [
        (
            "Two: <p>a ship </p>[SEG] and <p>a tank </p>[SEG].",
            "Two: <p>a ship and a tank </p>[SEG].",
        ),
        ("The <p>ship </p>[SEG].", "The <p>ship </p>[SEG]."),
        ("There is none.", "There is none."),
        ("[SEG][SEG]", "[SEG]"),
    ],
)
def test_several_targets_become_one(answer, merged):
    assert merge_targets(answer) == merged


def test_the_description_is_the_words_of_the_instruction_and_a_seg(toy):
    prompter = toy("phi", POOLED).prompter

    ids = prompter.question_ids("the ship", 100.0)
    places = prompter.description_places("the ship", 100.0)

    described = [ids[place] for place in places]
    assert described == [*prompter._encode("the ship"), *prompter.seg_ids]
    assert "metres wide" in prompter.tokenizer.decode(ids[: places.start])
    assert ids[places.stop :] == prompter._encode("[SEP]")
    assert list(toy("phi").prompter.description_places("the ship", None)) == []


def test_the_query_is_pooled_from_its_own_description_and_the_targets_are_one(toy, example):
    segmenter = toy("phi", POOLED)
    batch = stack([encode(segmenter, example), encode(segmenter, example)])
    hidden = torch.arange(batch.role.numel()).view(*batch.role.shape, 1).float()

    asked = segmenter.model.mechanism.ask(hidden, batch)

    assert asked.states.shape == (4, 1, 1)  # of three answers an image, two have a target
    row = batch.role[1], batch.segment[1]
    own = (row[0] == Role.DESCRIPTION) & (row[1] == 3)
    assert asked.states[3, 0, 0] == hidden[1, own, 0].mean()
    assert batch.seg_positions[3, 0] == own.nonzero()[-1, 0]
    first, second = (box_mask.any() for box_mask in example.exchanges[0].masks)
    assert first
    assert second
    assert batch.target_masks[0].sum() > batch.target_masks[1].sum()


def test_proposals_stand_behind_every_answer_and_share_their_pool(toy, example):
    segmenter = toy("phi", *PROPOSED)
    batch = stack([encode(segmenter, example), encode(segmenter, example)])
    hidden = torch.arange(batch.role.numel()).view(*batch.role.shape, 1).float()

    asked = segmenter.model.mechanism.ask(hidden, batch)

    assert asked.states.shape == (6, 5, 1)
    assert asked.pool.tolist() == [0, 0, 2, 3, 3, 5]
    assert asked.image.tolist() == [0, 0, 0, 1, 1, 1]
    assert (asked.states[:, 1:] - asked.states[:, :-1] == 1).all()
    torch.testing.assert_close(
        asked.labels[:, 0], hidden[batch.target_image, batch.seg_positions[:, 0], 0]
    )
    assert (batch.next_ids[batch.role == Role.PROPOSAL] == -100).all()


@pytest.mark.parametrize("language", ["phi", "bert"])
@pytest.mark.parametrize("mechanism", MECHANISMS[1:], ids=NAMES[1:])
def test_the_cache_gives_the_masks_of_one_packed_pass(toy, example, language, mechanism):
    segmenter = toy(language, *mechanism)
    batch = encode(segmenter, example)
    with torch.no_grad():
        output = segmenter.model(batch)
    encoded = segmenter.encode(example.image, example.gsd_m)

    replies = [segmenter.teach(encoded, e.instruction, e.answer) for e in example.exchanges]
    found = [segmenter.candidates(encoded, reply) for reply in replies]

    logits = torch.cat([one.logits for one in found if len(one.logits)])
    expected = output.mask_logits[-1]
    if output.pool is not None:
        expected = expected[output.pool]
        quality = torch.cat([one.quality for one in found if one.quality is not None])
        torch.testing.assert_close(quality, output.scores, **CLOSE)
        chosen = found[0].chosen
        assert chosen[0] != chosen[1]  # two targets never take the same proposal
    torch.testing.assert_close(logits, expected, **CLOSE)
    for reply in replies:
        assert reply.answer.count("[SEG]") == len(reply.seg_queries)


@pytest.mark.parametrize("mechanism", MECHANISMS[1:], ids=NAMES[1:])
def test_several_instructions_are_answered_as_if_each_were_alone(toy, example, mechanism):
    segmenter = toy("phi", *mechanism, "model.max_answer_tokens=12")
    encoded = segmenter.encode(example.image, None)
    asked = [e.instruction for e in example.exchanges]
    given = [segmenter.prompter.answer_ids(e.answer) for e in example.exchanges]

    together = segmenter._answer(encoded, asked, given)
    alone = [segmenter._answer(encoded, [a], [g])[0] for a, g in zip(asked, given, strict=True)]

    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one.seg_queries, other.seg_queries, **CLOSE)
        assert (one.proposals is None) == (other.proposals is None)
        if one.proposals is not None:
            torch.testing.assert_close(one.proposals, other.proposals, **CLOSE)


@pytest.mark.parametrize("number", [0, 1], ids=["with targets", "without"])
@pytest.mark.parametrize("mechanism", MECHANISMS, ids=NAMES)
def test_every_weight_that_learns_gets_a_gradient(
    toy_recipe, fresh, losses_of, example, mechanism, number
):
    """Without a target too: several processes have to agree on which weights get one."""
    segmenter = fresh(toy_recipe("phi", *mechanism))
    model = segmenter.model
    batch = encode(segmenter, replace(example, exchanges=(example.exchanges[number],)))

    losses_of(model, batch).total.backward()

    learning = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert [n for n, p in learning.items() if p.grad is None] == []
    if number == 0:
        still = [
            name
            for name, p in learning.items()
            if name.startswith(("mechanism.", "SEG_token_projector.")) and not p.grad.any()
        ]
        assert still == []


@pytest.mark.parametrize("mechanism", MECHANISMS[1:], ids=NAMES[1:])
def test_a_saved_model_answers_as_before(toy, example, tmp_path, mechanism):
    segmenter = toy("phi", *mechanism)
    save_model(tmp_path, segmenter.model, segmenter.prompter, segmenter.recipe, card="")

    model, prompter, recipe = load_model(tmp_path)

    assert recipe.mechanism == segmenter.recipe.mechanism
    batch = encode(segmenter, example)
    with torch.no_grad():
        before, after = segmenter.model(batch), model(batch)
    assert torch.equal(before.mask_logits[-1], after.mask_logits[-1])
    assert prompter.question_ids("a b", 3.0) == segmenter.prompter.question_ids("a b", 3.0)


@pytest.mark.parametrize("mechanism", MECHANISMS[1:], ids=NAMES[1:])
def test_a_drawn_picture_is_learnt_by_heart(toy_recipe, fresh, learn, drawn, overlap, mechanism):
    segmenter = fresh(toy_recipe("phi", "model.pyramid.image_size=64", *mechanism))
    example = replace(drawn, exchanges=drawn.exchanges[1:2])

    before, after = learn(segmenter, example, 40)
    encoded = segmenter.encode(example.image)
    reply = segmenter.reply(encoded, example.exchanges[0].instruction)
    masks = segmenter.masks(encoded, reply).logits > 0

    assert after < before / 2
    assert reply.answer == example.exchanges[0].answer
    assert len(masks) == 1
    assert overlap(np.asarray(masks[0]), example.exchanges[0].masks[0]) > 0.8
