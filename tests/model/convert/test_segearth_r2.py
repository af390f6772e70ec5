"""The authors' merged folder through the converter and back: the same bits, nothing lost."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from segearth.errors import CheckpointError, UsageError
from segearth.model.checkpoint import load_model, read_recipe
from segearth.model.convert.segearth_r2 import convert_r2
from segearth.model.convert.to_segearth_r2 import convert_to_r2, to_r2
from segearth.model.convert.writing import ASIDE
from segearth.model.inputs import build_tokenizer
from segearth.model.segmenter import Segmenter


@pytest.fixture(scope="module")
def r2(folders, released, base, tmp_path_factory):
    """The authors' merged folder, small, with all that is never read."""
    folder = tmp_path_factory.mktemp("r2") / "hfweights"
    tokenizer = build_tokenizer(base)
    tokenizer.save_pretrained(str(folder))
    rows = len(tokenizer)
    shapes = (
        released.phi(width=64, layers=2, ffn=96, rows=rows, head_bias=False)
        | released.siglip("model.vision_tower.vision_model.", 32, 2, 48, 14, 9)
        | released.linear("model.mm_projector.0", 64, 32)
        | released.linear("model.mm_projector.2", 64, 64)
        | released.swin("model.vision_tower_mask.", **folders.SWIN_T)
        | released.mask_head(channels=96)
        | released.linear("SEG_token_projector", 256, 64)
    )
    save_file(released.random_tensors(shapes), folder / "model.safetensors")
    vision = {"vision_tower": {**folders.TOWER, "mm_vision_select_layer": -2}}
    config = {"model_type": "mipha_phi", "vocab_size": rows, **folders.PHI, "vision_config": vision}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def ours(r2, base, tmp_path_factory):
    """The same as a model folder."""
    folder = tmp_path_factory.mktemp("ours") / "model"
    return folder, convert_r2(r2, folder, base=base)


def test_r2_there_and_back_is_the_same_folder(folders, r2, ours, tmp_path):
    folder, _ = ours

    convert_to_r2(folder, tmp_path / "back")

    folders.same(
        load_file(tmp_path / "back" / "model.safetensors"), load_file(r2 / "model.safetensors")
    )
    back, there = ((f / "config.json").read_text() for f in (tmp_path / "back", r2))
    assert json.loads(back) == json.loads(there)


def test_r2_as_ours_loads_with_every_tensor(r2, ours):
    folder, conversion = ours
    theirs = load_file(r2 / "model.safetensors")

    model, prompter, recipe = load_model(folder)

    assert sum(conversion.taken.values()) + sum(map(len, conversion.aside.values())) == len(theirs)
    assert sum(conversion.taken.values()) == len(model.state_dict())
    assert len(prompter.tokenizer) == model.language.lm.lm_head.weight.shape[0]
    assert model.language.lm.lm_head.bias is None
    assert (recipe.mask_head.extra_lateral_relu, recipe.mask_head.decode) == (True, "per-query")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor.to(torch.bfloat16), theirs[to_r2(name)]), name


def test_what_the_authors_never_read_is_kept_and_named(ours):
    folder, conversion = ours

    reasons = {why: len(names) for why, names in conversion.aside.items()}

    assert reasons == {
        "learnt queries; [SEG] takes their place": 2,
        "never read by the authors' code": 2 + 4,
        "rebuilt from the window size": 12,
    }
    assert len(load_file(folder / ASIDE)) == 20


def test_a_conversion_is_not_overwritten_unasked(r2, ours, base):
    folder, _ = ours
    before = (folder / "model.safetensors").stat().st_mtime_ns

    with pytest.raises(UsageError, match="already holds results"):
        convert_r2(r2, folder, base=base)

    assert (folder / "model.safetensors").stat().st_mtime_ns == before


MISTAKES = {
    "missing": (lambda t: t.pop("predictor.decoder_norm.bias"), "missing predictor.decoder_norm"),
    "unknown": (lambda t: t.update({"foreign.weight": torch.ones(1)}), "unknown: foreign.weight"),
    "misshapen": (
        lambda t: t.update({"SEG_token_projector.bias": torch.ones(3)}),
        r"misshapen SEG_token_projector.bias: \(3,\), expected \(256,\)",
    ),
    "part-missing": (
        lambda t: [t.pop(n) for n in list(t) if n.startswith("model.mm_projector")],
        "it has no connector",
    ),
}


@pytest.mark.parametrize(("change", "message"), MISTAKES.values(), ids=MISTAKES)
def test_what_is_not_r2_is_named_and_nothing_is_written(
    folders, r2, base, tmp_path, change, message
):
    source = folders.changed(r2, tmp_path / "src", change)

    with pytest.raises(CheckpointError, match=message):
        convert_r2(source, tmp_path / "out", base=base)

    assert not (tmp_path / "out").exists()


def test_a_trained_bias_of_the_word_head_has_no_place_in_theirs(folders, ours, tmp_path):
    source = folders.changed(
        ours[0],
        tmp_path / "src",
        lambda t: t.update({"language.lm.lm_head.bias": torch.ones(3)}),
    )

    with pytest.raises(
        CheckpointError, match=r"no place for 1 tensors: language\.lm\.lm_head\.bias"
    ):
        convert_to_r2(source, tmp_path / "out")


def test_a_model_made_here_becomes_theirs_and_ours_again(folders, base, tmp_path):
    language = replace(base.language, head_bias=False, lora_rank=0)
    language = replace(language, config={**language.config, "partial_rotary_factor": 0.4})
    model = folders.made_here(replace(base, language=language), tmp_path / "made")

    conversion = convert_to_r2(tmp_path / "made", tmp_path / "theirs")
    convert_r2(tmp_path / "theirs", tmp_path / "again", base=base)

    assert [note[:9] for note in conversion.notes] == [
        "it was ma",  # for 256 px
        "the words",
        "config.js",
        "without w",
    ]

    config = json.loads((tmp_path / "theirs" / "config.json").read_text())
    assert config["partial_rotary_factor"] == 0.4  # transformers 4 reads it here or takes 0.5
    assert config["rope_theta"] == 10000.0
    again, _, recipe = load_model(tmp_path / "again")
    folders.same(again.state_dict(), model.state_dict())
    rotary = again.language.lm.config.rope_parameters
    assert rotary["partial_rotary_factor"] == 0.4
    assert recipe.template.before.startswith("[INST]")


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("mask_head.extra_lateral_relu", {"mask_head": {"extra_lateral_relu": False}}),
        ("pyramid.output_norms", {"pyramid": {"output_norms": False}}),
        ("image_tokens.source", {"image_tokens": {"source": "pyramid"}}),
        ("image_tokens.fit", {"image_tokens": {"fit": "letterbox"}}),
        ("language.attention", {"language": {"attention": "prefix"}}),
        ("queries_per_target", {"queries_per_target": 2}),
        ("pyramid.pad", {"pyramid": {"pad": "centre"}}),
        ("pyramid.pad_value", {"pyramid": {"pad_value": 0}}),
        ("mask_head.heads", {"mask_head": {"heads": 4}}),
        ("mask_head.points", {"mask_head": {"points": 2}}),
        ("mask_head.decode", {"mask_head": {"decode": "joint"}}),
        ("mask_head.decoder_layers", {"mask_head": {"decoder_layers": 3}}),
        ("image_tokens.grid_position", {"image_tokens": {"grid_position": True}}),
        ("language.tags_are_tokens", {"language": {"tags_are_tokens": True}}),
    ],
)
def test_what_theirs_would_compute_otherwise_is_refused(folders, base, tmp_path, key, change):
    recipe = replace(base, language=replace(base.language, head_bias=False, lora_rank=0))
    folders.made_here(folders.altered(recipe, change), tmp_path / "made")

    with pytest.raises(CheckpointError, match=f"the authors' model has model.{key}"):
        convert_to_r2(tmp_path / "made", tmp_path / "theirs")

    assert not (tmp_path / "theirs").exists()


@pytest.mark.parametrize(
    ("template", "before", "after"),
    [
        ("a-v0", "A chat between", "{instruction}[SEG] <|assistant|> ASSISTANT: \n"),
        ("b-inst", "[INST] <<SYS>>", "{instruction}[SEG] <|assistant|> [/INST] \n"),
        ("c-inst", "[INST] <<SYS>>", "instruction:\n{instruction} [/INST]"),
    ],
)
def test_r2_gets_the_words_it_was_trained_with(r2, base, tmp_path, template, before, after):
    convert_r2(r2, tmp_path / "ours", base=base, template=template)

    words = read_recipe(tmp_path / "ours").template
    assert words.before.startswith(before)
    assert words.question.endswith(after)
    assert words.end == "[SEP]"


def test_a_seg_token_of_the_template_asks_for_no_mask(r2, base, tmp_path):
    convert_r2(r2, tmp_path / "ours", base=base, template="a-inst")
    segmenter = Segmenter.load(tmp_path / "ours", device="cpu", dtype="fp32")
    seg = segmenter.prompter.seg_ids[0]

    encoded = segmenter.encode(np.zeros((64, 64, 3), np.uint8))
    reply = segmenter.teach(encoded, "the ship", "The <p>ship </p>[SEG] is there.")

    assert segmenter.prompter.question_ids("the ship", None).count(seg) == 1
    assert len(reply.seg_queries) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"partial_rotary_factor": None}, "no partial_rotary_factor"),
        ({"rope_scaling": {"type": "linear", "factor": 2}}, "rope_scaling"),
        ({"num_hidden_layers": "two"}, "make no model"),
        ({"hidden_size": 0}, "make no model"),
        ({"hidden_act": "nope"}, "make no model"),
    ],
)
def test_a_config_that_means_another_model_is_refused(folders, r2, base, tmp_path, change, message):
    source = folders.changed(r2, tmp_path / "src", lambda tensors: None)
    config = json.loads((source / "config.json").read_text()) | change
    (source / "config.json").write_text(json.dumps(config))

    with pytest.raises(CheckpointError, match=message):
        convert_r2(source, tmp_path / "out", base=base)

    assert not (tmp_path / "out").exists()


def test_words_without_rows_are_refused(folders, r2, base, tmp_path):
    source = folders.changed(
        r2, tmp_path / "src", lambda t: t.update({"model.embed_tokens.weight": torch.ones(())})
    )

    with pytest.raises(CheckpointError, match=r"no model\.embed_tokens\.weight of rows"):
        convert_r2(source, tmp_path / "out", base=base)
