"""Fused attention rows by head: a case worked by hand, and the way back."""

from __future__ import annotations

import pytest
import torch

from segearth.model.convert.phi_heads import join_heads, split_heads, with_separate_heads


def test_two_heads_of_one_dimension():
    fused = torch.tensor([1.0, 10.0, 100.0, 2.0, 20.0, 200.0])  # q, k, v of head 0, then head 1

    q, k, v = split_heads(fused, 2)

    assert (q.tolist(), k.tolist(), v.tolist()) == ([1, 2], [10, 20], [100, 200])


@pytest.mark.parametrize("shape", [(96, 32), (96,)])
def test_there_and_back_is_the_same(shape):
    fused = torch.randn(shape)

    assert torch.equal(join_heads(*split_heads(fused, 4), 4), fused)


def test_rows_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="7 heads"):
        split_heads(torch.zeros(96), 7)


def test_other_tensors_are_left_alone():
    tensors = {
        "model.layers.0.self_attn.query_key_value.bias": torch.arange(6.0),
        "x": torch.ones(1),
    }

    separate = with_separate_heads(tensors, 2)

    assert separate["model.layers.0.self_attn.k_proj.bias"].tolist() == [1, 4]
    assert separate["x"] is tensors["x"]
    assert len(separate) == 4
