"""What `prediction.json` holds; the keys are a contract with scripts elsewhere."""

from __future__ import annotations

from typing import TypedDict

SCHEMA = 1


class TargetEntry(TypedDict):
    """One target of a scene."""

    id: int
    """From 1 on; also the feature's `id` in the map layers."""
    phrase: str
    score: float
    """0 to 1."""
    area_px: int
    area_m2: float | None
    bbox_px: list[int]
    """[x0, y0, x1, y1]: first column and row, and one past the last."""
    band: int
    """Of `masks.tif`."""
    instruction: str


class AnswerEntry(TypedDict):
    """What was said to one of several instructions."""

    instruction: str
    answer: str
    targets: list[int]
    """Their ids."""


class Prediction(TypedDict):
    """All of one scene."""

    schema: int
    image: str
    instruction: str
    """Several are joined by "; "."""
    answer: str
    """Several are joined by a space."""
    found: int
    targets: list[TargetEntry]
    answers: list[AnswerEntry]
    crs: str | None
    gsd_m: float | None
    model: str
    outputs: dict[str, str]
    """Absolute paths."""
    seconds: dict[str, float]
    notes: list[str]
    segearth: str
    """The version that made it."""
