"""Ask a model about a scene of any size.

A scene that fits (longer side up to 1.5 windows) is looked at as a whole, as in the paper.
A larger one is ours, the paper does not treat it:

1. *Overview.* The scene, shrunk to a window's size, is asked first: what "the rightmost
   court" is, only somebody who sees all of it can say.
2. *Windows* at full resolution then answer by themselves, and their targets are merged
   into the scene's by phrase (`segearth.prediction.phrases`).
3. *Gate.* If a phrase means one particular thing, the overview marked it, and the scene was
   shrunk by 4 at most (further down, the overview is too coarse to trust), windows do not
   look for it by themselves: those near its overview mask are given the overview's answer
   and add detail there; all others are passed over.
4. What the overview named and no window marked keeps its overview mask.

The scene's sentence is the overview's if it holds; else one is composed of what was found.
Either way the image, or a window, is encoded once for all instructions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segearth.errors import UsageError
from segearth.geo.bit_rows import BitRows
from segearth.geo.raster import Scene
from segearth.geo.stretch import Stretch
from segearth.prediction.interface import SegmenterLike, masks_of
from segearth.prediction.stopwatch import Stopwatch
from segearth.prediction.targets import Target, Targets
from segearth.prediction.windowed import WindowedRun

WHOLE_UP_TO = 1.5  # windows; up to here one look beats several (chosen, not measured)
MAX_OVERLAP = 0.75
MIN_WINDOW_PX = 32
NO_PIXELS = "There is nothing to see: the image has no valid pixels."

Track = Callable[[Iterable[Any], str], Iterable[Any]]
"""Shows progress: takes things to go through and a word, gives the things."""


def silently(items: Iterable[Any], description: str) -> Iterable[Any]:
    """Show no progress."""
    del description
    return items


@dataclass(frozen=True)
class SceneOptions:
    """How to read a scene and walk over it; refuses what makes no sense."""

    bands: Sequence[int] | None = None
    """Shown as red, green, blue; see `segearth.geo.raster`."""
    stretch: Stretch | str | None = None
    """See `segearth.geo.stretch.parse_stretch`."""
    window: int | None = None
    """Side of a window in scene pixels, at least 32; None is the model's own."""
    overlap: float = 0.25
    """Share of a window that its neighbour sees too, 0 to 0.75."""
    gsd_m: float | None = None
    """Ground size of a pixel in metres; None is the scene's own."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.window is not None and self.window < MIN_WINDOW_PX:
            raise UsageError(
                f"a window of {self.window} px is too small to see anything",
                where="--window",
                hint=f"give {MIN_WINDOW_PX} or more",
            )
        if not 0 <= self.overlap <= MAX_OVERLAP:
            raise UsageError(
                f"an overlap of {self.overlap:g} is out of range",
                where="--overlap",
                hint=f"give a share of the window from 0 to {MAX_OVERLAP}",
            )


@dataclass(frozen=True)
class SceneAnswer:
    """What a model found in a scene."""

    answers: tuple[str, ...]
    """One sentence an instruction."""
    targets: tuple[Target, ...]
    """By instruction and in the order of its answer; a mask may be empty."""
    valid: BitRows
    """Where the scene has data."""
    notes: tuple[str, ...]
    """What the user should know."""


def ask_scene(
    segmenter: SegmenterLike,
    scene: Scene,
    instructions: Sequence[str],
    scratch: Path,
    options: SceneOptions | None = None,
    watch: Stopwatch | None = None,
    track: Track = silently,
) -> SceneAnswer:
    """Ask a model one or several things about a scene.

    Args:
        segmenter: The model.
        scene: Open; what `options` say about reading has been said to `open_scene`.
        instructions: At least one.
        scratch: A folder for the masks, one bit a pixel; the answer reads from it.
        options: How to walk over the scene.
        watch: Counts the seconds.
        track: Shows progress through the windows.

    Returns:
        Sentences and targets.

    Raises:
        DataError: The scene cannot be read to its end.
    """
    options = options or SceneOptions()
    watch = watch or Stopwatch()
    side = options.window or segmenter.window_px
    gsd_m = scene.grid.gsd_m if options.gsd_m is None else options.gsd_m
    if max(scene.height, scene.width) <= WHOLE_UP_TO * side:
        return _ask_whole(segmenter, scene, instructions, scratch, gsd_m, watch)
    run = WindowedRun(segmenter, scene, instructions, scratch, side, options.overlap, gsd_m, watch)
    run.look_over()
    run.look_closely(track)
    answers, targets = run.conclude()
    if not run.valid.any:
        answers = [NO_PIXELS] * len(instructions)
    return SceneAnswer(tuple(answers), tuple(targets), run.valid, tuple(run.notes))


def _ask_whole(
    segmenter: SegmenterLike,
    scene: Scene,
    instructions: Sequence[str],
    scratch: Path,
    gsd_m: float | None,
    watch: Stopwatch,
) -> SceneAnswer:
    """Look once at all of a scene; every ``[SEG]`` stays a target of its own."""
    with watch.part("load"):
        tile = scene.read(0, 0, scene.height, scene.width)
    valid = BitRows(scratch / "valid", scene.height, scene.width)
    valid.write(0, tile.valid)
    targets = Targets(scratch, scene.height, scene.width)
    if not valid.any:
        return SceneAnswer((NO_PIXELS,) * len(instructions), (), valid, ())
    with watch.part("encode"):
        encoded = segmenter.encode(tile.image, gsd_m)
    answers = []
    for question, instruction in enumerate(instructions):
        with watch.part("answer"):
            reply = segmenter.reply(encoded, instruction)
        answers.append(reply.answer)
        if not reply.phrases:
            continue
        with watch.part("masks"):
            masks = masks_of(segmenter, encoded, reply)
        for phrase, logits, score in zip(reply.phrases, *masks, strict=True):
            target = targets.add(question, phrase, float(score), logits)
            target.mask.write(0, np.asarray(logits > 0) & tile.valid)
    return SceneAnswer(tuple(answers), tuple(targets.found), valid, ())
