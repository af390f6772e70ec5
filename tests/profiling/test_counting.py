"""Two counters, filled up until they mean the same."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from segearth.profiling import arithmetic
from segearth.profiling.counting import _convolve, count_with_fvcore, count_with_torch


def attend(query, key):
    return F.scaled_dot_product_attention(query, key, key)


def read(image, places):
    return F.grid_sample(image, places, align_corners=False)


def bag(table, shares):
    rows = torch.zeros(shares.shape, dtype=torch.int32, device="meta")
    return F.embedding_bag(rows, table, mode="sum", per_sample_weights=shares)


def enlarge(image):
    return F.interpolate(image, size=(7, 9), mode="bilinear", align_corners=False)


CASES = [
    pytest.param(
        attend, [(2, 3, 5, 4), (2, 3, 6, 4)], 6 * arithmetic.attention(5, 6, 4), id="attention"
    ),
    pytest.param(
        read, [(2, 3, 8, 8), (2, 5, 4, 2)], arithmetic.bilinear(2 * 3 * 5 * 4), id="grid-sample"
    ),
    pytest.param(bag, [(10, 3), (7, 4)], arithmetic.bilinear(7 * 3), id="bags-of-four-rows"),
    pytest.param(enlarge, [(1, 2, 4, 4)], arithmetic.bilinear(2 * 7 * 9), id="resizing"),
    pytest.param(torch.matmul, [(4, 8), (8, 16)], 4 * 8 * 16, id="product"),
    pytest.param(torch.relu, [(4, 8)], 0, id="nothing"),
]


@pytest.mark.parametrize(("run", "shapes", "macs"), CASES)
def test_both_counters_agree_with_the_formula(run, shapes, macs):
    inputs = tuple(torch.zeros(shape, device="meta") for shape in shapes)

    assert count_with_torch(run, inputs).macs == macs
    assert count_with_fvcore(nn.Identity(), run, inputs).macs == macs


def test_a_training_before_does_not_change_the_count():
    image = torch.zeros(1, 2, 4, 4, device="meta")
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        assert count_with_torch(enlarge, (image,)).macs == arithmetic.bilinear(2 * 7 * 9)
        assert count_with_fvcore(nn.Identity(), enlarge, (image,)).macs == 4 * 2 * 7 * 9
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(nn.Conv2d(4, 6, 3, padding=1), id="three-by-three"),
        pytest.param(nn.Conv2d(4, 6, 2, stride=2, padding="valid"), id="patches"),
        pytest.param(nn.Conv2d(4, 8, 3, stride=2, groups=4, bias=False), id="depthwise"),
    ],
)
def test_a_convolution_is_the_product_it_is_counted_as(layer):
    image = torch.rand(2, 4, 9, 11)
    product = _convolve(
        image, layer.weight, layer.bias, layer.stride, layer.padding, layer.dilation, layer.groups
    )

    torch.testing.assert_close(product, layer(image))
    shape, meta = tuple(product.shape[2:]), layer.to("meta")
    macs = 2 * shape[0] * shape[1] * layer.weight.numel()
    assert count_with_torch(meta, (image.to("meta"),)).macs == macs
    assert count_with_fvcore(meta, meta, (image.to("meta"),)).macs == macs


def test_what_is_left_out_is_named():
    block = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.GELU(), nn.Softmax(-1)).to("meta")
    tokens = torch.zeros(2, 4, device="meta")

    by_torch = count_with_torch(block, (tokens,))
    by_fvcore = count_with_fvcore(block, block, (tokens,))

    assert by_torch.macs == by_fvcore.macs == 32
    assert by_torch.left_out == ("activations", "norms", "softmax")
    assert by_fvcore.left_out == ("gelu", "layer_norm", "softmax")


def test_what_cannot_be_traced_is_no_number():
    dilated = nn.Conv2d(1, 1, 3, dilation=2).to("meta")

    assert count_with_fvcore(dilated, dilated, (torch.zeros(1, 1, 9, 9, device="meta"),)) is None
