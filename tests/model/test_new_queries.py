"""A model of k queries from one of another k: what stays, what moves, what is new."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from segearth.config.load import load_recipe
from segearth.errors import CheckpointError
from segearth.model.build import build_model
from segearth.model.checkpoint import load_model, save_model
from segearth.model.inputs import build_prompter, build_tokenizer
from segearth.model.new_queries import load_start

ROOT = Path(__file__).parents[2]
BERT = "{model_type: bert, vocab_size: 896, hidden_size: 64, num_hidden_layers: 2, "
BERT += "num_attention_heads: 4, intermediate_size: 96, is_decoder: true}"


def made(k, *changes, seed=0):
    name = f"model.language.name={ROOT / 'segearth' / 'model' / 'nano'}"
    recipe = load_recipe(
        ROOT / "recipes" / "nano.yaml", [name, f"model.queries_per_target={k}", *changes]
    ).model
    torch.manual_seed(seed)
    prompter = build_prompter(recipe, build_tokenizer(recipe))
    return build_model(recipe, prompter, pretrained=False).eval(), prompter, recipe


def saved(folder, k, *changes):
    model, prompter, recipe = made(k, *changes, seed=7)
    save_model(folder, model, prompter, recipe, card="# nano\n")
    return load_model(folder)[:2]


def rows(model, prompter, *words):
    table = model.language.lm.get_input_embeddings().weight
    return table.detach()[prompter.tokenizer.convert_tokens_to_ids(list(words))]


@pytest.mark.parametrize("changes", [(), (f"model.language.config={BERT}",)], ids=["phi", "bert"])
def test_words_keep_their_rows_though_their_numbers_have_changed(tmp_path, changes):
    old, old_prompter = saved(tmp_path, 1, *changes)
    new, prompter, _ = made(3, *changes)

    load_start(new, prompter, tmp_path, seg_tokens="new", seed=1)

    words = ("<p>", "</p>", "runway")  # the tags stand behind the [SEG] tokens
    ids = [p.tokenizer.convert_tokens_to_ids("<p>") for p in (old_prompter, prompter)]
    assert ids[1] - ids[0] == 2
    torch.testing.assert_close(rows(new, prompter, *words), rows(old, old_prompter, *words))
    head = new.language.lm.get_output_embeddings().bias
    before = old.language.lm.get_output_embeddings().bias
    assert torch.equal(head[ids[1]], before[ids[0]])


def test_all_but_the_vocabulary_and_the_score_is_taken_over(tmp_path):
    old, _ = saved(tmp_path, 1)
    new, prompter, _ = made(3)
    score = new.score.weight.clone()

    load_start(new, prompter, tmp_path, seg_tokens="new", seed=1)

    before, after = old.state_dict(), new.state_dict()
    differing = {name for name in before if not torch.equal(before[name], after[name])}
    assert differing <= {
        "language.lm.model.embed_tokens.weight",
        "language.lm.lm_head.weight",
        "language.lm.lm_head.bias",
    }
    assert after.keys() - before.keys() == {"score.weight", "score.bias"}
    assert torch.equal(new.score.weight, score)


def test_every_k_starts_from_the_same_first_token_and_none_from_the_old_one(tmp_path):
    old, old_prompter = saved(tmp_path, 1)
    trained = rows(old, old_prompter, "[SEG]")[0]
    first = {}
    for k in (1, 3):
        new, prompter, _ = made(k)
        load_start(new, prompter, tmp_path, seg_tokens="new", seed=5)
        first[k] = rows(new, prompter, "[SEG]" if k == 1 else "[SEG1]")[0]

    assert torch.equal(first[1], first[3])
    apart = float((first[1] - trained).std())
    assert apart == pytest.approx(0.02, rel=0.5)  # Phi's initializer_range, of 64 numbers


def test_the_tokens_of_a_target_start_apart_and_another_seed_gives_others(tmp_path):
    saved(tmp_path, 1)
    found = []
    for seed in (5, 5, 6):
        new, prompter, _ = made(3)
        load_start(new, prompter, tmp_path, seg_tokens="new", seed=seed)
        found.append(rows(new, prompter, "[SEG1]", "[SEG2]", "[SEG3]"))

    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert torch.pdist(found[0]).min() > 0.02


def test_three_queries_become_one_around_their_mean(tmp_path):
    old, old_prompter = saved(tmp_path, 3)
    new, prompter, _ = made(1)

    load_start(new, prompter, tmp_path, seg_tokens="new", seed=5)

    mean = rows(old, old_prompter, "[SEG1]", "[SEG2]", "[SEG3]").mean(dim=0)
    assert float((rows(new, prompter, "[SEG]")[0] - mean).abs().max()) < 5 * 0.02
    assert new.score is None


def test_another_k_is_refused_with_what_would_do(tmp_path):
    saved(tmp_path, 1)
    new, prompter, _ = made(3)

    with pytest.raises(CheckpointError, match="1 queries a target, the recipe 3") as caught:
        load_start(new, prompter, tmp_path, seg_tokens="kept", seed=0)

    assert "train.seg_tokens=new" in caught.value.hint


def test_sizes_that_differ_are_refused_by_name(tmp_path):
    saved(tmp_path, 1)
    new, prompter, _ = made(3, "model.mask_head.decoder_ffn=96")

    with pytest.raises(CheckpointError, match="misshapen predictor"):
        load_start(new, prompter, tmp_path, seg_tokens="new", seed=0)
