"""LoRA becomes part of the weights it adapts."""

from __future__ import annotations

import torch

from segearth.model.convert.theirs import merge_lora


def test_lora_is_added_where_it_belongs():
    layer = "language.lm.model.layers.0.self_attn.q_proj."
    tensors = {
        f"{layer}base_layer.weight": torch.eye(2),
        f"{layer}base_layer.bias": torch.tensor([5.0, 6.0]),
        f"{layer}lora_A.default.weight": torch.tensor([[1.0, 2.0]]),
        f"{layer}lora_B.default.weight": torch.tensor([[3.0], [4.0]]),
        "x": torch.ones(1),
    }

    plain, merged = merge_lora(tensors, alpha=2, rank=1)

    assert merged == 1
    assert plain.keys() == {f"{layer}weight", f"{layer}bias", "x"}
    # I + 2 * [3, 4]^T [1, 2]
    assert plain[f"{layer}weight"].tolist() == [[7.0, 12.0], [8.0, 17.0]]
