"""Deformable attention: worked by hand on maps of which the answer is plain."""

from __future__ import annotations

import pytest
import torch

from segearth.model.deformable import DeformableAttention

SHAPES = [(2, 3), (4, 6)]


@pytest.fixture(autouse=True, params=[False, True], ids=["answering", "training"])
def _both_ways(request):
    with torch.set_grad_enabled(request.param):
        yield


def plain_attention(*, levels=2, heads=2, points=2):
    """Attention whose projections change nothing and whose points stay where the query is."""
    attention = DeformableAttention(8, levels, heads, points)
    with torch.no_grad():
        attention.sampling_offsets.bias.zero_()
        for projection in (attention.value_proj, attention.output_proj):
            projection.weight.copy_(torch.eye(8))
    return attention


def centres(shapes):
    places = []
    for rows, columns in shapes:
        for row in range(rows):
            places += [((c + 0.5) / columns, (row + 0.5) / rows) for c in range(columns)]
    return torch.tensor(places)


def test_constant_maps_are_averaged_by_the_weights():
    attention = plain_attention()
    cells = torch.cat([torch.full((1, 6, 8), 1.0), torch.full((1, 24, 8), 4.0)], dim=1)

    seen = attention(torch.zeros(1, 30, 8), centres(SHAPES), cells, SHAPES)

    # A cell's centre on one map is an inner point of the other: nothing is read from outside.
    inner = seen.view(30, 8)[[7 + 6, 8 + 6, 13 + 6, 14 + 6]]
    torch.testing.assert_close(inner, torch.full((4, 8), 2.5))


def test_weights_are_a_softmax_over_maps_and_points():
    attention = plain_attention(heads=1)
    with torch.no_grad():  # logits 0, 0 for the first map and ln 3, ln 3 for the second
        attention.attention_weights.bias.copy_(torch.tensor([1.0, 1.0, 3.0, 3.0]).log())
    cells = torch.cat([torch.full((1, 6, 8), 1.0), torch.full((1, 24, 8), 5.0)], dim=1)

    seen = attention(torch.zeros(1, 30, 8), centres(SHAPES), cells, SHAPES)

    assert seen[0, 13, 0].item() == pytest.approx(0.25 * 1 + 0.75 * 5)


def test_a_query_reads_the_cell_it_stands_on():
    attention = plain_attention(levels=1)
    cells = torch.randn(2, 24, 8)

    seen = attention(torch.zeros(2, 24, 8), centres([(4, 6)]), cells, [(4, 6)])

    torch.testing.assert_close(seen, cells)


def test_offsets_are_cells_of_their_map_x_first():
    attention = plain_attention(levels=1)
    with torch.no_grad():
        attention.sampling_offsets.bias.copy_(torch.tensor([1.0, 0.0]).repeat(4))
    cells = torch.randn(1, 24, 8)

    seen = attention(torch.zeros(1, 24, 8), centres([(4, 6)]), cells, [(4, 6)]).view(4, 6, 8)

    torch.testing.assert_close(seen[:, :-1], cells.view(4, 6, 8)[:, 1:])
    torch.testing.assert_close(seen[:, -1], torch.zeros(4, 8))  # beyond the map there is nothing


def test_every_head_has_its_own_share_of_the_channels():
    attention = plain_attention(levels=1, heads=2, points=1)
    with torch.no_grad():  # the first head looks one cell down, the second stays
        attention.sampling_offsets.bias.copy_(torch.tensor([0.0, 1.0, 0.0, 0.0]))
    cells = torch.randn(1, 24, 8)

    seen = attention(torch.zeros(1, 24, 8), centres([(4, 6)]), cells, [(4, 6)]).view(4, 6, 8)

    torch.testing.assert_close(seen[:-1, :, :4], cells.view(4, 6, 8)[1:, :, :4])
    torch.testing.assert_close(seen[:, :, 4:], cells.view(4, 6, 8)[:, :, 4:])


def test_answers_and_training_read_the_same():
    torch.manual_seed(0)
    attention = DeformableAttention(8, 2, 2, 3)
    torch.nn.init.normal_(attention.sampling_offsets.weight, std=0.5)  # many lie outside
    torch.nn.init.normal_(attention.attention_weights.weight)
    query, cells = torch.randn(2, 2, 30, 8)

    trained = attention(query, centres(SHAPES), cells, SHAPES)
    with torch.no_grad():
        answered = attention(query, centres(SHAPES), cells, SHAPES)

    torch.testing.assert_close(trained, answered)


def test_places_far_away_or_unknown_do_no_harm():
    attention = plain_attention(levels=1)
    cells = torch.randn(1, 24, 8)
    for offset in (1e9, -1e9):
        with torch.no_grad():
            attention.sampling_offsets.bias.fill_(offset)
        assert attention(torch.zeros(1, 24, 8), centres([(4, 6)]), cells, [(4, 6)]).abs().max() == 0

    lost = attention(torch.full((1, 24, 8), torch.nan), centres([(4, 6)]), cells, [(4, 6)])

    assert lost.isnan().all()  # and no index out of range


def test_it_starts_with_heads_that_look_around_and_points_further_out():
    attention = DeformableAttention(8, 1, 4, 3)

    bias = attention.sampling_offsets.bias.view(4, 3, 2)

    right, down = torch.tensor([[1.0, 0], [2, 0], [3, 0]]), torch.tensor([[0.0, 1], [0, 2], [0, 3]])
    torch.testing.assert_close(bias[0], right)
    torch.testing.assert_close(bias[1], down, atol=1e-5, rtol=0)
