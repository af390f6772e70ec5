"""SegEarth-R1's connector, by hand, and what cannot be connected."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from segearth.config.load import load_recipe
from segearth.errors import RecipeError
from segearth.model.image_tokens import StridedConnector

NANO = Path(__file__).parents[2] / "recipes" / "nano.yaml"


def test_sixteen_cells_become_the_token_that_pencil_and_paper_give():
    """One channel, one feature: sums of 3 x 3 cells at every second place, normed, summed."""
    connector = StridedConnector(channels=1, width=1, side=4)
    with torch.no_grad():
        for conv in (connector.proj1, connector.proj2, connector.fc):
            conv.weight.fill_(1.0)
            conv.bias.zero_()
        connector.norm2.bias.fill_(0.25)  # a norm over one value leaves its bias alone
        connector.proj2.bias.fill_(3.0)
    cells = torch.arange(16.0).view(1, 16, 1)  # rows 0-3, 4-7, 8-11, 12-15
    # Padded by one: [0 1 4 5] = 10, [1 2 3 5 6 7] = 24, [4 5 8 9 12 13] = 51, nine cells = 90
    sums = torch.tensor([[[10.0, 24.0], [51.0, 90.0]]])

    with torch.no_grad():
        first = connector.proj1(cells.transpose(1, 2).unflatten(2, (4, 4)))
        token = connector(cells)

    assert torch.equal(first[0], sums)
    normed = (sums - sums.mean()) / (sums.var(correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(connector.norm1(first)[0], normed)
    assert token.shape == (1, 1, 1)
    torch.testing.assert_close(token.detach()[0, 0, 0], torch.tensor(0.25))


def test_tokens_are_read_row_by_row():
    """Against the layers one by one; a transposed map gives others."""
    torch.manual_seed(0)
    connector = StridedConnector(channels=2, width=3, side=8).eval()
    with torch.no_grad():
        for weight in connector.parameters():
            weight += torch.randn_like(weight)
    cells = torch.randn(1, 64, 2)

    with torch.no_grad():
        tokens, turned = (
            connector(grid.flatten(1, 2))
            for grid in (cells.unflatten(1, (8, 8)), cells.unflatten(1, (8, 8)).transpose(1, 2))
        )
        fmap = cells[0].T.reshape(1, 2, 8, 8)
        for conv, norm in (
            (connector.proj1, connector.norm1),
            (connector.proj2, connector.norm2),
        ):
            fmap = F.conv2d(fmap, conv.weight, conv.bias, stride=2, padding=1)
            fmap = F.layer_norm(fmap, fmap.shape[1:], norm.weight, norm.bias)
        fmap = F.conv2d(fmap, connector.fc.weight, connector.fc.bias)
        expected = torch.stack([fmap[0, :, row, column] for row in (0, 1) for column in (0, 1)])

    torch.testing.assert_close(tokens[0], expected)
    assert (turned[0] - expected).abs().max() > 0.1


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("model.pyramid.image_size=160", "model.pyramid.image_size"),
        ("model.image_tokens.source=tower", "model.image_tokens.connection"),
        ("model.always_draws=true", "model.always_draws"),
    ],
)
def test_what_cannot_be_connected_is_refused(change, key):
    changes = ["model.image_tokens.connection=strided", "model.image_tokens.level=-1"]
    side = [] if "image_size" in change else ["model.pyramid.image_size=128"]

    with pytest.raises(RecipeError) as caught:
        load_recipe(NANO, [*changes, *side, change])

    assert key in str(caught.value)
