"""SAM and SAM 2, with random weights: who is asked what, and what comes back."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from segearth.building.masks.file import read_masks
from segearth.building.masks.grid import View
from segearth.building.masks.options import SAM_SCORE
from segearth.building.masks.sam import Sam
from segearth.cli import data_masks
from segearth.cli.app import app
from segearth.errors import CheckpointError


@pytest.fixture(params=["sam_folder", "sam2_folder"])
def folder(request):
    return request.getfixturevalue(request.param)


def test_every_point_gives_three_masks_of_the_view_s_size(folder, picture):
    view = View(picture(48, 80))

    proposals = Sam(folder, min_score=-1e9, device="cpu").propose(view)

    assert 0 < len(proposals) <= 16 * 3
    assert all(item.mask.shape == (48, 80) and item.mask.any() for item in proposals)
    assert {item.point for item in proposals} <= {tuple(point) for point in view.points.tolist()}


def test_a_high_bar_leaves_none(folder, picture):
    assert Sam(folder, min_score=1e9, device="cpu").propose(View(picture(48, 80))) == []


def test_the_command_has_the_same_bar():
    assert data_masks.SAM_SCORE == SAM_SCORE


def test_a_view_is_encoded_once_and_prompts_go_together(folder, monkeypatch, picture):
    sam = Sam(folder, min_score=-1e9, device="cpu")
    encoded, asked = [], []
    sam._model.vision_encoder.register_forward_hook(lambda *call: encoded.append(1))
    sam._model.mask_decoder.register_forward_hook(lambda *call: asked.append(1))
    monkeypatch.setattr("segearth.building.masks.sam.PROMPTS", 10)

    sam.propose(View(picture(48, 80)))

    assert (len(encoded), len(asked)) == (1, 2)


def test_points_together_give_what_the_model_gives_for_each_alone(folder, picture):
    """The whole way against transformers' own: processor, model, masks at the view's size."""
    sam = Sam(folder, min_score=-1e9, device="cpu")
    view = View(picture(48, 80))
    point = view.points[6]  # x 50, y 18
    inputs = sam._processor(
        images=view.pixels, input_points=[[[(point - 0.5).tolist()]]], return_tensors="pt"
    )
    sizes = [inputs.pop("original_sizes")]
    if "reshaped_input_sizes" in inputs:
        sizes.append(inputs.pop("reshaped_input_sizes"))
    with torch.inference_mode():
        answer = sam._model(**inputs, multimask_output=True)
    expected = sam._processor.post_process_masks(answer.pred_masks, *sizes)[0][0].numpy()

    found = [item for item in sam.propose(view) if item.point == tuple(point)]

    wanted = [mask for mask in expected if mask.any()]
    assert point.tolist() == [50, 18]
    assert len(found) == len(wanted) > 0
    for item, mask in zip(found, wanted, strict=True):
        assert np.mean(item.mask != mask) < 0.01
    rated = zip(answer.iou_scores.flatten().tolist(), expected, strict=True)
    assert [item.score for item in found] == pytest.approx(
        [score for score, mask in rated if mask.any()], abs=1e-4
    )


def test_other_folders_are_refused(tmp_path, sam_folder):
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read"):
        Sam(tmp_path)

    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(CheckpointError, match="'bert', not SAM"):
        Sam(tmp_path)

    (tmp_path / "config.json").write_bytes((sam_folder / "config.json").read_bytes())
    with pytest.raises(CheckpointError, match="pickled weights are not opened"):
        Sam(tmp_path)

    (tmp_path / "model.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        Sam(tmp_path)


def test_missing_tensors_are_named(tmp_path, sam_folder):
    from safetensors.torch import load_file, save_file

    (tmp_path / "config.json").write_bytes((sam_folder / "config.json").read_bytes())
    tensors = load_file(sam_folder / "model.safetensors")
    del tensors["mask_decoder.iou_token.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(CheckpointError, match=r"lacks 1 tensors, such as mask_decoder\.iou_token"):
        Sam(tmp_path)


def test_the_command_asks_sam_about_the_whole_and_inside_boxes(pictures, tmp_path, sam_folder):
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps({"a.png": [[80, 30, 110, 60]]}))
    words = ["data", "masks", str(pictures / "a.png"), "-o", str(tmp_path / "out"), "--json"]
    words += ["--sam", str(sam_folder), "--boxes", str(boxes), "--min-score=-1e9", "--iou", "1"]

    result = CliRunner().invoke(app, words)

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["by_proposer"].keys() == {"sam"}
    (line,) = read_masks(tmp_path / "out" / "masks.jsonl")
    prompts = [mask["prompt"] for mask in line["masks"]]
    assert {prompt["grid"] for prompt in prompts} == {"global", "local"}
    for prompt in prompts:
        ((x, y),) = prompt["points"]
        if prompt["grid"] == "local":
            assert prompt["box"] == [80, 30, 110, 60]
            assert 80 < x < 110
            assert 30 < y < 60
