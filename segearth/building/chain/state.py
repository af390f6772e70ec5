"""Run a stage only if something changed since it last ran.

OUT/build.json keeps, for every stage, a digest of all that its result depends on (settings,
files, images by size and time), a digest of the result, all files that it wrote, and its
figures. It is written after the result, so that a stage that was cut off runs again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segearth.building.chain.outputs import are_intact, images_of, list_outputs
from segearth.building.stamps import stamp_images
from segearth.errors import SegEarthError
from segearth.files import sha256_of, write_text

STATE = "build.json"
Figures = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A step from files to files."""

    name: str
    listing: Path | None
    """The file it reads first; the images listed there count, too."""
    reads: tuple[Path, ...] = ()
    """Other files that it reads."""
    settings: Mapping[str, Any]
    """What its result depends on besides, as JSON values."""
    result: Path
    """Written last."""
    writes: tuple[str, ...]
    """Patterns of all files of its result in that folder; images that they list go with them."""
    run: Callable[[], tuple[Figures, int]]
    """Does it; returns figures, and how much failed."""
    again: bool = False
    """Whether what failed may succeed next time, with nothing changed: calls of a model."""


@dataclass(frozen=True, kw_only=True)
class StageReport:
    """What became of a stage."""

    stage: str
    state: str
    """done, up to date, partly failed, passed, waiting (for reviewers) or not reached."""
    failures: int = 0
    figures: Figures = field(default_factory=dict)
    seconds: float = 0.0
    hint: str = ""
    """What the user should do now, if anything."""


def run_once(out: Path, stage: Stage) -> StageReport:
    """Run a stage unless it has run on the same.

    Args:
        out: The folder with the state.
        stage: What to do.

    Returns:
        What became of it. The failures of a stage that is up to date are told again.

    Raises:
        SegEarthError: The stage cannot be run; the message says which it is.
    """
    started = time.monotonic()
    try:
        before = _digest(stage)
        states = _read_states(out / STATE)
        earlier = states.get(stage.name)
        if earlier and _still_holds(earlier, before, stage):
            return StageReport(
                stage=stage.name,
                state="up to date",
                failures=earlier["failures"],
                figures=earlier["figures"],
            )
        figures, failures = stage.run()
        result = sha256_of(stage.result)
        outputs = list_outputs(stage.result.parent, stage.writes)
    except SegEarthError as error:
        error.where = f"stage {stage.name}: {error.where or ''}".rstrip(": ")
        raise
    states[stage.name] = {
        "inputs": before,
        "result": result,
        "failures": failures,
        "figures": figures,
        "outputs": outputs,
    }
    write_text(out / STATE, json.dumps(states, ensure_ascii=False, indent=2) + "\n")
    return StageReport(
        stage=stage.name,
        state="partly failed" if failures else "done",
        failures=failures,
        figures=figures,
        seconds=round(time.monotonic() - started, 2),
    )


def _still_holds(earlier: Mapping[str, Any], inputs: str, stage: Stage) -> bool:
    return bool(
        earlier["inputs"] == inputs
        and stage.result.is_file()
        and earlier["result"] == sha256_of(stage.result)
        and not (stage.again and earlier["failures"])
        and are_intact(stage.result.parent, earlier.get("outputs", {}))
    )


def _digest(stage: Stage) -> str:
    """Digest what a stage's result depends on."""
    digest = hashlib.sha256(json.dumps(dict(stage.settings), sort_keys=True).encode())
    for path in (*([stage.listing] if stage.listing else []), *stage.reads):
        digest.update(f"{path.resolve()} {sha256_of(path)}\n".encode())
    if stage.listing:
        digest.update(json.dumps(stamp_images(images_of(stage.listing))).encode())
    return digest.hexdigest()


def _read_states(path: Path) -> dict[str, dict[str, Any]]:
    """Read what ran; a file that is damaged counts as none, and everything runs again.

    Entries without `outputs`, of an earlier version, are judged by their result alone.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    needed = {"inputs", "result", "failures", "figures"}
    if not isinstance(value, dict):
        return {}
    return {
        name: state
        for name, state in value.items()
        if isinstance(state, dict)
        and needed <= state.keys()
        and isinstance(state.get("outputs", {}), dict)
    }
