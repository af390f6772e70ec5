"""Real names and full-size shapes of the public weights, held against the paper's model.

The files are hollow (a header and a hole), so 3 billion weights cost no disk and no memory.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig

from segearth.config.load import load_recipe
from segearth.config.presets import PHI_2, SIGLIP_SO400M_384
from segearth.errors import CheckpointError
from segearth.model.starting import starts


def recipe(**sources):
    """The paper's model with sources as in recipes/lasers.yaml, and configs in the recipe."""
    lasers = Path(__file__).parents[3] / "recipes" / "lasers.yaml"
    defaults = {
        "model.language.weights": "",
        "model.image_tokens.weights": "",
        "model.image_tokens.connector": "",
        "model.pyramid.weights": "",
        "model.mask_head.weights": "",
    }
    changes = [
        f"model.language.config={PHI_2}",
        f"model.image_tokens.config={SIGLIP_SO400M_384}",
        "model.language.name=nano",  # no tokenizer is needed here
    ]
    given = {key.replace("__", "."): value for key, value in sources.items()}
    return load_recipe(
        lasers, [*changes, *(f"{k}={v}" for k, v in (defaults | given).items())]
    ).model


def covered(**sources):
    """Coverage by part."""
    return {
        start.part: start.coverage
        for start in starts(recipe(**{f"model__{key}": str(v) for key, v in sources.items()}))
    }


def test_mipha_3b_gives_language_model_tower_and_connector(released, tmp_path):
    shapes = released.mipha()
    file = released.write_hollow(tmp_path / "mipha.safetensors", shapes)

    parts = covered(
        language__weights=file, image_tokens__weights=file, image_tokens__connector=file
    )

    language, tower, connector = (parts[name] for name in ("language", "image tower", "connector"))
    assert (language.taken, language.wanted) == (452, 452)  # 453 of Phi-2, less the bias
    assert language.aside == {"bias of the word head; model.language.head_bias is false": 1}
    assert (tower.taken, tower.wanted) == (448, 448)
    assert (connector.taken, connector.wanted) == (4, 4)
    assert language.taken + tower.taken + connector.taken + 1 == len(shapes)


def test_phi_2_split_over_two_files(released, tmp_path):
    shapes = released.phi()
    names = sorted(shapes)
    halves = {"model-00001-of-00002.safetensors": names[:200]}
    halves["model-00002-of-00002.safetensors"] = names[200:]
    for name, held in halves.items():
        released.write_hollow(tmp_path / name, {n: shapes[n] for n in held})
    index = {n: name for name, held in halves.items() for n in held}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))

    coverage = covered(language__weights=tmp_path)["language"]

    assert (coverage.taken, coverage.wanted) == (452, 452)


@pytest.mark.parametrize("rows", [51200, 50296], ids=["phi-2", "cut-to-the-tokenizer"])
def test_both_sizes_of_the_vocabulary_are_taken(released, tmp_path, rows):
    file = released.write_hollow(tmp_path / "a.safetensors", released.phi(rows=rows))

    assert covered(language__weights=file)["language"].taken == 452


def test_googles_siglip_gives_the_tower_and_leaves_the_text_tower(released, tmp_path):
    shapes = released.siglip("vision_model.") | {
        "text_model.embeddings.token_embedding.weight": (32000, 1152),
        "text_model.head.weight": (1152, 1152),
        "logit_scale": (1,),
        "logit_bias": (1,),
    }
    file = released.write_hollow(tmp_path / "siglip.safetensors", shapes)

    tower = covered(image_tokens__weights=file)["image tower"]

    assert (tower.taken, tower.wanted) == (448, 448)
    assert tower.aside == {"SigLIP's text tower": 4}


def test_a_tower_cut_off_behind_the_layer_that_is_read_will_do(released, tmp_path):
    shapes = released.siglip("vision_model.")
    gone = ("vision_model.head.", "vision_model.post_layernorm.", "vision_model.encoder.layers.26.")
    kept = {name: shape for name, shape in shapes.items() if not name.startswith(gone)}
    file = released.write_hollow(tmp_path / "siglip.safetensors", kept)

    tower = covered(image_tokens__weights=file)["image tower"]

    assert tower.taken == len(kept)
    assert len(tower.random) == 448 - len(kept) == 16 + 2 + 11


def test_a_tower_without_a_layer_that_is_read_is_refused(released, tmp_path):
    shapes = released.siglip("vision_model.", layers=26)
    del shapes["vision_model.encoder.layers.25.mlp.fc1.bias"]
    file = released.write_hollow(tmp_path / "siglip.safetensors", shapes)

    with pytest.raises(CheckpointError, match=r"1 missing: encoder\.layers\.25\.mlp\.fc1\.bias"):
        covered(image_tokens__weights=file)


def hub_mask2former(version):
    """Names and shapes of `facebook/mask2former-swin-base-*`, made from transformers' model."""
    stages = ["stage1", "stage2", "stage3", "stage4"]
    backbone = SwinConfig(
        image_size=384,
        embed_dim=128,
        depths=[2, 2, 18, 2],
        num_heads=[4, 8, 16, 32],
        window_size=12,
        out_features=stages,
    )
    with torch.device("meta"):
        model = Mask2FormerForUniversalSegmentation(Mask2FormerConfig(backbone_config=backbone))
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if version == 5:
        return shapes
    old = [
        (r"encoder\.swin\.", "encoder."),
        (r"attention\.q_proj", "attention.self.query"),
        (r"attention\.k_proj", "attention.self.key"),
        (r"attention\.v_proj", "attention.self.value"),
        (r"attention\.o_proj", "attention.output.dense"),
        (r"attention\.relative_position_bias\.", "attention.self."),
        (r"(blocks\.\d+)\.mlp\.fc1", r"\1.intermediate.dense"),
        (r"(blocks\.\d+)\.mlp\.fc2", r"\1.output.dense"),
    ]
    renamed = {}
    for name, shape in shapes.items():
        for pattern, replacement in old:
            name = re.sub(pattern, replacement, name)
        renamed[name] = shape
        if name.endswith("attention.self.relative_position_bias_table"):
            renamed[name.replace("bias_table", "index")] = (144, 144)
    return renamed


@pytest.mark.parametrize("version", [4, 5])
def test_mask2former_of_the_hub_gives_pyramid_and_mask_head(released, tmp_path, version):
    shapes = hub_mask2former(version)
    file = released.write_hollow(tmp_path / "m2f.safetensors", shapes)

    parts = covered(pyramid__weights=file, mask_head__weights=file)

    pyramid, head = parts["pyramid"], parts["mask head"]
    assert (pyramid.taken, pyramid.wanted) == (333, 333)  # 325 of timm's Swin, 4 norms
    assert head.zero == ("pixel_decoder.adapter_1.0.bias", "pixel_decoder.layer_1.0.bias")
    assert head.taken == head.wanted - 2
    # Every tensor of the file is accounted for; q, k and v of 24 blocks and 9 layers are joined.
    joined = 24 * 2 * 2 + 9 * 2 * 2
    aside = sum(head.aside.values())
    assert pyramid.taken + head.taken + joined + aside == len(shapes)


def test_timms_swin_fits_without_output_norms_and_says_so_otherwise(released, tmp_path):
    with torch.device("meta"):
        state = timm.create_model("swin_base_patch4_window12_384").state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    file = released.write_hollow(tmp_path / "timm.safetensors", shapes)

    pyramid = covered(pyramid__weights=file, pyramid__output_norms="false")["pyramid"]

    assert (pyramid.taken, pyramid.wanted) == (325, 325)
    assert pyramid.aside == {"classifier": 4}
    with pytest.raises(CheckpointError, match=r"8 missing: norms\.0\.weight") as caught:
        covered(pyramid__weights=file)
    assert "output_norms" in caught.value.hint


def test_the_authors_folder_gives_every_part(released, tmp_path):
    shapes = (
        released.mipha(rows=50296, head_bias=False)
        | released.swin("model.vision_tower_mask.")
        | released.mask_head()
        | released.linear("SEG_token_projector", 256, 2560)
    )
    file = released.write_hollow(tmp_path / "model.safetensors", shapes)

    parts = covered(
        language__weights=file,
        image_tokens__weights=file,
        image_tokens__connector=file,
        pyramid__weights=file,
        mask_head__weights=file,
    )

    assert {name: part.taken == part.wanted for name, part in parts.items()} == dict.fromkeys(
        ("language", "image tower", "connector", "pyramid", "mask head"), True
    )
    aside = parts["pyramid"].aside
    assert aside["rebuilt from the window size"] == 24
    assert sum(part.taken for part in parts.values()) + sum(aside.values()) + 2 == len(shapes)


def test_biases_of_the_code_family_need_the_configuration_for_them(released, tmp_path):
    shapes = released.swin("model.vision_tower_mask.") | released.mask_head()
    file = released.write_hollow(tmp_path / "model.safetensors", shapes)

    with pytest.raises(CheckpointError, match="2 unexpected") as caught:
        covered(mask_head__weights=file, mask_head__extra_lateral_relu="false")

    assert "extra_lateral_relu" in caught.value.hint


def test_a_misshapen_and_a_foreign_tensor_are_named(released, tmp_path):
    shapes = released.mipha()
    shapes["model.mm_projector.2.weight"] = (2560, 1152)
    shapes["model.something_else.weight"] = (3,)
    file = released.write_hollow(tmp_path / "mipha.safetensors", shapes)

    with pytest.raises(CheckpointError) as caught:
        covered(image_tokens__connector=file)

    assert "2.weight (2560, 1152), expected (2560, 2560)" in caught.value.problem
    assert "1 unexpected: model.something_else.weight" in caught.value.problem


@pytest.mark.slow
def test_pyramid_and_both_decoders_are_mask2former_at_1024_px():
    """At full width, in a process of its own: it takes 4 GB."""
    root = Path(__file__).parents[3]

    done = subprocess.run(
        [sys.executable, str(root / "tests" / "benchmarks" / "mask2former_parity.py")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )

    assert done.returncode == 0, done.stderr
    compared = re.findall(r"^(\w+).* \(.*\): (\S+) of", done.stdout, re.MULTILINE)
    names = [name for name, _ in compared]
    assert {name: names.count(name) for name in names} == {
        "pyramid": 4,
        "memory": 3,
        "mask": 1,  # features
        "masks": 10,  # before the first layer and after each of nine
    }
    assert all(float(difference) <= 1e-4 for _, difference in compared)
