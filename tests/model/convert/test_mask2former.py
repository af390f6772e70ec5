"""Mask2Former's official pickle as starting weights."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from segearth.errors import CheckpointError
from segearth.model.convert.mask2former import MASK_HEAD, PYRAMID, convert_mask2former
from segearth.model.convert.writing import ASIDE


def test_an_official_pickle_becomes_pyramid_and_mask_head(folders, released, tmp_path):
    shapes = released.swin("backbone.", **folders.SWIN_T)
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
