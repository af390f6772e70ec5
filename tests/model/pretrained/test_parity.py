"""Our parts with a source's weights compute what the source's own classes compute."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import (
    BertConfig,
    BertModel,
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    PhiConfig,
    PhiForCausalLM,
    SiglipConfig,
    SiglipModel,
    SwinConfig,
)

from segearth.config.model import ImageTokensRecipe, LanguageRecipe
from segearth.errors import CheckpointError
from segearth.model.image_tokens import ImageTower
from segearth.model.language import LanguageModel
from segearth.model.pixel_decoder import PixelDecoder
from segearth.model.positions import sine_positions
from segearth.model.pretrained.loading import (
    language_config,
    load_language,
    load_part,
    load_tower,
    load_whole,
    tower_config,
)
from segearth.model.pyramid import Pyramid
from segearth.model.query_decoder import QueryDecoder

PHI = {
    "vocab_size": 60,
    "hidden_size": 40,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "partial_rotary_factor": 0.4,  # 4 of 10 dimensions of a head, as 32 of Phi-2's 80
}
SIGLIP = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 44,
    "patch_size": 14,
}


def shaken(module, seed=0):
    """Make every weight matter, also those that start at zero or one."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return module.eval()


def stored(module, file):
    save_file({name: t.contiguous() for name, t in module.state_dict().items()}, file)
    return str(file)


@pytest.mark.parametrize("whole", [True, False], ids=["by-transformers", "by-our-rules"])
def test_phi_through_our_wrapper_is_phi(tmp_path, whole):
    theirs = shaken(PhiForCausalLM(PhiConfig(**PHI)))
    theirs.save_pretrained(tmp_path)
    if whole:
        config = language_config(LanguageRecipe(name=str(tmp_path)))
        lm, coverage = load_whole(str(tmp_path), config, torch.float32)
    else:
        recipe = LanguageRecipe(config={"model_type": "phi", **PHI}, weights=str(tmp_path))
        lm, coverage = load_language(recipe, language_config(recipe))
    ids, width = torch.arange(12).reshape(2, 6), 6
    mask = torch.ones(width, width, dtype=torch.bool).tril()[None, None].expand(2, 1, -1, -1)

    with torch.no_grad():
        ours = LanguageModel(lm.eval())
        hidden = ours.run(ours.embed(ids), mask=mask, positions=torch.arange(width).expand(2, -1))
        expected = theirs(ids, output_hidden_states=True)

    assert coverage.taken == coverage.wanted == len(theirs.state_dict())
    torch.testing.assert_close(hidden, expected.hidden_states[-1], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.word_logits(hidden), expected.logits, atol=1e-5, rtol=1e-5)


def test_a_sentence_encoder_lacks_only_the_word_head(tmp_path):
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    encoder = shaken(BertModel(BertConfig(vocab_size=60, intermediate_size=48, **sizes)))
    encoder.save_pretrained(tmp_path)
    recipe = LanguageRecipe(name=str(tmp_path), config={"is_decoder": True})

    lm, coverage = load_whole(str(tmp_path), language_config(recipe), torch.float32)

    assert torch.equal(
        lm.bert.encoder.layer[1].output.dense.weight, encoder.encoder.layer[1].output.dense.weight
    )
    assert coverage.random
    assert all(name.startswith("cls.") for name in coverage.random)
    assert sum(coverage.aside.values()) == 2  # weight and bias of the pooler


def test_a_language_model_that_lacks_a_layer_is_refused(tmp_path):
    shaken(PhiForCausalLM(PhiConfig(**{**PHI, "num_hidden_layers": 2}))).save_pretrained(tmp_path)
    recipe = LanguageRecipe(name=str(tmp_path), config={"num_hidden_layers": 3})

    with pytest.raises(CheckpointError, match=r"14 missing: model\.layers\.2\."):
        load_whole(str(tmp_path), language_config(recipe), torch.float32)


def test_siglip_through_our_tower_is_siglip(tmp_path):
    text = {k: v for k, v in SIGLIP.items() if k not in ("image_size", "patch_size")}
    theirs = shaken(SiglipModel(SiglipConfig(text_config=text, vision_config=SIGLIP)))
    recipe = ImageTokensRecipe(config=SIGLIP, weights=stored(theirs, tmp_path / "a.safetensors"))
    image = torch.randint(0, 256, (2, 3, 44, 44), dtype=torch.uint8)

    tower, coverage = load_tower(recipe, tower_config(recipe))
    with torch.no_grad():
        seen = ImageTower(tower.eval(), recipe.layer)(image)
        pixels = (image / 255 - 0.5) / 0.5
        states = theirs.vision_model(pixels, output_hidden_states=True).hidden_states

    assert coverage.taken == coverage.wanted
    torch.testing.assert_close(seen, states[-2], atol=1e-5, rtol=1e-5)


@pytest.fixture(scope="module")
def mask2former(tmp_path_factory):
    """transformers' Mask2Former with Swin-T and a small head, and its weights as a file."""
    stages = ["stage1", "stage2", "stage3", "stage4"]
    config = Mask2FormerConfig(
        backbone_config=SwinConfig(image_size=224, out_features=stages),
        feature_size=64,
        mask_feature_size=64,
        hidden_dim=64,
        encoder_layers=2,
        num_attention_heads=4,
        encoder_feedforward_dim=96,
        dim_feedforward=96,
        decoder_layers=4,
        num_queries=5,
        dropout=0.0,
    )
    model = shaken(Mask2FormerForUniversalSegmentation(config))
    return model, stored(model, tmp_path_factory.mktemp("m2f") / "model.safetensors")


def test_mask2former_through_our_parts_is_mask2former(mask2former):
    theirs, file = mask2former
    pyramid = Pyramid("swin_tiny_patch4_window7_224", 256, output_norms=True).eval()
    pixel_decoder = PixelDecoder(pyramid.channels, width=64, heads=4, layers=2, ffn=96)
    predictor = QueryDecoder(width=64, heads=4, layers=3, ffn=96)
    both = nn.ModuleDict({"pixel_decoder": pixel_decoder, "predictor": predictor})
    # Maps of 64, 32, 16 and 8 cells and windows of 7: padding and shifting both count.
    image = torch.randint(0, 256, (1, 3, 256, 256), dtype=torch.uint8)

    for part, module in (("pyramid", pyramid), ("mask_head", both)):
        coverage = load_part(module, part, file)
        assert coverage.taken == coverage.wanted
    with torch.no_grad():
        maps = pyramid(image)
        pixels = (image / 255 - pyramid.mean) / pyramid.std
        expected = theirs.model.pixel_level_module.encoder(pixels).feature_maps
        features, memory = pixel_decoder(maps)
        decoded = theirs.model.pixel_level_module(pixels)
        content = torch.randn(1, 2, 64)
        masks = predictor(content, torch.zeros(1, 2, dtype=torch.int64), memory, features)
        module = theirs.model.transformer_module
        levels = zip(memory, module.level_embed.weight, strict=True)
        shapes = [tuple(fmap.shape[-2:]) for fmap in memory]
        by_them = module.decoder(
            inputs_embeds=content.transpose(0, 1),
            query_position_embeddings=torch.zeros(2, 1, 64),
            multi_stage_positional_embeddings=[
                sine_positions(*shape, 64).flatten(1).t()[:, None] for shape in shapes
            ],
            encoder_hidden_states=[
                (fmap + level[:, None, None]).flatten(2).permute(2, 0, 1) for fmap, level in levels
            ],
            pixel_embeddings=features,
            feature_size_list=shapes,
            return_dict=True,
        )

    close = {"atol": 2e-4, "rtol": 2e-4}
    for mine, other in zip(maps, expected, strict=True):
        torch.testing.assert_close(mine, other, **close)
    torch.testing.assert_close(features, decoded.decoder_last_hidden_state, **close)
    for mine, other in zip(memory, decoded.decoder_hidden_states, strict=True):
        torch.testing.assert_close(mine, other, **close)
    for mine, other in zip(masks.logits, by_them.masks_queries_logits, strict=True):
        torch.testing.assert_close(mine, other, **close)


def test_biases_at_zero_leave_official_weights_as_they_are_but_for_the_relu(mask2former):
    _, file = mask2former
    official = PixelDecoder([96, 192, 384, 768], width=64, heads=4, layers=2, ffn=96)
    extra = PixelDecoder(
        [96, 192, 384, 768], width=64, heads=4, layers=2, ffn=96, extra_lateral_relu=True
    )
    finest = torch.randn(1, 96, 4, 4)

    for decoder in (official, extra):
        predictor = QueryDecoder(width=64, heads=4, layers=3, ffn=96)
        load_part(
            nn.ModuleDict({"pixel_decoder": decoder, "predictor": predictor}), "mask_head", file
        )

    with torch.no_grad():
        torch.testing.assert_close(
            extra.adapter_1(finest), official.adapter_1(finest).relu(), atol=0, rtol=0
        )
