"""The model as evaluation and prediction hold it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segearth.errors import UsageError
from segearth.model.segmenter import Reply, choose_device

ANSWER = "The <p>ships </p>[SEG] lie by the <p>storage tank </p>[SEG]."


def teach(segmenter, image):
    encoded = segmenter.encode(image)
    return encoded, segmenter.teach(encoded, "the ships and the storage tank", ANSWER)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2000), (2000, 1), (96, 96), (300, 200), (7, 50)])
def test_masks_have_the_pictures_own_size(toy, shape):
    segmenter = toy("phi")

    encoded, reply = teach(segmenter, np.zeros((*shape, 3), np.uint8))
    masks = segmenter.masks(encoded, reply)

    assert masks.logits.shape == (2, *shape)
    assert masks.logits.dtype == np.float32
    assert np.isfinite(masks.logits).all()
    assert masks.scores.shape == (2,)
    assert ((masks.scores >= 0) & (masks.scores <= 1)).all()


def test_an_answer_without_targets_has_no_masks(toy, picture):
    segmenter = toy("phi")
    encoded = segmenter.encode(picture)

    reply = segmenter.teach(encoded, "the runway", "There is no runway in this image.")
    masks = segmenter.masks(encoded, reply)

    assert reply.phrases == []
    assert masks.logits.shape == (0, 60, 80)
    assert masks.scores.shape == (0,)


def test_the_candidate_with_the_best_score_is_the_mask(toy, picture):
    segmenter = toy("phi", "model.queries_per_target=3")

    encoded, reply = teach(segmenter, picture)
    masks = segmenter.masks(encoded, reply)
    candidates = segmenter.candidates(encoded, reply)

    nothing = torch.zeros(2, dtype=torch.int64)
    with torch.no_grad():
        _, states = segmenter.model.draw(encoded.features, reply.seg_queries, nothing, nothing)
        best = segmenter.model.score(states)[..., 0].argmax(dim=1)
    assert candidates.logits.shape == (2, 3, 24, 24)
    assert candidates.chosen.tolist() == best.tolist()
    for target in range(2):
        chosen = candidates.mask(target, int(best[target]))
        assert np.array_equal(masks.logits[target] > 0, chosen)


def test_only_the_chosen_candidate_is_brought_to_the_pictures_size(toy, picture, monkeypatch):
    segmenter = toy("phi", "model.queries_per_target=3")
    encoded, reply = teach(segmenter, picture)
    brought = []
    undo = type(encoded.box).undo
    monkeypatch.setattr(
        type(encoded.box), "undo", lambda box, masks: brought.append(len(masks)) or undo(box, masks)
    )

    segmenter.masks(encoded, reply)

    assert brought == [2]  # one a target, of 6 candidates


def test_a_picture_is_projected_once_for_all_its_replies(toy, picture, monkeypatch):
    segmenter = toy("phi")
    encoded, reply = teach(segmenter, picture)
    calls = []
    see = segmenter.model.predictor.see
    monkeypatch.setattr(
        segmenter.model.predictor, "see", lambda *maps: calls.append(maps) or see(*maps)
    )

    first, again = (segmenter.masks(encoded, reply).logits for _ in range(2))

    assert len(calls) == 1
    assert np.array_equal(first, again)


def test_every_target_is_called_something():
    reply = Reply(answer="Here: <p>ship </p>[SEG], [SEG].", seg_queries=torch.zeros(3, 1, 4))

    assert reply.phrases == ["ship", "target", "target"]


def test_the_score_is_the_mean_probability_inside(toy, picture):
    segmenter = toy("phi")
    encoded, reply = teach(segmenter, picture)

    masks = segmenter.masks(encoded, reply)

    nothing = torch.zeros(2, dtype=torch.int64)
    with torch.no_grad():
        logits, _ = segmenter.model.draw(encoded.features, reply.seg_queries, nothing, nothing)
    for score, one in zip(masks.scores, logits[-1][:, 0], strict=True):
        inside = one[one > 0].sigmoid()
        expected = inside.mean().item() if len(inside) else 0.0
        assert score == pytest.approx(expected, abs=1e-5)


def test_the_ground_width_is_part_of_the_question(toy, picture):
    segmenter = toy("phi")
    taught = [
        segmenter.teach(segmenter.encode(picture, gsd), "the ships", ANSWER).seg_queries
        for gsd in (None, 0.3, 0.3, 30.0)
    ]

    assert torch.equal(taught[1], taught[2])
    assert not torch.allclose(taught[0], taught[1])
    assert not torch.allclose(taught[1], taught[3])


def test_padding_does_not_reach_the_picture(toy, toy_recipe):
    """The same square picture, once as it is and once as part of the file's own padding."""
    segmenter = toy("phi")
    square = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    square[72:] = 128  # what a letterbox would put there

    encoded, reply = teach(segmenter, square)
    boxed, boxed_reply = teach(segmenter, np.ascontiguousarray(square[:72]))

    whole = segmenter.masks(encoded, reply).logits
    part = segmenter.masks(boxed, boxed_reply).logits
    np.testing.assert_allclose(whole[:, :72], part, atol=1e-4)


@pytest.mark.parametrize(("name", "match"), [("cuda", "no cuda"), ("tpu", "no device")])
def test_a_device_that_is_not_there_is_refused(name, match):
    if name == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has CUDA")

    with pytest.raises(UsageError, match=match):
        choose_device(name)


def test_bf16_answers_too(toy, picture):
    segmenter = toy("phi", "model.max_answer_tokens=8")
    half = type(segmenter)(
        segmenter.model, segmenter.prompter, segmenter.recipe, name="toy", dtype="bf16"
    )

    encoded, reply = teach(half, picture)

    assert half.masks(encoded, reply).logits.dtype == np.float32
