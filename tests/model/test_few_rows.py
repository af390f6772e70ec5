"""Linear layers for few rows: the same product, and the same weights to all who look at them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segearth.model.few_rows import FEW, FewRowLinear, speed_few_rows


def speedy(*, bias: bool = True) -> tuple[FewRowLinear, nn.Linear]:
    torch.manual_seed(0)
    plain = nn.Linear(5, 7, bias=bias)
    ours = FewRowLinear(5, 7, bias=bias)
    ours.load_state_dict(plain.state_dict())
    return ours, plain


def test_worked_by_hand() -> None:
    layer = FewRowLinear(2, 3)
    layer.load_state_dict(
        {
            "weight": torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 3.0]]),
            "bias": torch.tensor([0.0, 10.0, 100.0]),
        }
    )
    assert layer(torch.tensor([4.0, 5.0])).tolist() == [4.0, 15.0, 123.0]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "shape", [(5,), (1, 5), (1, 1, 5), (2, 3, 5), (FEW, 5), (FEW + 1, 5), (0, 5)]
)
def test_equals_the_plain_layer(shape: tuple[int, ...], bias: bool) -> None:
    ours, plain = speedy(bias=bias)
    rows = torch.randn(shape)
    made, expected = ours(rows), plain(rows)
    assert made.shape == expected.shape
    assert made.is_contiguous()
    torch.testing.assert_close(made, expected)


def test_rows_of_another_layout() -> None:
    ours, plain = speedy()
    rows = torch.randn(5, 3).T
    torch.testing.assert_close(ours(rows), plain(rows))


def test_rows_without_columns() -> None:
    ours, _ = speedy()
    ours.weight.data = torch.zeros(7, 0)
    torch.testing.assert_close(ours(torch.zeros(2, 0)), ours.bias.expand(2, -1))


def test_gradients_are_the_same() -> None:
    ours, plain = speedy()
    rows = torch.randn(1, 5)
    for layer in (ours, plain):
        layer(rows).square().sum().backward()
    torch.testing.assert_close(ours.weight.grad, plain.weight.grad)
    torch.testing.assert_close(ours.bias.grad, plain.bias.grad)


def test_half_precision_takes_the_usual_way() -> None:
    ours, plain = speedy()
    rows = torch.randn(1, 5)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ours(rows), plain(rows))
    assert ours.bfloat16()(rows.bfloat16()).dtype == torch.bfloat16


def test_only_plain_layers_are_turned() -> None:
    class Special(nn.Linear):
        """A layer with arithmetic of its own."""

    model = nn.Sequential(nn.Linear(2, 2), Special(2, 2), nn.Conv2d(1, 1, 1))
    keys = list(model.state_dict())
    speed_few_rows(model)
    assert [type(part) for part in model] == [FewRowLinear, Special, nn.Conv2d]
    assert list(model.state_dict()) == keys
