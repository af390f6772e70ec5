"""Timing: what runs, how often, and that it leaves no trace in the model."""

from __future__ import annotations

import pytest
import torch

from segearth.model.segmenter import Segmenter
from segearth.profiling.latency import (
    ANSWER,
    INSTRUCTION,
    STEPS,
    WARM_UPS,
    measure,
    typical_workload,
    with_queries,
)


class Watched:
    """A stand-in model that notes what is asked of it."""

    window_px = 8
    device = torch.device("cpu")

    class Model:
        decode = "joint"

    def __init__(self):
        self.model, self.calls = self.Model(), []

    def encode(self, picture):
        self.calls.append(("encode", picture.shape, self.model.decode))

    def teach(self, encoded, instruction, answer):
        self.calls.append(("answer", instruction, answer))

    def masks(self, encoded, reply):
        self.calls.append(("masks",))


def test_warm_up_runs_are_thrown_away():
    watched = Watched()

    latency = measure(watched, decode="per-query", runs=3)

    assert [call[0] for call in watched.calls] == (WARM_UPS + 3) * list(STEPS)
    assert watched.calls[0] == ("encode", (8, 8, 3), "per-query")
    assert watched.calls[1] == ("answer", INSTRUCTION, ANSWER)
    assert watched.model.decode == "joint"
    assert latency.total.runs == 3
    assert latency.total.min <= latency.total.median <= latency.total.max
    assert list(latency.steps) == list(STEPS)


@pytest.fixture(scope="module")
def segmenter(folder):
    return Segmenter.load(folder, device="cpu")


def test_a_model_is_timed_and_its_memory_seen(segmenter):
    latency = measure(segmenter, decode="joint", runs=1)

    assert 0 < latency.total.median < 60
    assert latency.total.median == pytest.approx(
        sum(spread.median for spread in latency.steps.values())
    )
    assert latency.peak_bytes > 50e6  # Python and torch alone are more


def test_other_numbers_of_queries_keep_the_weights_that_fit(segmenter):
    wider = with_queries(segmenter, 7)
    encoded = wider.encode(torch.zeros(96, 96, 3, dtype=torch.uint8).numpy())
    reply = wider.teach(encoded, INSTRUCTION, ANSWER)

    assert reply.seg_queries.shape == (1, 7, 64)
    assert wider.masks(encoded, reply).candidates.shape == (1, 7, 96, 96)
    torch.testing.assert_close(
        wider.model.pixel_decoder.state_dict(), segmenter.model.pixel_decoder.state_dict()
    )
    assert with_queries(segmenter, 1) is segmenter


def test_a_workload_does_not_depend_on_the_models_own_k(segmenter):
    one, seven = typical_workload(segmenter), typical_workload(with_queries(segmenter, 7))

    assert one == seven
    assert one.protocol == "generate"
    ids = segmenter.prompter.answer_ids(ANSWER)
    assert one.answer_tokens == len(ids)
