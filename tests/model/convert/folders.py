"""Small released folders: sizes, and what tests do with a folder."""

from __future__ import annotations

from dataclasses import replace

import torch
from safetensors.torch import load_file, save_file

from segearth.model.build import build_model
from segearth.model.checkpoint import save_model
from segearth.model.inputs import build_prompter, build_tokenizer

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


def changed(folder, target, change):
    """Copy a folder with its tensors changed."""
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, target / "model.safetensors")
    return target


def made_here(recipe, folder):
    """A model of ours that was never theirs."""
    prompter = build_prompter(recipe, build_tokenizer(recipe))
    model = build_model(recipe, prompter, pretrained=False)
    save_model(folder, model, prompter, recipe, card="x")
    return model


def altered(recipe, change):
    """Replace fields of a recipe: values, or fields of a part by a dict; all at once."""
    fields = {
        key: replace(getattr(recipe, key), **value) if isinstance(value, dict) else value
        for key, value in change.items()
    }
    return replace(recipe, **fields)
