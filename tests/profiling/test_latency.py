"""Timing: what runs, how often, and that it leaves no trace in the model."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertLMHeadModel

from segearth.model.segmenter import Segmenter
from segearth.profiling import latency as latency_of
from segearth.profiling.latency import (
    ANSWER,
    INSTRUCTION,
    WARM_UPS,
    measure,
    typical_workload,
    with_queries,
)
from segearth.profiling.memory import forget_peak
from segearth.profiling.part_clock import REST, PartClock, now, weight_bytes
from segearth.profiling.stages import PARTS
from segearth.profiling.unloaded import build_unloaded

CAN_FORGET = forget_peak(torch.device("cpu"))


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
    ran = [name for name in PARTS if latency.parts[name].max > 0]
    assert sorted(latency.part_peaks) == (sorted(ran) if CAN_FORGET else [])
    assert all(50e6 < peak <= 2 * latency.peak_bytes for peak in latency.part_peaks.values())


@pytest.mark.skipif(not CAN_FORGET, reason="this system cannot start a peak of memory anew")
def test_the_peak_of_a_part_is_its_own():
    clock = PartClock(torch.device("cpu"), memory=True)

    clock.run("connector", lambda: torch.ones(50_000_000).sum())  # 200 MB for a moment
    clock.run("selection", lambda: torch.ones(50).sum())
    clock.run("selection", lambda: torch.ones(25_000_000).sum())  # 100 MB, in a second call

    assert 80e6 < clock.peaks["connector"] - clock.peaks["selection"] < 120e6


def test_the_parts_add_up_and_those_that_run_have_time(segmenter):
    latency = measure(with_queries(segmenter, 3), decode="per-query", runs=1)

    assert list(latency.parts) == [*PARTS, REST]
    seconds = {name: spread.median for name, spread in latency.parts.items()}
    assert sum(seconds.values()) == pytest.approx(latency.total.median)
    assert [name for name, value in seconds.items() if value == 0] == ["image_tower"]  # has none
    assert all(value >= 0 for value in seconds.values())
    answer = len(segmenter.prompter.answer_ids(ANSWER))
    assert latency.calls["language_prefill"] == 2
    assert latency.calls["answer_decoding"] == answer - 1  # [SEG1] to [SEG3] are one pass
    assert latency.calls["word_head"] == answer
    assert latency.calls["query_decoder"] == 1


def test_another_k_shares_all_weights_but_the_tables_of_words(segmenter):
    other = with_queries(segmenter, 7)

    mine, theirs = (dict(one.model.named_parameters()) for one in (segmenter, other))
    places = {tensor.data_ptr() for tensor in mine.values()}
    own = {name for name, tensor in theirs.items() if tensor.data_ptr() not in places}
    assert own == {
        "language.lm.model.embed_tokens.weight",
        "language.lm.lm_head.weight",
        "score.weight",
        "score.bias",
    }


def test_warm_up_runs_are_thrown_away_and_the_model_is_left_as_it_was(segmenter, monkeypatch):
    seen = []
    encode = segmenter.encode
    monkeypatch.setattr(
        segmenter, "encode", lambda image: seen.append(segmenter.model.decode) or encode(image)
    )
    before = {name: dict(vars(module)) for name, module in segmenter.model.named_modules()}

    latency = measure(segmenter, decode="per-query", runs=3)

    assert seen == (WARM_UPS + 1 + 3) * ["per-query"]  # one for the peaks of the parts
    assert latency.total.runs == 3
    assert latency.total.min <= latency.total.median <= latency.total.max
    assert segmenter.model.decode == "joint"
    for name, module in segmenter.model.named_modules():
        assert vars(module).keys() == before[name].keys()


def test_a_part_inside_a_part_counts_once():
    clock = PartClock(torch.device("cpu"))

    clock.run("query_decoder", clock.run, "selection", time.sleep, 0.01)

    assert clock.seconds["query_decoder"] >= 0.01
    assert (clock.seconds["selection"], clock.calls["selection"]) == (0, 0)


def test_a_tower_reads_the_weights_of_the_blocks_that_run(variants):
    model = build_unloaded(variants["tower"], 1, 900)

    found = weight_bytes(model)

    # one of two blocks runs: 4 x 32^2 and 2 x 32 x 48 weights, biases, two norms; 4 bytes each
    assert found["image_tower"] == 4 * (4 * 32 * 33 + 32 * 48 + 48 + 48 * 32 + 32 + 4 * 32)
    assert found["selection"] == found["upsampling"] == 0
    assert found["connector"] == 4 * (32 * 64 + 64 + 64 * 64 + 64)


def test_berts_table_of_words_is_not_read_in_every_pass():
    """It lies inside another module than the other models' tables."""
    sizes = {"vocab_size": 900, "hidden_size": 16, "intermediate_size": 8, "num_hidden_layers": 1}
    config = BertConfig(**sizes, num_attention_heads=2, max_position_embeddings=8, is_decoder=True)
    lm = BertLMHeadModel(config)
    model = SimpleNamespace(
        language=SimpleNamespace(lm=lm),
        image_tower=None,
        mechanism=nn.Identity(),
        score=None,
        **dict.fromkeys(
            ("mm_projector", "vision_tower_mask", "pixel_decoder", "SEG_token_projector"),
            nn.Identity(),
        ),
        predictor=nn.Identity(),
    )

    found = weight_bytes(model)["language_prefill"]

    assert found == 4 * sum(weight.numel() for weight in lm.bert.encoder.parameters())


def test_decoding_queries_jointly_reads_the_decoder_once(segmenter):
    assert measure(with_queries(segmenter, 3), decode="joint", runs=1).calls["query_decoder"] == 1


def test_other_numbers_of_queries_keep_the_weights_that_fit(segmenter):
    wider = with_queries(segmenter, 7)
    encoded = wider.encode(torch.zeros(96, 96, 3, dtype=torch.uint8).numpy())
    reply = wider.teach(encoded, INSTRUCTION, ANSWER)

    assert reply.seg_queries.shape == (1, 7, 64)
    assert wider.candidates(encoded, reply).logits.shape == (1, 7, 24, 24)
    torch.testing.assert_close(
        wider.model.pixel_decoder.state_dict(), segmenter.model.pixel_decoder.state_dict()
    )
    assert with_queries(segmenter, 1) is segmenter


def test_other_numbers_of_proposals_are_timed_too(folder_of):
    made = folder_of("model.mechanism=propose_then_select", "model.proposals=4")
    proposing = Segmenter.load(made, device="cpu")

    wider = with_queries(proposing, 6)

    encoded = wider.encode(torch.zeros(96, 96, 3, dtype=torch.uint8).numpy())
    assert wider.teach(encoded, INSTRUCTION, ANSWER).proposals.shape == (6, 64)


def test_a_workload_does_not_depend_on_the_models_own_k(segmenter):
    one, seven = typical_workload(segmenter), typical_workload(with_queries(segmenter, 7))

    assert one == seven
    assert one.protocol == "generate"
    ids = segmenter.prompter.answer_ids(ANSWER)
    assert one.answer_tokens == len(ids)


@pytest.mark.parametrize(("kind", "waits"), [("cuda", 1), ("cpu", 0)])
def test_the_clock_waits_for_the_device(monkeypatch, kind, waits):
    seen = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: seen.append(device.type))
    monkeypatch.setattr("segearth.profiling.part_clock.time.perf_counter", lambda: len(seen))

    assert now(torch.device(kind)) == waits  # read after the wait


def test_the_peak_is_that_of_the_timed_runs_alone(segmenter, monkeypatch):
    seen = []
    monkeypatch.setattr(latency_of, "forget_peak", lambda device: seen.append("forget"))
    monkeypatch.setattr(latency_of, "peak_bytes", lambda device: seen.append("read") or 5)
    encode = segmenter.encode
    monkeypatch.setattr(segmenter, "encode", lambda image: seen.append("run") or encode(image))

    assert measure(segmenter, decode="joint", runs=2).peak_bytes == 5

    assert seen == [*["run"] * (WARM_UPS + 1), "forget", "run", "run", "read"]
