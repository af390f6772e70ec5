"""The run of a large scene: overview, windows, conclusion (see `segearth.prediction.scene`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segearth.geo.bit_rows import BitRows
from segearth.geo.raster import Scene, Tile
from segearth.geo.windows import ABSENT_LOGIT, FinishedRows, StripBlend, Window, window_offsets
from segearth.prediction.interface import Masks, SegmenterLike, masks_of
from segearth.prediction.overview import MAX_SHRINK, Question, enlarge, gate_around
from segearth.prediction.phrases import bare, compose, compose_more, fold, is_one
from segearth.prediction.stopwatch import Stopwatch
from segearth.prediction.targets import MAX_TARGETS, Target, Targets

_ROWS = 512  # how many scene rows the fallback enlarges at once

NOTHING = "There is nothing of the kind in this image."

Votes = dict[int, NDArray[np.float32]]
"""Logits (height, width) of a window by target number."""


class WindowedRun:
    """One scene, asked first as a whole and then by windows."""

    def __init__(
        self,
        segmenter: SegmenterLike,
        scene: Scene,
        instructions: Sequence[str],
        scratch: Path,
        side: int,
        overlap: float,
        gsd_m: float | None,
        watch: Stopwatch,
    ) -> None:
        """Prepare; see `segearth.prediction.scene.ask_scene` for what the arguments mean."""
        self.valid = BitRows(scratch / "valid", scene.height, scene.width)
        self.targets = Targets(scratch, scene.height, scene.width)
        self.notes: list[str] = []
        self._segmenter = segmenter
        self._scene = scene
        self._size = scene.height, scene.width
        self._side = side
        self._overlap = min(side - 1, round(side * overlap))
        self._gsd_m = gsd_m
        self._watch = watch
        self._shrink = max(self._size) / side
        self._questions = [Question(*pair) for pair in enumerate(instructions)]

    def look_over(self) -> None:
        """Ask the shrunk scene everything, and decide what to gate."""
        with self._watch.part("load"):
            tile = self._scene.shrink(self._side)
        if not tile.valid.any():
            return
        gsd_m = None if self._gsd_m is None else self._gsd_m * self._shrink
        with self._watch.part("encode"):
            encoded = self._segmenter.encode(tile.image, gsd_m)
        for question in self._questions:
            with self._watch.part("answer"):
                reply = self._segmenter.reply(encoded, question.instruction)
            question.answer, question.phrases = reply.answer, reply.phrases
            if reply.phrases:
                with self._watch.part("masks"):
                    question.masks = masks_of(self._segmenter, encoded, reply)
                self._set_gates(question, question.masks.logits)

    def look_closely(self, track: Callable[[Iterable[Any], str], Iterable[Any]]) -> None:
        """Go through the windows and write finished rows of all targets to disk.

        Args:
            track: Shows progress.
        """
        height, width = self._size
        rows = window_offsets(height, self._side, self._overlap)
        columns = window_offsets(width, self._side, self._overlap)
        blend = StripBlend(min(self._side, height), width, self._overlap)
        ends = dict(zip(rows, [*rows[1:], height], strict=True))
        tall, wide = min(self._side, height), min(self._side, width)
        places = [Window(row, column, tall, wide) for row in rows for column in columns]
        for window in track(places, "windows"):
            self._look_at(window, blend)
            if window.column == columns[-1]:
                self._store(blend.finish(ends[window.row]))

    def conclude(self) -> tuple[list[str], list[Target]]:
        """Fill in from the overview, drop what has no pixel, and word the answers.

        Returns:
            One sentence an instruction; the targets in the order of the sentences.
        """
        answers: list[str] = []
        kept: list[Target] = []
        for question in self._questions:
            self._fall_back(question)
            mine = [
                target
                for target in self.targets.found
                if target.question == question.number and target.mask.any
            ]
            answers.append(self._word(question, mine))
            kept.extend(mine)
        if self.targets.left_out:
            self.notes.append(
                f"more than {MAX_TARGETS} different targets were named; left out: "
                + ", ".join(sorted(self.targets.left_out)[:5])
            )
        return answers, kept

    def _set_gates(self, question: Question, logits: NDArray[np.float32]) -> None:
        question.target_numbers = [
            self.targets.number(question.number, phrase) for phrase in question.phrases
        ]
        keys = [fold(phrase) for phrase in question.phrases]
        for index, phrase in enumerate(question.phrases):
            # The same phrase twice means two of a kind: none of them is "the one".
            if keys.count(keys[index]) > 1 or not is_one(phrase, question.instruction):
                continue
            marked = logits[index] > 0
            if self._shrink > MAX_SHRINK:
                self.notes.append(
                    f"the scene is {self._shrink:.0f} windows long: which '{phrase}' is meant "
                    "was decided window by window"
                )
            elif marked.any():
                question.gates[index] = gate_around(marked)

    def _look_at(self, window: Window, blend: StripBlend) -> None:
        with self._watch.part("load"):
            tile = self._scene.read(window.row, window.column, window.height, window.width)
        blend.cover(window, tile.valid)
        if not tile.valid.any():
            return
        gates = {q.number: q.gates_in(window, self._size) for q in self._questions}
        asked = [q for q in self._questions if q.is_open or gates[q.number]]
        if not asked:
            return
        for target, logits in self._votes(tile, asked, gates).items():
            blend.add(target, window, logits)

    def _votes(
        self,
        tile: Tile,
        asked: Sequence[Question],
        gates: dict[int, dict[int, NDArray[np.bool_]]],
    ) -> Votes:
        """Encode a window once and collect what it says to every question."""
        with self._watch.part("encode"):
            encoded = self._segmenter.encode(tile.image, self._gsd_m)
        votes: Votes = {}
        for question in asked:
            if question.is_open:
                self._hear(encoded, question, votes)
            if gates[question.number]:
                self._add_detail(encoded, question, gates[question.number], votes)
        return votes

    def _hear(self, encoded: object, question: Question, votes: Votes) -> None:
        """Let a window answer for itself; of several [SEG] with one phrase, the union counts."""
        with self._watch.part("answer"):
            reply = self._segmenter.reply(encoded, question.instruction)
        if not reply.phrases:
            return
        with self._watch.part("masks"):
            masks = masks_of(self._segmenter, encoded, reply)
        for phrase, logits, score in zip(reply.phrases, *masks, strict=True):
            number = self.targets.number(question.number, bare(phrase))
            if number is None or number in question.gated_targets:
                continue
            votes[number] = np.maximum(votes[number], logits) if number in votes else logits
            self.targets.found[number].count_score(float(score), logits)

    def _add_detail(
        self,
        encoded: object,
        question: Question,
        gates: dict[int, NDArray[np.bool_]],
        votes: Votes,
    ) -> None:
        """Give a window the overview's answer and take its masks inside the gates."""
        with self._watch.part("answer"):
            reply = self._segmenter.teach(encoded, question.instruction, question.answer)
        with self._watch.part("masks"):
            masks: Masks = masks_of(self._segmenter, encoded, reply)
        for index, gate in gates.items():
            number = question.target_numbers[index]
            if number is not None:
                logits = np.where(gate, masks.logits[index], np.float32(ABSENT_LOGIT))
                votes[number] = logits
                self.targets.found[number].count_score(float(masks.scores[index]), logits)

    def _store(self, rows: FinishedRows) -> None:
        self.valid.write(rows.row, rows.valid)
        for number, mask in rows.masks.items():
            if mask.any():  # rows that are never written read as empty
                self.targets.found[number].mask.write(rows.row, mask)

    def _fall_back(self, question: Question) -> None:
        """Give targets that no window marked their overview mask."""
        if question.masks is None:
            return
        merged: dict[int, tuple[str, NDArray[np.float32], float]] = {}
        for number, phrase, logits, score in zip(
            question.target_numbers, question.phrases, *question.masks, strict=True
        ):
            if number in merged:  # several [SEG] with one phrase: the union counts
                _, before, best = merged[number]
                merged[number] = phrase, np.maximum(before, logits), max(best, float(score))
            elif number is not None:
                merged[number] = phrase, logits, float(score)
        for number, (phrase, logits, score) in merged.items():
            target = self.targets.found[number]
            if target.mask.any or not (logits > 0).any():
                continue
            for row in range(0, self._size[0], _ROWS):
                valid = self.valid.read(row, _ROWS)
                target.mask.write(row, (enlarge(logits, row, len(valid), self._size) > 0) & valid)
            target.count_score(score, logits)
            self.notes.append(f"'{phrase}' was seen in the overview only: its outline is coarse")

    def _word(self, question: Question, mine: Sequence[Target]) -> str:
        """Word the scene's answer so that it has one [SEG] a target, in order."""
        if not mine:
            return question.answer if question.answer and not question.phrases else NOTHING
        named = [
            None if number is None else self.targets.found[number]
            for number in question.target_numbers
        ]
        seen = len(named)
        if not seen or list(mine[:seen]) != named:
            return compose([target.phrase for target in mine])
        more = [target.phrase for target in mine[seen:]]
        return f"{question.answer} {compose_more(more)}" if more else question.answer
