"""SegEarth-R1's released folder through the converter and back: the same bits."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from segearth.config.model import LanguageRecipe
from segearth.config.presets import segearth_r1
from segearth.errors import CheckpointError
from segearth.model.checkpoint import load_model
from segearth.model.convert.phi_heads import with_separate_heads
from segearth.model.convert.segearth_r1 import convert_r1
from segearth.model.convert.to_segearth_r1 import convert_to_r1
from segearth.model.inputs import build_tokenizer
from segearth.model.segmenter import Segmenter


@pytest.fixture(scope="module")
def r1_base(base):
    """SegEarth-R1's recipe around small parts."""
    paper = segearth_r1()
    small = {"name": base.pyramid.name, "image_size": base.pyramid.image_size}
    return replace(
        paper,
        template=replace(paper.template, end="[SEP]"),
        pyramid=replace(paper.pyramid, **small),
    )


@pytest.fixture(scope="module")
def r1(folders, released, r1_base, tmp_path_factory):
    """A released folder of SegEarth-R1, small: fused heads, its own connector and query."""
    folder = tmp_path_factory.mktemp("r1")
    tokenizer = build_tokenizer(replace(r1_base, language=LanguageRecipe(name="nano")))
    tokenizer.save_pretrained(str(folder))
    rows = len(tokenizer) + 3  # to spare
    shapes = released.phi(width=64, layers=2, ffn=96, rows=rows, head_bias=False, fused=True)
    shapes |= released.swin("model.vision_tower.", **folders.SWIN_T) | released.mask_head(
        channels=96
    )
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
    config = {"model_type": "llava_phi", "vocab_size": rows, **folders.PHI}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def ours(r1, r1_base, tmp_path_factory):
    """The same as a model folder."""
    folder = tmp_path_factory.mktemp("ours") / "model"
    return folder, convert_r1(r1, folder, base=r1_base)


def test_r1_becomes_a_whole_model_without_losing_a_tensor(r1, ours):
    folder, conversion = ours
    theirs = load_file(r1 / "model.safetensors")

    whole = sum(conversion.taken.values()) + sum(map(len, conversion.aside.values()))

    assert whole == len(theirs) + 2 * 2 * 2  # fused in two layers, weights and biases
    assert not any("mm_projector" in name for names in conversion.aside.values() for name in names)
    assert len(load_file(folder / "model.safetensors")) == sum(conversion.taken.values())


def test_fused_heads_come_apart_head_by_head(r1, ours):
    fused = load_file(r1 / "model.safetensors")["model.layers.1.self_attn.query_key_value.weight"]
    separate = load_file(ours[0] / "model.safetensors")
    key = separate["language.lm.model.layers.1.self_attn.k_proj.weight"]

    # Four heads of 16 rows: q, k and v of the first are rows 0, 16 and 32, then the second's.
    assert torch.equal(key[:16], fused[16:32])
    assert torch.equal(key[16:32], fused[48 + 16 : 48 + 32])


def test_r1_there_and_back_is_the_same_folder(folders, r1, ours, tmp_path):
    convert_to_r1(ours[0], tmp_path / "back")

    back, there = (load_file(f / "model.safetensors") for f in (tmp_path / "back", r1))
    folders.same(back, there)
    back, there = ((f / "config.json").read_text() for f in (tmp_path / "back", r1))
    assert json.loads(back) == json.loads(there)


def test_heads_that_came_separate_go_back_separate(folders, r1, r1_base, tmp_path):
    """transformers 4.37 and later have no fused projection, and R1 can be saved with them."""
    source = folders.changed(r1, tmp_path / "src", lambda tensors: None)
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(config | {"transformers_version": "4.37.0"}))
    apart = with_separate_heads(load_file(source / "model.safetensors"), 4)
    save_file(
        {name: tensor.contiguous() for name, tensor in apart.items()}, source / "model.safetensors"
    )

    convert_r1(source, tmp_path / "ours", base=r1_base)
    convert_to_r1(tmp_path / "ours", tmp_path / "back")

    folders.same(load_file(tmp_path / "back" / "model.safetensors"), apart)


def test_a_model_of_r1s_form_made_here_becomes_theirs_and_ours_again(folders, r1_base, tmp_path):
    language = replace(r1_base.language, name="nano", config={"model_type": "phi", **folders.PHI})
    recipe = replace(r1_base, language=language)
    model = folders.made_here(recipe, tmp_path / "made")

    conversion = convert_to_r1(tmp_path / "made", tmp_path / "theirs")
    convert_r1(tmp_path / "theirs", tmp_path / "again", base=r1_base)

    assert "model.layers.0.self_attn.query_key_value.bias" in load_file(
        tmp_path / "theirs" / "model.safetensors"
    )
    assert [note[:7] for note in conversion.notes] == ["it was ", "config.", "without"]
    again, _, _ = load_model(tmp_path / "again")
    folders.same(again.state_dict(), model.state_dict())


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("mechanism", {"mechanism": "seg_token", "always_draws": False}),
        ("always_draws", {"always_draws": False}),
        ("image_tokens.connection", {"image_tokens": {"connection": "mlp"}}),
        ("image_tokens.grid_position", {"image_tokens": {"grid_position": True}}),
        ("pyramid.pad", {"pyramid": {"pad": "right-bottom"}}),
        ("mask_head.points", {"mask_head": {"points": 2}}),
    ],
)
def test_what_r1_would_compute_otherwise_is_refused(folders, r1_base, tmp_path, key, change):
    language = replace(r1_base.language, name="nano", config={"model_type": "phi", **folders.PHI})
    recipe = folders.altered(replace(r1_base, language=language), change)
    folders.made_here(recipe, tmp_path / "made")

    with pytest.raises(CheckpointError, match=f"the authors' model has model.{key}"):
        convert_to_r1(tmp_path / "made", tmp_path / "theirs")

    assert not (tmp_path / "theirs").exists()


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


def test_a_config_without_the_rotary_share_is_refused(folders, r1, tmp_path):
    (tmp_path / "src").mkdir()
    for file in r1.iterdir():
        (tmp_path / "src" / file.name).write_bytes(file.read_bytes())
    config = {k: v for k, v in folders.PHI.items() if k != "partial_rotary_factor"} | {
        "vocab_size": 70
    }
    (tmp_path / "src" / "config.json").write_text(json.dumps(config))

    with pytest.raises(CheckpointError, match="partial_rotary_factor"):
        convert_r1(tmp_path / "src", tmp_path / "out")
