"""Finding weights: files, folders, the hub's cache, and what is wrong with them."""

from __future__ import annotations

import json

import huggingface_hub.constants
import pytest
import torch
from safetensors.torch import save_file

from segearth.config.places import is_hub_name
from segearth.errors import CheckpointError
from segearth.model.pretrained.source import INDEX, find, read_weights


def weights(file, **tensors):
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: torch.full((2,), float(value)) for name, value in tensors.items()}, file)
    return file


def test_a_folder_of_two_files_is_read_by_its_index(tmp_path):
    weights(tmp_path / "one.safetensors", a=1)
    weights(tmp_path / "zwei ü.safetensors", b=2)
    index = {"weight_map": {"a": "one.safetensors", "b": "zwei ü.safetensors"}}
    (tmp_path / INDEX).write_text(json.dumps(index), encoding="utf-8")

    read = read_weights(tmp_path, where="SRC")

    assert {name: tensor.tolist() for name, tensor in read.items()} == {
        "a": [1.0, 1.0],
        "b": [2.0, 2.0],
    }


BROKEN = {
    "empty-folder": ({}, "no safetensors file"),
    "pickle-alone": ({"pytorch_model.bin": b"x"}, "only the pickle pytorch_model.bin"),
    "cut-short": ({"model.safetensors": b"\x08\0\0\0\0\0\0\0{}"}, "not a whole safetensors file"),
    "empty-file": ({"model.safetensors": b""}, "not a whole safetensors file"),
    "two-without-index": ({"a.safetensors": b"", "b.safetensors": b""}, "2 safetensors files"),
    "no-json": ({INDEX: b"{"}, "cannot be read"),
    "index-is-a-list": ({INDEX: b"[]"}, "no JSON object"),
    "file-gone": ({INDEX: b'{"weight_map": {"a": "gone.safetensors"}}'}, "gone.safetensors"),
    "index-leaves": ({INDEX: b'{"weight_map": {"a": "../x.safetensors"}}'}, "out of its folder"),
}


@pytest.mark.parametrize(("files", "message"), BROKEN.values(), ids=BROKEN)
def test_broken_folders_are_the_users_error(tmp_path, files, message):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    with pytest.raises(CheckpointError, match=message.replace("(", r"\(")):
        read_weights(tmp_path, where="SRC")


def test_a_pickle_is_not_read_but_the_converter_is_named(tmp_path):
    (tmp_path / "model_final.pkl").write_bytes(b"x")

    with pytest.raises(CheckpointError) as caught:
        read_weights(tmp_path / "model_final.pkl", where="SRC")

    assert "convert-weights" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "hub"),
    [
        ("facebook/mask2former-swin-base-coco-panoptic", True),
        ("google/siglip-so400m-patch14-384", True),
        ("weights/a.safetensors", False),
        ("/abs/olute", False),
        ("a/b/c", False),
        ("alone", False),
    ],
)
def test_hub_names_have_two_parts_and_no_suffix(name, hub):
    assert is_hub_name(name) == hub


def test_a_folder_here_comes_before_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "model").mkdir(parents=True)

    assert not is_hub_name("owner/model")
    assert find("owner/model", where="SRC").is_dir()


def test_the_hubs_cache_is_used_without_a_network(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    commit = "0" * 40
    folder = tmp_path / "models--owner--model"
    weights(folder / "snapshots" / commit / "model.safetensors", a=3)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)

    place = find("owner/model", where="SRC")

    assert read_weights(place, where="SRC")["a"].tolist() == [3.0, 3.0]


def test_what_the_cache_lacks_is_one_error(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))

    with pytest.raises(CheckpointError, match="neither a folder here nor in the hub's cache"):
        find("owner/model", where="model.pyramid.weights")
