"""SegEarth-R1's query from the pooled description, against its description step by step."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from segearth.model.mechanisms.instruction_as_query import HEADS, InstructionAsQuery

WIDTH = 64  # of the step; 8 a head


@pytest.fixture
def mechanism():
    """Small, with weights that are nowhere near their start."""
    torch.manual_seed(0)
    made = InstructionAsQuery(language_width=24, image_channels=12, width=WIDTH)
    with torch.no_grad():
        for weight in made.parameters():
            weight += 0.2 * torch.randn_like(weight)
    return made.eval()


def by_the_book(mechanism, words, cells):
    """The query of one description: words (n, D), cells (V, C).

    Latents are the average and all words, the average first; keys and values are of the cells and
    of the first latent; the first result counts. Both halves of the query are side by side.
    """
    look, feed_forward = mechanism.d_layers.layers[0]
    average = words.mean(dim=0, keepdim=True)
    plain = mechanism.origin_SEG_token_projector(average)
    latents = mechanism.text_projector(torch.cat([average, words]))
    normed = F.layer_norm(latents, (WIDTH,), look.norm_latents.weight, look.norm_latents.bias)
    media = mechanism.local_project(cells)
    media = F.layer_norm(media, (WIDTH,), look.norm_media.weight, look.norm_media.bias)
    both = torch.cat([media, normed[:1]]) @ look.to_kv.weight.T
    queries, keys, values = normed @ look.to_q.weight.T, both[:, :WIDTH], both[:, WIDTH:]
    side = WIDTH // HEADS
    heads = []
    for head in range(HEADS):
        own = slice(head * side, (head + 1) * side)
        weights = (queries[:, own] @ keys[:, own].T / side**0.5).softmax(dim=-1)
        heads.append(weights @ values[:, own])
    latents = latents + torch.cat(heads, dim=-1) @ look.to_out.weight.T
    latents = latents + feed_forward(latents)
    last = mechanism.d_layers.norm
    refined = F.layer_norm(latents, (WIDTH,), last.weight, last.bias)[:1]
    return torch.cat([plain, refined], dim=-1)


def test_the_query_is_what_the_description_says(mechanism):
    words, fmap = torch.randn(5, 24), torch.randn(2, 12, 3, 4)

    with torch.no_grad():
        query = mechanism.ground(words.mean(dim=0)[None, None], fmap, torch.tensor([1]))
        expected = by_the_book(mechanism, words, fmap[1].flatten(1).T)

    assert query.shape == (1, 1, 2 * WIDTH)
    torch.testing.assert_close(query[0], expected, atol=1e-5, rtol=1e-5)
