"""The roofline, with numbers that can be checked with a pencil, and once with a real device."""

from __future__ import annotations

import pytest
import torch

from segearth.profiling import roofline
from segearth.profiling.roofline import Ceiling, measure_ceiling, place

DEVICE = Ceiling(flops_per_s=100.0, bytes_per_s=10.0, matrix_side=8)


@pytest.mark.parametrize(
    ("macs", "seconds", "weights", "share", "limit"),
    [
        pytest.param(400, 10.0, 0, 0.8, "compute", id="8-of-10-s-are-arithmetic"),
        pytest.param(400, 16.0, 1000, 0.5, "compute", id="just-half"),
        pytest.param(10, 4.0, 30, 0.05, "weights", id="30-bytes-take-3-of-4-s"),
        pytest.param(10, 4.0, 10, 0.05, "neither", id="neither-explains-it"),
    ],
)
def test_what_a_parts_time_goes_to(macs, seconds, weights, share, limit):
    placed = place(macs, seconds, weights, DEVICE)

    assert placed.share_of_peak == pytest.approx(share)
    assert placed.flops_per_s == pytest.approx(2 * macs / seconds)
    assert placed.compute_s == pytest.approx(2 * macs / 100)
    assert placed.weights_s == weights / 10
    assert placed.limit == limit


@pytest.mark.parametrize(("macs", "seconds"), [(0, 1.0), (5, 0.0)])
def test_a_part_that_did_not_run_has_no_place(macs, seconds):
    assert place(macs, seconds, 0, DEVICE) is None


def test_a_device_is_measured(monkeypatch):
    monkeypatch.setattr(roofline, "_SIDES", (64, 128))
    monkeypatch.setattr(roofline, "_COPIED_BYTES", 1 << 20)

    ceiling = measure_ceiling(torch.device("cpu"), "fp32")

    assert ceiling.flops_per_s > 1e6
    assert ceiling.bytes_per_s > 1e6
    assert ceiling.matrix_side in (64, 128)


def test_larger_products_are_not_begun_when_the_time_is_up(monkeypatch):
    monkeypatch.setattr(roofline, "_COPIED_BYTES", 1 << 10)
    monkeypatch.setattr(roofline, "_BUDGET_S", 0.0)

    assert measure_ceiling(torch.device("cpu"), "fp32").matrix_side == 256
