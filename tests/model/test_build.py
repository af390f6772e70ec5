"""From recipe to modules: what is frozen, where LoRA lands, and what a recipe may get wrong."""

from __future__ import annotations

import pytest
import torch

from segearth.data.samples import encode_sample
from segearth.errors import CheckpointError, RecipeError
from segearth.model.build import build_model
from segearth.model.inputs import build_prompter, build_tokenizer, geometry

TOWER = (
    "model.image_tokens.source=tower",
    "model.image_tokens.grid_position=false",
    "model.image_tokens.config={hidden_size: 32, intermediate_size: 48, num_hidden_layers: 2, "
    "num_attention_heads: 2, image_size: 44, patch_size: 14}",
)
FROZEN = ("model.language.frozen=true", "model.pyramid.frozen=true")
LORA = ("model.language.lora_rank=2",)


def build(recipe, seed=0):
    torch.manual_seed(seed)
    prompter = build_prompter(recipe, build_tokenizer(recipe))
    return build_model(recipe, prompter, pretrained=False), prompter


def learning(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_lora_lands_in_the_language_model_and_nowhere_else(toy_recipe):
    model, _ = build(toy_recipe("phi", *TOWER, *FROZEN, *LORA))

    adapted = {name for name, _ in model.named_parameters() if "lora_" in name}
    towers = [name for name, _ in model.image_tower.named_parameters() if "q_proj" in name]

    assert towers  # there is something that LoRA could have been put into by mistake
    assert len(adapted) == 2 * 2 * 2  # blocks, q and v, A and B
    assert all(name.startswith("language.lm.") for name in adapted)
    assert all(".q_proj." in name or ".v_proj." in name for name in adapted)


def test_a_new_lora_changes_nothing(toy_recipe, example):
    plain, _prompter = build(toy_recipe("phi", *FROZEN))
    adapted, _ = build(toy_recipe("phi", *FROZEN, *LORA), seed=1)
    weights = {
        name.replace("_proj.", "_proj.base_layer.")
        if ("q_proj" in name or "v_proj" in name)
        else name: tensor
        for name, tensor in plain.language.state_dict().items()
    }
    adapted.language.load_state_dict(weights, strict=False)
    embeddings, mask = torch.randn(1, 6, 64), torch.ones(6, 6, dtype=torch.bool).tril()[None, None]
    positions = torch.arange(6)[None]

    with torch.no_grad():
        one = plain.language.eval().run(embeddings, mask=mask, positions=positions)
        other = adapted.language.eval().run(embeddings, mask=mask, positions=positions)

    torch.testing.assert_close(one, other)


def test_what_is_frozen_gets_no_gradient_and_does_not_move(toy_recipe, example):
    recipe = toy_recipe("phi", *TOWER, *FROZEN, *LORA)
    model, prompter = build(recipe)
    batch = encode_sample(example, prompter, geometry(recipe))

    output = model.train()(batch, keep_attention=True)
    (output.word_logits.mean() + output.mask_logits[-1].mean()).backward()

    touched = {name for name, p in model.named_parameters() if p.grad is not None}
    assert touched <= learning(model)
    parts = {name.split(".")[0] for name in learning(model)}
    assert parts == {"language", "pixel_decoder", "predictor", "SEG_token_projector"}
    language = {name for name in learning(model) if name.startswith("language")}
    assert all("lora_" in name or "lm_head" in name for name in language)


@pytest.mark.parametrize(
    ("change", "part", "learns"),
    [
        ("model.pyramid.frozen=true", "vision_tower_mask", False),
        ("model.pyramid.frozen=false", "vision_tower_mask", True),
        ("model.language.frozen=false", "language.lm.model.layers.0", True),
        ("model.language.frozen=true", "language.lm.model.layers.0", False),
        ("model.language.frozen=true", "language.lm.model.embed_tokens", False),
        ("model.language.frozen=true", "language.lm.lm_head", True),
    ],
)
def test_the_recipe_says_what_learns(toy_recipe, change, part, learns):
    model, _ = build(toy_recipe("phi", change))

    assert any(name.startswith(part) for name in learning(model)) == learns


def test_towers_stay_in_eval_mode(toy_recipe):
    model, _ = build(toy_recipe("phi", *TOWER))

    model.train()

    assert model.training
    assert model.language.training
    assert not any(module.training for module in model.image_tower.modules())
    assert not any(module.training for module in model.vision_tower_mask.modules())


@pytest.mark.parametrize("layer", [0, 1, -1, -2, -3])
def test_a_tower_runs_up_to_the_layer_that_is_read_and_no_further(toy_recipe, layer):
    model, _ = build(toy_recipe("phi", *TOWER, f"model.image_tokens.layer={layer}"))
    tower = model.image_tower.tower
    image = torch.randint(0, 256, (1, 3, 44, 44), dtype=torch.uint8)
    ran = []
    for part in (*tower.encoder.layers, tower.head):
        part.register_forward_hook(lambda part, *_: ran.append(part))

    with torch.no_grad():
        seen = model.image_tower(image)
        blocks = list(ran)
        states = tower(image / 127.5 - 1, output_hidden_states=True).hidden_states

    assert seen.shape == (1, 9, 32)  # 44 px hold three cells of 14
    assert torch.equal(seen, states[layer])  # to the last bit
    assert blocks == list(tower.encoder.layers[: layer % 3])


@pytest.mark.parametrize("layer", [3, -4])
def test_a_layer_that_a_tower_does_not_have_is_refused(toy_recipe, layer):
    recipe = toy_recipe("phi", *TOWER, f"model.image_tokens.layer={layer}")

    with pytest.raises(RecipeError, match="has 3 hidden states"):
        build(recipe)


def test_a_tower_runs_the_whole_way(toy, example):
    segmenter = toy("phi", *TOWER, "model.max_answer_tokens=8")

    encoded = segmenter.encode(example.image)

    assert encoded.features.tokens.shape == (1, 9, 64)
    assert segmenter.reply(encoded, "the ships").answer


@pytest.mark.parametrize(
    ("changes", "side", "cell", "tower"),
    [
        (("model.image_tokens.level=-1",), 3, 32, 0),
        (("model.image_tokens.level=-2",), 6, 16, 0),
        (TOWER, 3, 14, 44),
    ],
    ids=["stride-32", "stride-16", "tower"],
)
def test_the_grid_of_image_tokens(toy_recipe, changes, side, cell, tower):
    recipe = toy_recipe("phi", *changes)

    shape = geometry(recipe)

    assert (shape.cells, shape.cell_px, shape.tower_side) == (side, cell, tower)
    assert build(recipe)[1].image_tokens == side**2


def test_image_tokens_of_finer_cells_hold_the_coarser_maps_too(toy):
    segmenter = toy("phi")

    assert segmenter.model.mm_projector[0].in_features == 48 + 64


def test_new_tokens_get_rows_of_their_own(toy_recipe):
    recipe = toy_recipe("phi", "model.language.config.vocab_size=700")

    model, prompter = build(recipe)

    assert model.language.lm.get_input_embeddings().weight.shape[0] == len(prompter.tokenizer)
    assert model.language.lm.get_output_embeddings().weight.shape[0] == len(prompter.tokenizer)


def test_a_larger_vocabulary_is_left_alone(toy_recipe):
    model, _ = build(toy_recipe("phi"))

    assert model.language.lm.get_input_embeddings().weight.shape[0] == 896


def test_the_paper_model_can_be_laid_out_without_memory(toy_recipe):
    recipe = toy_recipe("phi", *TOWER, *FROZEN, *LORA)
    prompter = build_prompter(recipe, build_tokenizer(recipe))

    with torch.device("meta"):
        model = build_model(recipe, prompter, pretrained=False)

    assert all(parameter.is_meta for parameter in model.parameters())


def start(recipe):
    """Do what a run does first."""
    return build_model(recipe, build_prompter(recipe, build_tokenizer(recipe)), pretrained=True)


MISTAKES = {
    "no-such-folder": "model.language.name=/there/is/nothing",
    "no-such-language": "model.language.config={model_type: nonsense}",
    "no-starting-weights": "model.pyramid.weights=/there/is/nothing.safetensors",
    "tower-without-folder": "model.image_tokens={source: tower, tower: /there/is/nothing}",
    "no-such-encoder": "model.pyramid.name=no_such_backbone",
    "encoder-without-strides": "model.pyramid.name=test_vit",
    "lora-without-layers": "model.language.lora_targets=[no_proj]",
    "end-is-no-token": "model.template.end=<|endoftext|>",
}


@pytest.mark.parametrize("change", MISTAKES.values(), ids=MISTAKES)
def test_what_cannot_be_built_is_the_users_error(toy_recipe, change):
    changes = LORA if "lora" in change else ()
    recipe = toy_recipe("phi", *changes, change)

    with pytest.raises(CheckpointError):
        start(recipe)
