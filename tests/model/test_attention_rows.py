"""Rows of `[SEG]`: those of eager attention, gradients too, in every kind of language model."""

from __future__ import annotations

import copy

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from segearth.model.attention_rows import RowCapture, attention_with_rows
from segearth.model.language import LanguageModel

SMALL = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}
KINDS = {
    "phi": {"model_type": "phi", "resid_pdrop": 0.0, **SMALL},
    "llama-shared-keys": {"model_type": "llama", "num_key_value_heads": 2, **SMALL},
    "bert-decoder": {
        "model_type": "bert",
        "is_decoder": True,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        **SMALL,
    },
}
BATCH = torch.tensor([0, 0, 1])
POSITION = torch.tensor([9, 5, 7])
IMAGE = (1, 5)


@pytest.fixture(params=KINDS)
def pair(request):
    """The same weights twice: our language model, and transformers' with eager attention."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(**KINDS[request.param])
    lm = AutoModelForCausalLM.from_config(config, attn_implementation="eager").train()
    ours = AutoModelForCausalLM.from_config(copy.deepcopy(config)).train()
    ours.load_state_dict(lm.state_dict())
    return LanguageModel(ours), lm


@pytest.fixture
def inputs():
    """Embeddings, and a mask with hidden tokens: the second sequence ends with padding."""
    torch.manual_seed(1)
    mask = torch.ones(10, 10, dtype=torch.bool).tril().repeat(2, 1, 1, 1)
    mask[0, :, 6:, 3] = False
    mask[1, :, :, 8:] = False
    mask = mask | torch.eye(10, dtype=torch.bool)
    return torch.randn(2, 10, 32), mask, torch.arange(10).repeat(2, 1)


def run_ours(language, inputs):
    embeddings, mask, positions = inputs
    capture = RowCapture(batch=BATCH, position=POSITION, image=IMAGE)
    hidden = language.run(embeddings, mask=mask, positions=positions, seg_rows=capture)
    return hidden, capture.stack()


def run_eager(lm, inputs):
    embeddings, mask, positions = inputs
    additive = torch.zeros(mask.shape).masked_fill(~mask, float("-inf"))
    output = lm.base_model(
        inputs_embeds=embeddings,
        attention_mask=additive,
        position_ids=positions,
        use_cache=False,
        output_attentions=True,
    )
    rows = [layer[BATCH, :, POSITION, slice(*IMAGE)] for layer in output.attentions]
    return output.last_hidden_state, torch.stack(rows, dim=1)


def gradients(module):
    return {name: p.grad for name, p in module.named_parameters() if p.grad is not None}


def test_rows_and_states_are_those_of_eager_attention(pair, inputs):
    ours, eager = pair

    hidden, rows = run_ours(ours, inputs)
    expected_hidden, expected_rows = run_eager(eager, inputs)

    assert rows.shape == (3, 3, 4, 4)  # targets, blocks, heads, image tokens
    torch.testing.assert_close(rows, expected_rows, atol=1e-6, rtol=0)
    torch.testing.assert_close(hidden, expected_hidden, atol=1e-5, rtol=0)


def test_gradients_are_those_of_eager_attention(pair, inputs):
    ours, eager = pair

    for run, model in ((run_ours, ours), (run_eager, eager)):
        hidden, rows = run(model, inputs)
        (-(rows.mean(dim=(1, 2)) - 0.01).square().mean(dim=1).log().sum() + hidden.sum()).backward()

    mine, expected = gradients(ours.lm), gradients(eager)
    assert mine.keys() == expected.keys()
    for name, gradient in mine.items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-5, rtol=1e-4, msg=name)


def test_rows_come_through_gradient_checkpointing(pair, inputs):
    ours, _ = pair
    plain = copy.deepcopy(ours)
    ours.lm.activation_checkpointing_enable()

    for model in (ours, plain):
        hidden, rows = run_ours(model, inputs)
        (rows.square().sum() + hidden.sum()).backward()

    mine, expected = gradients(ours.lm), gradients(plain.lm)
    assert mine.keys() == expected.keys()
    for name, gradient in mine.items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-6, rtol=1e-5, msg=name)


def test_rows_come_through_lora(pair, inputs):
    from peft import LoraConfig, inject_adapter_in_model

    ours, eager = pair
    names = ["query", "value"] if ours.lm.config.model_type == "bert" else ["q_proj", "v_proj"]
    for lm in (ours.lm, eager):
        torch.manual_seed(2)
        inject_adapter_in_model(LoraConfig(r=2, target_modules=names, lora_dropout=0.0), lm)
        for name, parameter in lm.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter)

    for run, model in ((run_ours, ours), (run_eager, eager)):
        _, rows = run(model, inputs)
        rows.square().sum().backward()

    torch.testing.assert_close(
        run_ours(ours, inputs)[1], run_eager(eager, inputs)[1], atol=1e-6, rtol=0
    )
    mine, expected = gradients(ours.lm), gradients(eager)
    assert any("lora_A" in name for name in mine)
    for name, gradient in mine.items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-5, rtol=1e-4, msg=name)


def test_a_row_sums_to_one_over_all_that_it_may_see(pair, inputs):
    ours, _ = pair
    embeddings, mask, positions = inputs
    capture = RowCapture(batch=BATCH, position=POSITION, image=(0, 10))

    ours.run(embeddings, mask=mask, positions=positions, seg_rows=capture)

    rows = capture.stack()
    torch.testing.assert_close(rows.sum(dim=-1), torch.ones(3, 3, 4))
    assert (rows[0, ..., 3] == 0).all()  # hidden from that token by the mask


def test_nothing_is_kept_when_nothing_is_asked_for(pair, inputs):
    ours, _ = pair
    embeddings, mask, positions = inputs
    nobody = torch.zeros(0, dtype=torch.int64)
    capture = RowCapture(batch=nobody, position=nobody, image=IMAGE)

    ours.run(embeddings, mask=mask, positions=positions, seg_rows=capture)

    assert capture.rows == {}


class Layer(torch.nn.Module):
    """All that the attention function asks of its layer."""

    layer_idx, num_key_value_groups, is_causal = 0, 1, True


def rows_of(query, key, batch, position):
    capture = RowCapture(batch=batch, position=position, image=(0, 6))
    attention_with_rows(Layer(), query, key, key, None, seg_rows=capture)
    return capture.rows[0]


def test_rows_come_in_the_order_in_which_they_were_asked_for():
    torch.manual_seed(2)
    query, key = torch.randn(3, 2, 6, 4), torch.randn(3, 2, 6, 4)
    batch, position = torch.tensor([2, 0, 2, 2]), torch.tensor([5, 3, 1, 5])

    rows = rows_of(query, key, batch, position)

    for row, sequence, place in zip(rows, batch, position, strict=True):
        scores = (key[sequence] @ query[sequence, :, place, :, None])[..., 0] / 2  # (A, T)
        scores[:, place + 1 :] = float("-inf")
        torch.testing.assert_close(row, scores.softmax(dim=-1))


def test_rows_are_of_full_precision_under_autocast():
    torch.manual_seed(3)
    query, key = torch.randn(2, 2, 6, 4), torch.randn(2, 2, 6, 4)
    asked = torch.tensor([0, 1]), torch.tensor([4, 5])

    with torch.autocast("cpu", torch.bfloat16):
        rows = rows_of(query, key, *asked)

    torch.testing.assert_close(rows, rows_of(query, key, *asked), rtol=0, atol=0)
