"""Answers with a cache: the same as in one packed pass, one by one or together."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from segearth.data.answers import count_seg
from segearth.data.packing import Role
from segearth.data.samples import Example, encode_sample
from segearth.errors import UsageError
from segearth.model.generate import _Stepper, answer, cache_prefix
from segearth.model.segmenter import Reply

LANGUAGES = ["phi", "llama", "bert"]
CLOSE = {"atol": 1e-4, "rtol": 1e-4}


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_cache_gives_the_states_of_one_packed_pass(toy, example, language, k):
    segmenter = toy(language, f"model.queries_per_target={k}")
    batch = encode_sample(example, segmenter.prompter, segmenter.geometry)
    with torch.no_grad():
        features = segmenter.model.encode_image(batch.image, batch.tower_image)
        hidden = segmenter.model.read(features.tokens, batch, None)[0]
    encoded = segmenter.encode(example.image, example.gsd_m)

    replies = [segmenter.teach(encoded, e.instruction, e.answer) for e in example.exchanges]

    assert [tuple(reply.seg_queries.shape) for reply in replies] == [
        (2, k, 64),
        (0, k, 64),
        (1, k, 64),
    ]
    together = torch.cat([reply.seg_queries for reply in replies])
    torch.testing.assert_close(together, hidden[batch.seg_positions], **CLOSE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_masks_with_the_cache_are_those_of_training(toy, example, language):
    segmenter = toy(language)
    batch = encode_sample(example, segmenter.prompter, segmenter.geometry)
    with torch.no_grad():
        expected = segmenter.model(batch).mask_logits[-1][:, 0]
    encoded = segmenter.encode(example.image, example.gsd_m)

    drawn = [
        torch.from_numpy(
            segmenter.masks(encoded, segmenter.teach(encoded, e.instruction, e.answer)).logits
        )
        for e in example.exchanges
    ]

    torch.testing.assert_close(torch.cat(drawn), encoded.box.undo(expected), **CLOSE)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("language", LANGUAGES)
def test_several_instructions_are_answered_as_if_each_were_alone(toy, example, language, k):
    segmenter = toy(language, f"model.queries_per_target={k}", "model.max_answer_tokens=24")
    encoded = segmenter.encode(example.image, example.gsd_m)
    instructions = [exchange.instruction for exchange in example.exchanges]

    together = segmenter.replies(encoded, instructions)
    alone = [segmenter.reply(encoded, instruction) for instruction in instructions]

    assert [reply.answer for reply in together] == [reply.answer for reply in alone]
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one.seg_queries, other.seg_queries, **CLOSE)


def read_at_once(segmenter, image, question, ids):
    """States of an answer's tokens in one pass without a cache, ``(len(ids), D)``."""
    said = Example(image=image, exchanges=())
    prefix = encode_sample(said, segmenter.prompter, segmenter.geometry)
    tokens = torch.tensor([[*question, *ids]])
    role = torch.tensor([[Role.QUESTION] * len(question) + [Role.ANSWER] * len(ids)])
    batch = replace(
        prefix,
        token_ids=torch.cat([prefix.token_ids, tokens], dim=1),
        segment=torch.cat([prefix.segment, torch.ones_like(tokens)], dim=1),
        role=torch.cat([prefix.role, role], dim=1),
    )
    with torch.no_grad():
        features = segmenter.model.encode_image(batch.image, batch.tower_image)
        hidden = segmenter.model.read(features.tokens, batch, None)[0]
    return hidden[-len(ids) - 1 :]  # the first is the question's last: it chooses the first word


@pytest.mark.parametrize("language", LANGUAGES)
def test_greedy_words_are_those_that_a_pass_without_cache_would_choose(toy, picture, language):
    segmenter = toy(language, "model.max_answer_tokens=12")
    question = segmenter.prompter.question_ids("the ships", None)
    prefix = segmenter.encode(picture).prefix

    made = answer(segmenter.model, segmenter.prompter, prefix, [question])[0].ids

    hidden = read_at_once(segmenter, picture, question, made)
    chosen = segmenter.model.language.word_logits(hidden[:-1]).argmax(dim=-1)
    assert len(made) == 12
    assert chosen.tolist() == made


def test_the_prefix_is_left_as_it_is(toy, example):
    segmenter = toy("phi", "model.max_answer_tokens=8")
    encoded = segmenter.encode(example.image)
    before = encoded.prefix.layers[0].keys.clone()

    first = segmenter.reply(encoded, "the ships")
    segmenter.replies(encoded, ["the runway", "the two largest storage tanks"])
    again = segmenter.reply(encoded, "the ships")

    torch.testing.assert_close(encoded.prefix.layers[0].keys, before)
    assert first.answer == again.answer


class Scripted(torch.nn.Module):
    """Says given tokens whatever it is asked: stands in for the word head."""

    def __init__(self, vocabulary, ids):
        super().__init__()
        self.vocabulary, self.ids = vocabulary, list(ids)

    def forward(self, hidden):
        logits = torch.zeros(len(hidden), self.vocabulary)
        logits[:, self.ids.pop(0) if self.ids else 0] = 1
        return logits


def say(segmenter, ids):
    """Let a model generate the given tokens; "first" is its first query token."""
    ids = [segmenter.prompter.seg_ids[0] if token == "first" else token for token in ids]
    encoded = segmenter.encode(np.zeros((32, 32, 3), np.uint8))
    lm = segmenter.model.language.lm
    head, lm.lm_head = lm.lm_head, Scripted(len(segmenter.prompter.tokenizer), ids)
    try:
        return encoded, segmenter.reply(encoded, "the ships")
    finally:
        lm.lm_head = head


def test_after_the_first_query_token_the_others_follow_by_themselves(toy):
    segmenter = toy("phi", "model.queries_per_target=3")
    prompter = segmenter.prompter
    word = prompter.tokenizer.convert_tokens_to_ids("ships")
    script = [word, prompter.seg_ids[0], word, prompter.end_id]

    _, reply = say(segmenter, script)

    assert reply.answer == "Ships [SEG] ships"  # nothing was chosen for [SEG2] and [SEG3]
    assert reply.seg_queries.shape == (1, 3, 64)


@pytest.mark.parametrize("k", [1, 3])
def test_generated_queries_have_the_states_of_the_taught_ones(toy, k):
    segmenter = toy("phi", f"model.queries_per_target={k}")
    prompter = segmenter.prompter
    text = "<p>ships </p>[SEG] and <p>tank </p>[SEG]."
    follows = prompter.seg_ids[1:]
    script = [token for token in prompter.answer_ids(text) if token not in follows]

    encoded, reply = say(segmenter, script)

    taught = segmenter.teach(encoded, "the ships", text)
    assert reply.answer == text
    assert reply.phrases == ["ships", "tank"]
    torch.testing.assert_close(reply.seg_queries, taught.seg_queries, **CLOSE)


@pytest.mark.parametrize(
    ("k", "script"),
    [
        pytest.param(1, "w w w w w w w 1", id="one-at-the-limit"),
        pytest.param(3, "w w w w w w w 1", id="three-at-the-limit"),
        pytest.param(3, "w w w w w w w w 1", id="three-behind-the-limit"),
        pytest.param(3, "3 w 1 .", id="the-last-query-token-without-the-first"),
        pytest.param(3, "1 2 3 .", id="query-tokens-after-a-whole-group"),
        pytest.param(1, "1 1 .", id="one-twice-in-a-row"),
        pytest.param(3, "1 1 .", id="three-twice-in-a-row"),
    ],
)
def test_every_seg_of_an_answer_has_a_mask(toy, k, script):
    """Whatever the model says: words (w), query tokens (1 to 3), the end (.)."""
    segmenter = toy("phi", f"model.queries_per_target={k}", "model.max_answer_tokens=8")
    codes = {"w": 30, ".": segmenter.prompter.end_id}
    codes |= {str(place): token for place, token in enumerate(segmenter.prompter.seg_ids, start=1)}

    encoded, reply = say(segmenter, [codes[word] for word in script.split()])

    assert count_seg(reply.answer) == len(reply.seg_queries) == len(reply.phrases)
    assert len(segmenter.masks(encoded, reply).logits) == len(reply.seg_queries)


def test_the_tokens_that_follow_do_not_count_against_the_limit(toy):
    one, three = (
        say(
            toy("phi", f"model.queries_per_target={k}", "model.max_answer_tokens=4"),
            [30, "first", "first", 31, 32],
        )[1]
        for k in (1, 3)
    )

    assert one.answer == three.answer
    assert len(one.seg_queries) == len(three.seg_queries) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_query_tokens_in_one_pass_are_those_one_by_one(toy, picture, language):
    """Words before and after a group, and masks: the same as feeding [SEG1], [SEG2] ... alone."""
    segmenter = toy(language, "model.queries_per_target=3", "model.max_answer_tokens=20")
    prompter, encoded = segmenter.prompter, segmenter.encode(picture)
    question = prompter.question_ids("the ships", None)
    text = [40, *prompter.seg_ids, 41, 42, *prompter.seg_ids]

    made = answer(
        segmenter.model, prompter, encoded.prefix, [question], given=[[*text, prompter.end_id]]
    )[0]

    step = _Stepper(segmenter.model, copy.deepcopy(encoded.prefix), [question])
    with torch.no_grad():
        states = [step.first()[:, -1]]
        states += [step.next([[token]])[:, -1] for token in text]
    one_by_one = torch.cat(states)
    places = [index + 1 for index, token in enumerate(text) if token in prompter.seg_ids]
    torch.testing.assert_close(made.seg_hidden.flatten(0, 1), one_by_one[places], **CLOSE)
    masks = [
        segmenter.masks(encoded, Reply(answer="", seg_queries=queries)).logits
        for queries in (made.seg_hidden, one_by_one[places].unflatten(0, (2, 3)))
    ]
    np.testing.assert_allclose(*masks, atol=1e-3)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_word_after_a_group_is_the_one_that_a_pass_without_cache_would_choose(
    toy, picture, language
):
    segmenter = toy(language, "model.queries_per_target=3", "model.max_answer_tokens=6")
    prompter, prefix = segmenter.prompter, segmenter.encode(picture).prefix
    question = prompter.question_ids("the ships", None)

    made = answer(segmenter.model, prompter, prefix, [question], given=[[40, prompter.seg_ids[0]]])[
        0
    ].ids

    hidden = read_at_once(segmenter, picture, question, made)
    chosen = segmenter.model.language.word_logits(hidden[:-1]).argmax(dim=-1)
    assert made[:4] == [40, *prompter.seg_ids]
    assert len(made) == 6 + 2  # two tokens follow the first by themselves
    assert chosen[4:].tolist() == made[4:]


def test_a_group_takes_one_pass_and_waits_for_the_other_answers(toy, picture, monkeypatch):
    segmenter = toy("phi", "model.queries_per_target=3")
    prompter, prefix = segmenter.prompter, segmenter.encode(picture).prefix
    questions = [prompter.question_ids(text, None) for text in ("the ships", "the two tanks")]
    seg, end = prompter.seg_ids, prompter.end_id
    given = [[*seg, 40, end], [41, 42, *seg, 43, end]]
    passes = []
    run = _Stepper.next
    monkeypatch.setattr(
        _Stepper,
        "next",
        lambda step, chunks: passes.append([len(c) for c in chunks]) or run(step, chunks),
    )

    together = answer(segmenter.model, prompter, prefix, questions, given=given)
    assert passes == [[0, 1], [0, 1], [3, 3], [1, 1]]

    for one, question, ids in zip(together, questions, given, strict=True):
        alone = answer(segmenter.model, prompter, prefix, [question], given=[ids])[0]
        assert one.ids == alone.ids == ids[:-1]
        torch.testing.assert_close(one.seg_hidden, alone.seg_hidden, **CLOSE)


def test_query_tokens_out_of_order_do_not_shift_the_others(toy, picture):
    segmenter = toy("phi", "model.queries_per_target=3")
    first, second, third = segmenter.prompter.seg_ids
    script = [third, 30, first, second, third]
    question = segmenter.prompter.question_ids("the ships", None)
    prefix = segmenter.encode(picture).prefix
    given = [[*script, segmenter.prompter.end_id]]

    made = answer(segmenter.model, segmenter.prompter, prefix, [question], given=given)[0]

    expected = read_at_once(segmenter, picture, question, script)[3:]
    torch.testing.assert_close(made.seg_hidden, expected[None], **CLOSE)


def test_an_answer_ends_at_the_limit(toy):
    segmenter = toy("phi", "model.max_answer_tokens=8")

    _, reply = say(segmenter, [30] * 50)

    assert len(segmenter.prompter.tokenizer.tokenize(reply.answer)) == 8


def test_the_state_of_a_seg_that_stands_last_is_read_at_it(toy, example):
    segmenter = toy("phi")
    encoded = segmenter.encode(example.image)
    prompter = segmenter.prompter
    ids = [*prompter.answer_ids("a")[:-1], prompter.seg_ids[0]]
    question = prompter.question_ids("the ships", None)

    cut = answer(
        segmenter.model, prompter, encoded.prefix, [question], given=[[*ids, prompter.end_id]]
    )[0]
    longer = answer(
        segmenter.model, prompter, encoded.prefix, [question], given=[[*ids, 30, prompter.end_id]]
    )[0]

    torch.testing.assert_close(cut.seg_hidden, longer.seg_hidden, **CLOSE)


def test_the_cached_prefix_has_the_length_of_text_and_image(toy, example):
    segmenter = toy("phi")
    batch = encode_sample(example, segmenter.prompter, segmenter.geometry)
    with torch.no_grad():
        features = segmenter.model.encode_image(batch.image, batch.tower_image)
        cache = cache_prefix(segmenter.model, segmenter.prompter, features)

    assert cache.get_seq_length() == segmenter.prompter.prefix_length


@pytest.mark.parametrize("instruction", ["", "  \n\t "])
def test_an_empty_instruction_is_refused(toy, example, instruction):
    segmenter = toy("phi")
    encoded = segmenter.encode(example.image)

    with pytest.raises(UsageError, match="empty"):
        segmenter.reply(encoded, instruction)


def test_an_answer_ends_where_the_language_model_has_no_position_left(toy, example):
    segmenter = toy("bert", "model.queries_per_target=100")
    segmenter.model.language.lm.config.max_position_embeddings = 256
    encoded = segmenter.encode(example.image, example.gsd_m)
    target = "<p>thing </p>[SEG] "

    assert segmenter.teach(encoded, "find it", 2 * target).seg_queries.shape == (2, 100, 64)
    with pytest.raises(UsageError, match="longer than the language model can read"):
        segmenter.teach(encoded, "find it", 3 * target)
    given = segmenter.prompter.answer_ids(3 * target)
    question = segmenter.prompter.question_ids("find it", None)
    (cut,) = answer(segmenter.model, segmenter.prompter, encoded.prefix, [question], given=[given])
    assert len(cut.seg_hidden) == 2
