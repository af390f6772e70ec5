"""SAM and SAM 2 as mask heads: transformers' own masks, gradients, folders, learning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import Sam2Config, Sam2Model, SamConfig, SamModel

from segearth.config.model import MaskHeadRecipe
from segearth.data.samples import encode_sample
from segearth.errors import CheckpointError
from segearth.model.build import build_model
from segearth.model.checkpoint import load_model, save_model
from segearth.model.mask_heads.starting import make_sam
from segearth.model.sizes import sensible_sizes

KINDS = ["sam", "sam2"]
DECODER = "{hidden_size: 32, mlp_dim: 32, num_hidden_layers: 2, num_attention_heads: 2}"
SAM = (
    "{vision_config: {hidden_size: 32, output_channels: 32, num_hidden_layers: 2, "
    "num_attention_heads: 2, image_size: 64, patch_size: 16, mlp_dim: 64, window_size: 2, "
    "global_attn_indexes: [1], num_pos_feats: 16}, "
    "prompt_encoder_config: {hidden_size: 32, image_size: 64, patch_size: 16, "
    "image_embedding_size: 4}, mask_decoder_config: " + DECODER + "}"
)
SAM2 = (
    "{vision_config: {backbone_config: {model_type: sam2_hiera_det_model, hidden_size: 16, "
    "image_size: [64, 64], blocks_per_stage: [1, 1, 2, 1], embed_dim_per_stage: [16, 32, 64, 128], "
    "num_attention_heads_per_stage: [1, 2, 4, 8], window_size_per_stage: [4, 4, 2, 2], "
    "global_attention_blocks: [3]}, backbone_channel_list: [128, 64, 32, 16], "
    "backbone_feature_sizes: [[16, 16], [8, 8], [4, 4]], fpn_hidden_size: 32}, "
    "prompt_encoder_config: {hidden_size: 32, image_size: 64, patch_size: 16}, "
    "mask_decoder_config: " + DECODER + "}"
)
TOWER = "{hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2, num_attention_heads: 2, "
CONFIGS = {"sam": SAM, "sam2": SAM2}
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


def changes(kind):
    return (
        f"model.mask_head.kind={kind}",
        f"model.mask_head.config={CONFIGS[kind]}",
        "model.pyramid.image_size=64",
        "model.pyramid.frozen=true",
        "model.image_tokens.source=tower",
        "model.image_tokens.config=" + TOWER + "image_size: 64, patch_size: 16}",
    )


def whole(kind, recipe):
    """Make transformers' model of the recipe's config, with all that is left out here."""
    config, model = (SamConfig, SamModel) if kind == "sam" else (Sam2Config, Sam2Model)
    torch.manual_seed(1)
    made = model(config(**recipe.mask_head.config)).eval()
    with torch.no_grad():  # fresh weights draw masks of 1e-4, in which nothing could be seen wrong
        for weight in made.parameters():
            weight += 0.2 * torch.randn_like(weight)
    return made


def encode(segmenter, example):
    return encode_sample(example, segmenter.prompter, segmenter.geometry)


@pytest.mark.parametrize("kind", KINDS)
def test_masks_are_those_of_transformers_with_the_query_as_sparse_prompt(
    toy_recipe, fresh, tmp_path, kind
):
    """Real names: the folder is what `save_pretrained` writes, as on the hub."""
    recipe = toy_recipe("phi", *changes(kind))
    theirs = whole(kind, recipe)
    theirs.save_pretrained(tmp_path)
    taken = []
    named = replace(recipe, mask_head=replace(recipe.mask_head, config={}, weights=str(tmp_path)))
    segmenter = fresh(named)
    build_model(named, segmenter.prompter, pretrained=True, tell=taken.append)
    ours = segmenter.model.eval()
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 3, 64, 64), np.uint8))
    queries = torch.randn(1, 3, 32)

    with torch.no_grad():
        features, memory = ours.pixel_decoder(ours.vision_tower_mask(image))
        groups = torch.zeros(1, 3, dtype=torch.int64)
        drawn = ours.predictor(queries, groups, memory, features)
        scaled = ours.vision_tower_mask.scaled(image)
        seen = theirs.get_image_embeddings(scaled)
        maps = [seen] if kind == "sam" else seen
        more = {} if kind == "sam" else {"high_resolution_features": maps[:-1]}
        if kind == "sam2":
            theirs.mask_decoder.dynamic_multimask_via_stability = False
        expected = theirs.mask_decoder(
            image_embeddings=maps[-1],
            image_positional_embeddings=theirs.get_image_wide_positional_embeddings(),
            sparse_prompt_embeddings=queries[:, :, None],
            dense_prompt_embeddings=theirs.prompt_encoder.no_mask_embed.weight.view(
                1, -1, 1, 1
            ).expand_as(maps[-1]),
            multimask_output=False,
            **more,
        )[0]

    assert expected.abs().max() > 0.05
    torch.testing.assert_close(drawn.logits[0], expected[:, :, 0], **CLOSE)
    assert drawn.logits[0].shape == (1, 3, 16, 16)
    head = next(coverage for coverage in taken if coverage.part == "mask_head")
    assert head.taken == head.wanted == len(load_file(tmp_path / "model.safetensors"))
    assert head.aside == {}


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_what_learns_and_nothing_frozen(toy_recipe, fresh, losses_of, drawn, kind):
    segmenter = fresh(toy_recipe("phi", *changes(kind)))
    model = segmenter.model.train()

    losses_of(model, encode(segmenter, drawn)).total.backward()

    named = dict(model.named_parameters())
    learning = {n for n, p in named.items() if p.requires_grad}
    assert [n for n in learning if named[n].grad is None] == []
    assert [n for n in set(named) - learning if named[n].grad is not None] == []
    frozen = ("vision_tower_mask.", "image_tower.", "predictor.positions", "predictor.no_mask")
    assert not any(n.startswith(frozen) for n in learning)
    assert {"predictor.decoder.mask_tokens.weight", "SEG_token_projector.weight"} <= learning
    assert not model.vision_tower_mask.training
    if kind == "sam2":
        assert {"pixel_decoder.conv_s0.weight", "pixel_decoder.conv_s1.weight"} <= learning
        assert model.predictor.decoder.dynamic_multimask_via_stability is False


@pytest.mark.parametrize("number", [1, 2], ids=["with a target", "without"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_that_learns_gets_a_gradient_whatever_the_batch_holds(
    toy_recipe, fresh, losses_of, drawn, kind, number
):
    segmenter = fresh(toy_recipe("phi", *changes(kind)))
    model = segmenter.model
    batch = encode(segmenter, replace(drawn, exchanges=(drawn.exchanges[number],)))

    losses_of(model, batch).total.backward()

    missed = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert missed == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_draws_as_before_without_the_folder_it_came_from(
    toy_recipe, fresh, drawn, tmp_path, kind
):
    recipe = toy_recipe("phi", *changes(kind))
    source, saved = tmp_path / "source", tmp_path / "saved"
    whole(kind, recipe).save_pretrained(source)
    named = replace(recipe, mask_head=replace(recipe.mask_head, config={}, weights=str(source)))
    segmenter = fresh(named)
    for file in source.iterdir():
        file.unlink()
    save_model(saved, segmenter.model, segmenter.prompter, named, card="")

    model, _, _ = load_model(saved)

    segmenter.model.eval()
    batch = encode(segmenter, drawn)
    with torch.no_grad():
        before, after = segmenter.model(batch), model(batch)
    assert torch.equal(before.mask_logits[-1], after.mask_logits[-1])


@pytest.mark.parametrize("mechanism", ["seg_token", "instruction_as_query"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_cache_gives_the_masks_of_one_packed_pass(toy, drawn, kind, mechanism):
    segmenter = toy("phi", *changes(kind), f"model.mechanism={mechanism}")
    with torch.no_grad():
        expected = segmenter.model(encode(segmenter, drawn)).mask_logits[-1]
    encoded = segmenter.encode(drawn.image)

    replies = [segmenter.teach(encoded, e.instruction, e.answer) for e in drawn.exchanges]
    found = [segmenter.candidates(encoded, reply).logits for reply in replies]

    logits = torch.cat([one for one in found if len(one)])
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawn_picture_is_learnt_by_heart(toy_recipe, fresh, learn, drawn, overlap, kind):
    segmenter = fresh(toy_recipe("phi", *changes(kind), "model.pyramid.frozen=false"))
    example = replace(drawn, exchanges=drawn.exchanges[1:2])

    before, after = learn(segmenter, example, 40)
    encoded = segmenter.encode(example.image)
    reply = segmenter.reply(encoded, example.exchanges[0].instruction)
    masks = segmenter.masks(encoded, reply).logits > 0

    assert after < before / 2
    assert reply.answer == example.exchanges[0].answer
    assert overlap(np.asarray(masks[0]), example.exchanges[0].masks[0]) > 0.6


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "cannot be loaded"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"cut"), "cannot be loaded"),
        (lambda folder: (folder / "config.json").write_text("{"), "no config"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'), "is a bert"),
    ],
    ids=["no weights", "cut short", "broken config", "another model"],
)
def test_a_spoilt_folder_is_refused(toy_recipe, fresh, tmp_path, spoil, words):
    recipe = toy_recipe("phi", *changes("sam"))
    whole("sam", recipe).save_pretrained(tmp_path)
    spoil(tmp_path)
    named = replace(recipe, mask_head=replace(recipe.mask_head, config={}, weights=str(tmp_path)))

    with pytest.raises(CheckpointError, match=words):
        fresh(named)


def test_weights_of_other_sizes_are_refused_by_name(toy_recipe, fresh, tmp_path):
    recipe = toy_recipe("phi", *changes("sam"))
    whole("sam", recipe).save_pretrained(tmp_path)
    config = {**recipe.mask_head.config}
    config["mask_decoder_config"] = {**config["mask_decoder_config"], "mlp_dim": 48}
    head = replace(recipe.mask_head, config=config, weights=str(tmp_path))

    with pytest.raises(CheckpointError, match="misshapen"):
        fresh(replace(recipe, mask_head=head))


def test_pictures_of_another_size_are_refused(toy_recipe, fresh):
    recipe = toy_recipe("phi", *changes("sam"), "model.pyramid.image_size=96")

    with pytest.raises(CheckpointError, match="made for 64 pixels"):
        fresh(recipe)


def test_sizes_that_make_no_sam_are_one_message():
    with pytest.raises(CheckpointError, match=r"model\.mask_head\.config"):
        build_sam({"vision_config": 5})


def build_sam(config):
    recipe = MaskHeadRecipe(kind="sam", config=config)
    with sensible_sizes("model.mask_head.config"):
        return make_sam(recipe, 64, None)
