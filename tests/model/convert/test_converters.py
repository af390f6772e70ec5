"""Released names through the converters and back: the same bits, and nothing lost."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from segearth.config.model import ImageTokensRecipe, LanguageRecipe, PyramidRecipe
from segearth.config.presets import mipha_3b, segearth_r1
from segearth.errors import CheckpointError, UsageError
from segearth.model.build import build_model
from segearth.model.checkpoint import load_model, read_recipe, save_model
from segearth.model.convert.mask2former import MASK_HEAD, PYRAMID, convert_mask2former
from segearth.model.convert.phi_heads import join_heads
from segearth.model.convert.segearth_r1 import convert_r1
from segearth.model.convert.segearth_r2 import convert_r2
from segearth.model.convert.to_segearth_r2 import convert_to_r2, merge_lora, to_upstream
from segearth.model.convert.writing import ASIDE
from segearth.model.inputs import build_prompter, build_tokenizer
from segearth.model.pretrained.swin import to_original
from segearth.model.segmenter import Segmenter

SWIN_T = {"width": 96, "depths": (2, 2, 6, 2), "heads": (3, 6, 12, 24), "window": 7}
PHI = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "partial_rotary_factor": 0.5,
    "max_position_embeddings": 2048,
}
TOWER = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 44,
    "patch_size": 14,
}


def same(one, other):
    """The same names, types and bits."""
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert tensor.dtype == other[name].dtype, name
        assert torch.equal(tensor, other[name]), name


@pytest.fixture(scope="module")
def base():
    """The paper's recipe around small parts."""
    paper = mipha_3b()
    template = replace(paper.template, end="[SEP]")
    return replace(
        paper,
        template=template,
        language=LanguageRecipe(name="nano", config={"model_type": "phi", **PHI}),
        image_tokens=ImageTokensRecipe(source="tower", config=TOWER),
        pyramid=PyramidRecipe(
            name="swin_tiny_patch4_window7_224", image_size=256, output_norms=True
        ),
    )


@pytest.fixture(scope="module")
def r2(released, base, tmp_path_factory):
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
        | released.swin("model.vision_tower_mask.", **SWIN_T)
        | released.mask_head(channels=96)
        | released.linear("SEG_token_projector", 256, 64)
    )
    save_file(released.random_tensors(shapes), folder / "model.safetensors")
    vision = {"vision_tower": {**TOWER, "mm_vision_select_layer": -2}}
    config = {"model_type": "mipha_phi", "vocab_size": rows, **PHI, "vision_config": vision}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def ours(r2, base, tmp_path_factory):
    """The same as a model folder."""
    folder = tmp_path_factory.mktemp("ours") / "model"
    return folder, convert_r2(r2, folder, base=base)


def test_r2_there_and_back_is_the_same_folder(r2, ours, tmp_path):
    folder, _ = ours

    convert_to_r2(folder, tmp_path / "back")

    same(load_file(tmp_path / "back" / "model.safetensors"), load_file(r2 / "model.safetensors"))
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
        assert torch.equal(tensor.to(torch.bfloat16), theirs[to_upstream(name)]), name


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


def changed(folder, target, change):
    """Copy a folder with its tensors changed."""
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, target / "model.safetensors")
    return target


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
def test_what_is_not_r2_is_named_and_nothing_is_written(r2, base, tmp_path, change, message):
    source = changed(r2, tmp_path / "src", change)

    with pytest.raises(CheckpointError, match=message):
        convert_r2(source, tmp_path / "out", base=base)

    assert not (tmp_path / "out").exists()


def test_a_trained_bias_of_the_word_head_has_no_place_in_theirs(ours, tmp_path):
    source = changed(
        ours[0],
        tmp_path / "src",
        lambda t: t.update({"language.lm.lm_head.bias": torch.ones(3)}),
    )

    with pytest.raises(
        CheckpointError, match=r"no place for 1 tensors: language\.lm\.lm_head\.bias"
    ):
        convert_to_r2(source, tmp_path / "out")


def made_here(recipe, folder):
    """A model of ours that was never theirs."""
    prompter = build_prompter(recipe, build_tokenizer(recipe))
    model = build_model(recipe, prompter, pretrained=False)
    save_model(folder, model, prompter, recipe, card="x")
    return model


def test_a_model_made_here_becomes_theirs_and_ours_again(base, tmp_path):
    language = replace(base.language, head_bias=False, lora_rank=0)
    language = replace(language, config={**language.config, "partial_rotary_factor": 0.4})
    model = made_here(replace(base, language=language), tmp_path / "made")

    convert_to_r2(tmp_path / "made", tmp_path / "theirs")
    convert_r2(tmp_path / "theirs", tmp_path / "again", base=base)

    config = json.loads((tmp_path / "theirs" / "config.json").read_text())
    assert config["partial_rotary_factor"] == 0.4  # transformers 4 reads it here or takes 0.5
    assert config["rope_theta"] == 10000.0
    again, _, recipe = load_model(tmp_path / "again")
    same(again.state_dict(), model.state_dict())
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
    ],
)
def test_what_theirs_would_compute_otherwise_is_refused(base, tmp_path, key, change):
    recipe = replace(base, language=replace(base.language, head_bias=False, lora_rank=0))
    for part, value in change.items():
        inner = replace(getattr(recipe, part), **value) if isinstance(value, dict) else value
        recipe = replace(recipe, **{part: inner})
    made_here(recipe, tmp_path / "made")

    with pytest.raises(CheckpointError, match=f"the authors' model has model.{key}"):
        convert_to_r2(tmp_path / "made", tmp_path / "theirs")

    assert not (tmp_path / "theirs").exists()


@pytest.mark.parametrize(
    ("template", "before", "after"),
    [
        ("a-v0", "A chat between", "{instruction}[SEG] <|assistant|> ASSISTANT:"),
        ("b-inst", "[INST] <<SYS>>", "{instruction}[SEG] <|assistant|> [/INST]"),
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


def test_lora_is_added_where_it_belongs():
    layer = "language.lm.model.layers.0.self_attn.q_proj."
    tensors = {
        f"{layer}base_layer.weight": torch.eye(2),
        f"{layer}base_layer.bias": torch.tensor([5.0, 6.0]),
        f"{layer}lora_A.default.weight": torch.tensor([[1.0, 2.0]]),
        f"{layer}lora_B.default.weight": torch.tensor([[3.0], [4.0]]),
        "x": torch.ones(1),
    }

    plain, merged = merge_lora(tensors, alpha=2, rank=1)

    assert merged == 1
    assert plain.keys() == {f"{layer}weight", f"{layer}bias", "x"}
    # I + 2 * [3, 4]^T [1, 2]
    assert plain[f"{layer}weight"].tolist() == [[7.0, 12.0], [8.0, 17.0]]


@pytest.fixture(scope="module")
def r1_base(base):
    """SegEarth-R1's recipe around small parts."""
    paper = segearth_r1()
    return replace(paper, template=replace(paper.template, end="[SEP]"), pyramid=base.pyramid)


@pytest.fixture(scope="module")
def r1(released, r1_base, tmp_path_factory):
    """A released folder of SegEarth-R1, small: fused heads, its own connector and query."""
    folder = tmp_path_factory.mktemp("r1")
    tokenizer = build_tokenizer(replace(r1_base, language=LanguageRecipe(name="nano")))
    tokenizer.save_pretrained(str(folder))
    rows = len(tokenizer) + 3  # to spare
    shapes = released.phi(width=64, layers=2, ffn=96, rows=rows, head_bias=False, fused=True)
    shapes |= released.swin("model.vision_tower.", **SWIN_T) | released.mask_head(channels=96)
    projector = "model.mm_projector."
    for name, shape in {
        "proj1": (64, 768, 3, 3),
        "proj2": (64, 64, 3, 3),
        "fc": (64, 64, 1, 1),
    }.items():
        shapes |= {f"{projector}{name}.weight": shape, f"{projector}{name}.bias": (64,)}
    for name, side in (("norm1", 4), ("norm2", 2)):  # of 8 x 8 cells of a picture of 256 px
        kinds = ("weight", "bias")
        shapes |= {f"{projector}{name}.{kind}": (64, side, side) for kind in kinds}
    layer = "d_layers.layers.0."
    shapes |= {
        "seg_query": (100, 64),
        f"{layer}0.to_q.weight": (512, 512),
        f"{layer}0.to_kv.weight": (1024, 512),
        f"{layer}0.to_out.weight": (512, 512),
        f"{layer}1.1.weight": (512, 512),
        f"{layer}1.3.weight": (512, 512),
    }
    for name in (f"{layer}0.norm_media", f"{layer}0.norm_latents", f"{layer}1.0", "d_layers.norm"):
        shapes |= released.norm(name, 512)
    shapes |= released.linear("text_projector", 512, 64)
    shapes |= released.linear("origin_SEG_token_projector", 512, 64)
    shapes |= released.linear("local_project", 512, 768)
    shapes |= released.linear("SEG_token_projector", 256, 1024)
    save_file(released.random_tensors(shapes), folder / "model.safetensors")
    config = {"model_type": "llava_phi", "vocab_size": rows, **PHI}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_r1_becomes_a_whole_model_without_losing_a_bit(r1, r1_base, tmp_path):
    conversion = convert_r1(r1, tmp_path / "out", base=r1_base)

    ours = load_file(tmp_path / "out" / "model.safetensors")
    back = load_file(tmp_path / "out" / ASIDE)
    for index in range(2):
        layer = f"model.layers.{index}.self_attn."
        for kind in ("weight", "bias"):
            parts = [ours.pop(f"language.lm.{layer}{letter}_proj.{kind}") for letter in "qkv"]
            back[f"{layer}query_key_value.{kind}"] = join_heads(*parts, 4)
    for name, tensor in ours.items():
        if name.startswith("vision_tower_mask."):
            name = "model.vision_tower." + to_original(name.split(".", 1)[1])
        elif name.startswith("mm_projector."):
            name = "model." + name
        back[name.removeprefix("language.lm.").removeprefix("mechanism.")] = tensor
    same(back, load_file(r1 / "model.safetensors"))
    whole = sum(conversion.taken.values()) + sum(map(len, conversion.aside.values()))
    assert whole == len(back) + 2 * 2 * 2  # fused in two layers, weights and biases
    assert not any("mm_projector" in name for names in conversion.aside.values() for name in names)


def test_r1_answers_with_one_mask_whatever_it_says(r1, r1_base, tmp_path):
    convert_r1(r1, tmp_path / "out", base=r1_base)
    segmenter = Segmenter.load(tmp_path / "out")
    segmenter.model.float()

    encoded = segmenter.encode(np.zeros((90, 120, 3), np.uint8))
    reply = segmenter.reply(encoded, "the ship on the left")

    assert segmenter.prompter.image_tokens == 4  # 8 x 8 cells, 4 x 4 a token
    assert encoded.features.tokens.shape == (1, 4, 64)
    assert segmenter.masks(encoded, reply).logits.shape[0] == len(reply.phrases) == 1


def test_r1_with_a_connector_that_is_none_is_refused(r1, r1_base, tmp_path):
    (tmp_path / "src").mkdir()
    for file in r1.iterdir():
        (tmp_path / "src" / file.name).write_bytes(file.read_bytes())
    tensors = load_file(r1 / "model.safetensors")
    del tensors["model.mm_projector.fc.bias"]
    save_file(tensors, tmp_path / "src" / "model.safetensors")

    with pytest.raises(CheckpointError, match=r"missing mm_projector\.fc\.bias"):
        convert_r1(tmp_path / "src", tmp_path / "out", base=r1_base)

    assert not (tmp_path / "out").exists()


def test_a_config_without_the_rotary_share_is_refused(r1, tmp_path):
    (tmp_path / "src").mkdir()
    for file in r1.iterdir():
        (tmp_path / "src" / file.name).write_bytes(file.read_bytes())
    config = {k: v for k, v in PHI.items() if k != "partial_rotary_factor"} | {"vocab_size": 70}
    (tmp_path / "src" / "config.json").write_text(json.dumps(config))

    with pytest.raises(CheckpointError, match="partial_rotary_factor"):
        convert_r1(tmp_path / "src", tmp_path / "out")


def test_an_official_pickle_becomes_pyramid_and_mask_head(released, tmp_path):
    shapes = released.swin("backbone.", **SWIN_T)
    shapes |= released.mask_head("sem_seg_head.", official=True, channels=96)
    tensors = {n: t.float() for n, t in released.random_tensors(shapes).items()}
    file = tmp_path / "model_final_54b88a.pkl"
    tree = {"model": {n: t.numpy() for n, t in tensors.items()}, "__author__": "third_party"}
    file.write_bytes(pickle.dumps(tree))

    conversion = convert_mask2former(file, tmp_path / "out")

    head = load_file(tmp_path / "out" / MASK_HEAD)
    pyramid = load_file(tmp_path / "out" / PYRAMID)
    aside = load_file(tmp_path / "out" / ASIDE)
    assert len(head) + len(pyramid) + len(aside) == len(tensors)
    assert sum(conversion.taken.values()) == len(head) + len(pyramid)
    lateral = tensors["sem_seg_head.pixel_decoder.adapter_1.norm.weight"]
    assert torch.equal(head["pixel_decoder.adapter_1.1.weight"], lateral)
    merging = tensors["backbone.layers.0.downsample.reduction.weight"]
    assert torch.equal(pyramid["encoder.layers_1.downsample.reduction.weight"], merging)
    assert torch.equal(pyramid["norms.3.bias"], tensors["backbone.norm3.bias"])


def test_a_mask2former_with_another_backbone_is_refused(released, tmp_path):
    tensors = released.random_tensors({"backbone.stem.conv1.weight": (4, 3, 7, 7)})
    file = tmp_path / "resnet.pkl"
    file.write_bytes(pickle.dumps({"model": {n: t.float().numpy() for n, t in tensors.items()}}))

    with pytest.raises(CheckpointError, match=r"unknown: backbone\.stem"):
        convert_mask2former(file, tmp_path / "out")

    assert not Path(tmp_path / "out").exists()
