"""The whole model: packing changes nothing, and who sees whom."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from segearth.data.samples import encode_sample, stack

LANGUAGES = ["phi", "llama", "bert"]


def encode(segmenter, example):
    return encode_sample(example, segmenter.prompter, segmenter.geometry)


def only(example, number):
    return replace(example, exchanges=(example.exchanges[number],))


def hidden_states(segmenter, batch):
    with torch.no_grad():
        features = segmenter.model.encode_image(batch.image, batch.tower_image)
        return segmenter.model.read(features.tokens, batch, None)


def run(segmenter, batch):
    with torch.no_grad():
        return segmenter.model(batch, keep_attention=True)


@pytest.mark.parametrize("position", ["true", "false"], ids=["grid", "counted"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_question_is_read_the_same_alone_and_among_others(toy, example, language, position):
    segmenter = toy(language, f"model.image_tokens.grid_position={position}")
    packed = encode(segmenter, example)

    together = hidden_states(segmenter, packed)[0]

    prefix = segmenter.prompter.prefix_length
    for number in range(3):
        alone = hidden_states(segmenter, encode(segmenter, only(example, number)))[0]
        question = together[packed.segment[0] == number + 1]
        torch.testing.assert_close(alone[prefix:], question, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(alone[:prefix], together[:prefix], atol=1e-5, rtol=1e-5)


def test_padding_has_no_position_however_long_it_is(toy):
    model = toy("bert").model
    image = model.image_span[1]
    segment = torch.tensor([[0] * image + [1, 1, 2] + [-1] * 600])

    counted = model.positions(segment)[0]

    assert (
        counted[image:].tolist() == [counted[image], counted[image] + 1, counted[image]] + [0] * 600
    )
    assert int(counted.max()) < 512  # as many as BERT has


@pytest.mark.parametrize("decode", ["joint", "per-query"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_masks_words_and_attention_are_the_same_alone_and_among_others(
    toy, example, language, decode
):
    segmenter = toy(language, f"model.mask_head.decode={decode}")

    together = run(segmenter, encode(segmenter, example))
    alone = [run(segmenter, encode(segmenter, only(example, number))) for number in range(3)]

    close = {"atol": 1e-4, "rtol": 1e-4}
    masks = torch.cat([alone[0].mask_logits[-1], alone[2].mask_logits[-1]])
    torch.testing.assert_close(together.mask_logits[-1], masks, **close)
    torch.testing.assert_close(
        together.word_logits, torch.cat([one.word_logits for one in alone]), **close
    )
    rows = torch.cat([alone[0].seg_attention, alone[2].seg_attention])
    torch.testing.assert_close(together.seg_attention, rows, **close)


@pytest.mark.parametrize("language", LANGUAGES)
def test_pictures_in_a_batch_do_not_see_each_other(toy, example, language):
    segmenter = toy(language)
    first = encode(segmenter, example)
    second = encode(segmenter, only(example, 2))

    both = run(segmenter, stack([first, second, first]))

    one, two = run(segmenter, first), run(segmenter, second)
    close = {"atol": 1e-4, "rtol": 1e-4}
    expected = torch.cat([one.mask_logits[-1], two.mask_logits[-1], one.mask_logits[-1]])
    torch.testing.assert_close(both.mask_logits[-1], expected, **close)
    expected = torch.cat([one.seg_attention, two.seg_attention, one.seg_attention])
    torch.testing.assert_close(both.seg_attention, expected, **close)
    expected = torch.cat([one.word_logits, two.word_logits, one.word_logits])
    torch.testing.assert_close(both.word_logits, expected, **close)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_does_not_know_its_own_future(toy, example, language):
    segmenter = toy(language)
    batch = encode(segmenter, only(example, 0))
    changed = replace(batch, token_ids=batch.token_ids.clone())
    answer = (batch.next_ids[0] >= 0).nonzero()[:, 0]
    changed.token_ids[0, answer[5] + 1 :] = 7

    before, after = hidden_states(segmenter, batch)[0], hidden_states(segmenter, changed)[0]

    seen = slice(0, int(answer[5]) + 1)
    torch.testing.assert_close(before[seen], after[seen], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(before[answer[5] + 1 :], after[answer[5] + 1 :], atol=1e-3)


@pytest.mark.parametrize(("language", "sees"), [("phi", False), ("bert", True)])
def test_only_a_prefix_model_reads_the_question_in_both_directions(toy, example, language, sees):
    segmenter = toy(language)
    batch = encode(segmenter, only(example, 0))
    first = segmenter.prompter.prefix_length
    changed = replace(batch, token_ids=batch.token_ids.clone())
    changed.token_ids[0, first + 4] = 7

    before, after = hidden_states(segmenter, batch)[0], hidden_states(segmenter, changed)[0]

    assert torch.allclose(before[first], after[first], atol=1e-6) != sees
    torch.testing.assert_close(before[:first], after[:first], atol=1e-6, rtol=1e-6)


def test_single_targets_are_drawn_the_same_jointly_and_one_by_one(toy, example):
    singles = replace(example, exchanges=(example.exchanges[2], example.exchanges[2]))
    joint, apart = toy("phi"), toy("phi", "model.mask_head.decode=per-query")

    one, other = (run(s, encode(s, singles)).mask_logits for s in (joint, apart))

    for mine, expected in zip(one, other, strict=True):
        torch.testing.assert_close(mine, expected, atol=1e-4, rtol=1e-4)


def test_targets_of_one_answer_see_each_other_only_when_decoded_jointly(toy, example):
    joint, apart = toy("phi"), toy("phi", "model.mask_head.decode=per-query")

    one, other = (run(s, encode(s, only(example, 0))).mask_logits for s in (joint, apart))

    torch.testing.assert_close(one[0], other[0], atol=1e-4, rtol=1e-4)  # nobody has looked yet
    assert not torch.allclose(one[-1], other[-1], atol=1e-4)


@pytest.mark.parametrize("decode", ["joint", "per-query"])
@pytest.mark.parametrize("k", [1, 3])
def test_shapes(toy, example, k, decode):
    segmenter = toy("phi", f"model.queries_per_target={k}", f"model.mask_head.decode={decode}")

    output = run(segmenter, encode(segmenter, example))

    assert [tuple(part.shape) for part in output.mask_logits] == [(3, k, 24, 24)] * 4
    assert output.seg_attention.shape == (3, 2, 4, 36)
    assert (output.scores is None) == (k == 1)
    assert k == 1 or output.scores.shape == (3, k)


@pytest.mark.parametrize("decode", ["joint", "per-query"])
def test_a_batch_without_targets_still_reaches_every_weight(toy, toy_recipe, example, decode):
    """Several processes have to agree on which weights get a gradient."""
    segmenter = toy("phi", f"model.mask_head.decode={decode}")
    model = segmenter.model
    model.zero_grad()

    output = model(encode(segmenter, only(example, 1)), keep_attention=True)
    (output.word_logits.sum() + sum(part.sum() * 0 for part in output.mask_logits)).backward()

    without = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    model.zero_grad()
    assert without == []


def test_image_tokens_stand_where_the_prompter_keeps_their_place(toy, example):
    segmenter = toy("phi")
    batch = encode(segmenter, example)
    changed = replace(batch, token_ids=batch.token_ids.clone())
    start, stop = segmenter.prompter.image_span
    changed.token_ids[0, start:stop] = 9  # whatever stands there is replaced by the picture

    before, after = hidden_states(segmenter, batch), hidden_states(segmenter, changed)

    torch.testing.assert_close(before, after)
    assert stop - start == 36
