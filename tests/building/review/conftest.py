"""Small manifests to review."""

from __future__ import annotations

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from segearth.building.review.decisions import CRITERIA, Decision, fingerprint
from segearth.data.manifest import read_manifest
from segearth.data.rle import encode_mask

FACETS = {
    "granularity": "instance",
    "multiplicity": "single",
    "reasoning": "explicit",
    "length": "short",
}


def box(top, left, bottom, right, size=(48, 64)):
    """A mask with one filled box."""
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    return mask


def row(name, **changes):
    """A manifest's line."""
    return {
        "id": name,
        "image": f"{name}.png",
        "instruction": f"Find the box of {name}.",
        "answer": "The <p>box </p>[SEG] is here.",
        "masks": [encode_mask(box(8, 8, 24, 32))],
        "facets": FACETS,
        **changes,
    }


def write_rows(folder, rows, size=(48, 64)):
    """A manifest with its images."""
    folder.mkdir(parents=True, exist_ok=True)
    for line in rows:
        cv2.imwrite(str(folder / line["image"]), np.full((*size, 3), 90, np.uint8))
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in rows), encoding="utf-8")
    return path


@pytest.fixture
def manifest(tmp_path):
    return write_rows(tmp_path / "data", [row(name) for name in ("a", "b", "c")])


@pytest.fixture
def records(manifest):
    return read_manifest(manifest)


@pytest.fixture
def make():
    """The functions of this file: a conftest cannot be imported."""
    return SimpleNamespace(box=box, row=row, write_rows=write_rows, decision=decision)


def decision(record, reviewer="ana", wrong=(), at="2026-01-01T00:00:00+00:00", **changes):
    """A decision on a record; rejecting if anything is wrong."""
    rubric = {name: name not in wrong for name in CRITERIA}
    return Decision(
        at=at,
        reviewer=reviewer,
        id=record.id,
        record=fingerprint(record),
        rubric=rubric,
        **changes,
    )
