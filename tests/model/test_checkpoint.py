"""Model folders: what is saved comes back, and nothing else is taken."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from segearth.data.samples import encode_sample
from segearth.errors import CheckpointError
from segearth.model.build import build_model
from segearth.model.checkpoint import (
    load_model,
    load_tensors,
    model_folder,
    read_tensors,
    save_model,
    tied_names,
)
from segearth.model.inputs import build_prompter, build_tokenizer, geometry
from segearth.model.segmenter import Segmenter

LORA = ("model.language.lora_rank=2", "model.language.frozen=true")
TOWER = (
    "model.image_tokens.source=tower",
    "model.image_tokens.grid_position=false",
    "model.image_tokens.config={hidden_size: 32, intermediate_size: 48, num_hidden_layers: 2, "
    "num_attention_heads: 2, image_size: 44, patch_size: 14}",
)
TIED = ("model.language.config.tie_word_embeddings=true",)


def build(recipe):
    torch.manual_seed(0)
    prompter = build_prompter(recipe, build_tokenizer(recipe))
    return build_model(recipe, prompter, pretrained=False).eval(), prompter


@pytest.fixture(scope="module")
def saved(toy_recipe, tmp_path_factory):
    """A saved model; copy it before changing it."""
    recipe = toy_recipe("phi")
    model, prompter = build(recipe)
    folder = tmp_path_factory.mktemp("saved") / "model"
    save_model(folder, model, prompter, recipe, card="# A card\n")
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("language", "changes"),
    [
        ("phi", ()),
        ("phi", LORA),
        ("phi", TIED),
        ("llama", TIED),
        ("bert", ()),
        ("phi", ("model.queries_per_target=3",)),
        ("phi", TOWER),
    ],
    ids=["plain", "lora", "tied", "tied-llama", "tied-bert", "three-queries", "tower"],
)
def test_a_loaded_model_gives_the_same_logits(toy_recipe, example, tmp_path, language, changes):
    recipe = toy_recipe(language, *changes)
    model, prompter = build(recipe)
    save_model(tmp_path, model, prompter, recipe, card="")

    torch.manual_seed(9)  # the loaded model must not owe anything to the same random start
    again, prompter_again, recipe_again = load_model(tmp_path)

    batch = encode_sample(example, prompter, geometry(recipe))
    batch_again = encode_sample(example, prompter_again, geometry(recipe_again))
    configs = {"language": recipe.language, "image_tokens": recipe.image_tokens}
    kept = {
        part: replace(getattr(recipe_again, part), config=there.config)
        for part, there in configs.items()
    }
    assert replace(recipe_again, **kept) == recipe  # its configs are written out in full
    assert torch.equal(batch.token_ids, batch_again.token_ids)
    with torch.no_grad():
        one, other = model(batch), again(batch_again)
    assert torch.equal(one.word_logits, other.word_logits)
    assert torch.equal(one.mask_logits[-1], other.mask_logits[-1])


def test_tied_weights_are_saved_once_and_stay_tied(toy_recipe, tmp_path):
    recipe = toy_recipe("phi", *TIED)
    model, prompter = build(recipe)
    save_model(tmp_path, model, prompter, recipe, card="")

    names = set(load_file(tmp_path / "model.safetensors"))
    again, _, _ = load_model(tmp_path)

    embedding, head = "language.lm.model.embed_tokens.weight", "language.lm.lm_head.weight"
    assert tied_names(model) == {head: embedding}
    assert embedding in names
    assert head not in names
    lm = again.language.lm
    assert lm.get_input_embeddings().weight is lm.get_output_embeddings().weight


def test_a_folder_holds_what_the_contract_lists(saved):
    names = {path.name for path in saved.iterdir()}

    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= names
    assert not [name for name in names if "part" in name]


def test_a_model_folder_needs_nothing_beside_itself(toy_recipe, tmp_path, monkeypatch):
    """It is copied, shipped and loaded elsewhere, where the language model's folder is not."""
    from transformers import AutoConfig

    source = tmp_path / "language-model"
    plain = toy_recipe("phi")
    build_tokenizer(plain).save_pretrained(str(source))
    AutoConfig.for_model(**plain.language.config).save_pretrained(str(source))
    recipe = toy_recipe("phi", f"model.language.name={source}", "model.language.config={}")
    model, prompter = build(recipe)
    save_model(tmp_path / "model", model, prompter, recipe, card="")

    shutil.rmtree(source)

    again, _, _ = load_model(tmp_path / "model")
    assert again.state_dict().keys() == model.state_dict().keys()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_on_disk_is_float_again_in_memory(toy_recipe, tmp_path, dtype):
    recipe = toy_recipe("phi")
    model, prompter = build(recipe)
    save_model(tmp_path, model, prompter, recipe, card="", dtype=dtype)

    again, _, _ = load_model(tmp_path)

    stored = load_file(tmp_path / "model.safetensors")
    weight = "SEG_token_projector.weight"
    assert stored[weight].dtype == dtype
    assert again.SEG_token_projector.weight.dtype == torch.float32
    torch.testing.assert_close(
        again.SEG_token_projector.weight, model.SEG_token_projector.weight.to(dtype).float()
    )


def test_given_tensors_are_written_instead_of_the_models(toy_recipe, tmp_path):
    recipe = toy_recipe("phi")
    model, prompter = build(recipe)
    average = {name: torch.zeros_like(tensor) for name, tensor in model.state_dict().items()}

    save_model(tmp_path, model, prompter, recipe, card="", tensors=average)

    again, _, _ = load_model(tmp_path)
    assert not again.SEG_token_projector.weight.any()


def edit(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


NAME = "SEG_token_projector.weight"
FAULTS = {
    f"missing {NAME}": lambda tensors: tensors.pop(NAME),
    f"misshapen {NAME}": lambda tensors: tensors.update({NAME: torch.zeros(3, 5)}),
    "unexpected spare.weight": lambda tensors: tensors.update({"spare.weight": torch.zeros(1)}),
}


@pytest.mark.parametrize(("fault", "change"), FAULTS.items(), ids=[f.split()[0] for f in FAULTS])
def test_a_tensor_that_does_not_fit_is_named(folder, fault, change):
    edit(folder, change)

    with pytest.raises(CheckpointError) as caught:
        load_model(folder)

    assert fault in caught.value.problem
    assert caught.value.exit_code == 4


def test_a_misshapen_tensor_is_named_with_both_shapes(folder):
    edit(folder, lambda tensors: tensors.update({NAME: torch.zeros(3, 5)}))

    with pytest.raises(CheckpointError, match=r"\(3, 5\), expected \(32, 64\)"):
        load_model(folder)


def test_many_faults_are_counted_not_listed(folder):
    edit(folder, lambda tensors: [tensors.pop(name) for name in list(tensors)[:20]])

    with pytest.raises(CheckpointError, match="and 15 more"):
        load_model(folder)


def pickled(file):
    torch.save({"weight": torch.zeros(2)}, file)


def truncated(file):
    file.write_bytes(file.read_bytes()[:-1000])


def cut_in_the_header(file):
    file.write_bytes(file.read_bytes()[:100])


def empty(file):
    file.write_bytes(b"")


def text(file):
    file.write_text("not weights\n" * 10)


@pytest.mark.parametrize("spoil", [pickled, truncated, cut_in_the_header, empty, text])
def test_a_file_that_is_not_whole_safetensors_is_refused(folder, spoil):
    spoil(folder / "model.safetensors")

    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        load_model(folder)


@pytest.mark.parametrize("part", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named_with_what_is_there(folder, part):
    (folder / part).unlink()
    (folder / "pytorch_model.bin").touch()

    with pytest.raises(CheckpointError, match=f"it has no {part}"):
        model_folder(folder)


@pytest.mark.parametrize(
    "config",
    [
        "",
        "no json",
        "[]",
        "{}",
        '{"model": 3}',
        '{"model": {"language": {"nam": "x"}}}',
        '{"model": {"pyramid": {"image_size": 33}}}',
        pytest.param('{"model": {"mask_head": {"heads": 0}}}'),
    ],
)
def test_a_config_that_describes_no_model_is_refused(folder, config):
    (folder / "config.json").write_text(config)

    with pytest.raises(CheckpointError):
        load_model(folder)


def test_a_config_of_another_size_is_refused(folder):
    tree = json.loads((folder / "config.json").read_text())
    tree["model"]["mask_head"]["decoder_layers"] = 6
    (folder / "config.json").write_text(json.dumps(tree))

    with pytest.raises(CheckpointError, match="missing predictor"):
        load_model(folder)


def test_a_missing_tokenizer_is_refused(folder):
    for path in folder.glob("tokenizer*"):
        path.unlink()

    with pytest.raises(CheckpointError, match="tokenizer"):
        load_model(folder)


def test_a_name_that_is_no_model_says_what_there_is(tmp_path):
    with pytest.raises(CheckpointError, match="there is no model"):
        model_folder(tmp_path / "nothing")


def test_starting_weights_may_hold_more_than_is_needed(tmp_path):
    layer = torch.nn.Linear(2, 2)
    save_file({**layer.state_dict(), "head.weight": torch.zeros(1)}, tmp_path / "a.safetensors")
    tensors = read_tensors(tmp_path / "a.safetensors")

    assert load_tensors(layer, tensors, where="a", allow_unexpected=True) == 2
    with pytest.raises(CheckpointError, match=r"unexpected head\.weight"):
        load_tensors(layer, tensors, where="a")


def test_a_read_only_folder_is_an_error_of_the_user(toy_recipe, tmp_path):
    recipe = toy_recipe("phi")
    model, prompter = build(recipe)
    (tmp_path / "file").touch()

    from segearth.errors import SegEarthError

    with pytest.raises(SegEarthError):
        save_model(tmp_path / "file" / "model", model, prompter, recipe, card="")


def test_a_segmenter_loads_a_folder(folder, picture):
    segmenter = Segmenter.load(folder, device="cpu")

    assert segmenter.window_px == 96
    assert segmenter.reply(segmenter.encode(picture), "the ships").answer
