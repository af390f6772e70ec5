"""How good the choice among k candidates is: the selected one beside the best (Sec. 5.4).

The paper says that with k = 100 the matching often does not select the best candidate
(Suppl. 9.2). The oracle is a model that would: of every target's candidates it takes the one
with the highest IoU against the truth that the metric pairs it with. It is no model that one
could have, and its gIoU minus the selected one is what a better choice could win.

Axes
    k  candidates of a target    H, W  the picture's own size
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segearth.data.manifest import Record
from segearth.data.rle import decode_mask, encode_mask
from segearth.errors import DataError, UsageError
from segearth.evaluation.predictions import Prediction
from segearth.evaluation.scoring import ScoredRecord, score_record
from segearth.evaluation.sheets import draw_sheet, lay_over, shrink_picture
from segearth.files import atomic_path, write_text
from segearth.metrics import Metric, Unit, score_units, summarise

if TYPE_CHECKING:
    from segearth.model.candidates import Candidates

FOLDER = "candidates"
"""In the folder of the results: one sheet a target, and LINES."""
LINES = "candidates.jsonl"
"""One line a target, with every candidate's IoU and score: enough to compute it all again."""


@dataclass
class CandidateStudy:
    """Draws sheets while a model is run, and keeps what the figures need.

    Attributes:
        metric: Which conventions hold.
        folder: Where sheets go; it exists.
        most: How many sheets are drawn, from the first target on; None draws all. Figures are
            of all targets in any case.
        rows: Lines for LINES.
        oracle: The oracle's units by record id.
    """

    metric: Metric
    folder: Path
    most: int | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    oracle: dict[str, list[Unit]] = field(default_factory=dict)

    def watch(
        self,
        index: int,
        record: Record,
        image: NDArray[np.uint8],
        prediction: Prediction,
        candidates: Candidates,
    ) -> None:
        """Look at one record.

        Args:
            index: Of the record; names its sheets.
            record: The truth.
            image: RGB ``(H, W, 3)``.
            prediction: The reply, with the selected masks.
            candidates: All that were decoded for it.

        Raises:
            DataError: A sheet cannot be written.
        """
        partner = self._pair(record, prediction)
        targets = list(prediction.targets)
        for place, target in enumerate(targets):
            truth = None
            if place in partner:
                truth = decode_mask(record.masks[partner[place]])
            best, row = _compare(candidates, place, truth)
            sheet = None
            if self.most is None or len(self.rows) < self.most:
                sheet = f"{FOLDER}/{index:05d}-{place + 1}.jpg"
                drawn = _sheet(image, _masks(candidates, place), truth, row)
                _write_sheet(self.folder / Path(sheet).name, drawn)
            if best is not None:
                targets[place] = replace(target, mask=encode_mask(candidates.mask(place, best)))
            said = {"id": record.id, "target": place, "phrase": target.phrase}
            self.rows.append({**said, "truth": partner.get(place), "sheet": sheet, **row})
        best_reply = replace(prediction, targets=tuple(targets))
        self.oracle[record.id] = score_record(record, best_reply, self.metric).units

    def _pair(self, record: Record, prediction: Prediction) -> dict[int, int]:
        """Pair predicted targets with true ones, as the metric does the selected masks."""
        pairing: Metric = "strict" if self.metric == "strict" else "lisa"
        overlap = score_record(record, prediction, pairing).overlap
        units = score_units(pairing, overlap, answered=True)
        return {
            unit.prediction: unit.truth
            for unit in units
            if unit.prediction is not None and unit.truth is not None
        }

    def summary(self, scored: Sequence[ScoredRecord]) -> dict[str, Any]:
        """Make the figures that go beside the selected ones.

        Args:
            scored: All records, as scored with the selected masks.

        Returns:
            `oracle_giou` and `oracle_ciou`: of the best candidates, with `oracle_giou_ci95`;
            `selection`: over the targets that have a truth, how often the selected one is
            worse than the best (`worse`, a share), and by how much IoU on average, over all
            (`mean_loss`) and over those (`mean_loss_where_worse`). None where there is nothing
            to average.
        """
        figures = summarise(
            [self.oracle.get(item.record.id, item.units) for item in scored],
            [item.record.image for item in scored],
        )
        pairs = [row for row in self.rows if row["iou"]]
        losses = [row["iou"][row["best"]] - row["iou"][row["selected"]] for row in pairs]
        worse = [loss for loss in losses if loss > 0]
        return {
            "oracle_giou": figures.giou,
            "oracle_giou_ci95": figures.giou_ci95,
            "oracle_ciou": figures.ciou,
            "selection": {
                "targets": len(losses),
                "worse": len(worse) / len(losses) if losses else None,
                "mean_loss": float(np.mean(losses)) if losses else None,
                "mean_loss_where_worse": float(np.mean(worse)) if worse else None,
            },
        }

    def finish(self, out: Path) -> None:
        """Move the sheets into the folder of the results; those of an earlier run go.

        Raises:
            DataError: They cannot be moved.
        """
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows)
        write_text(self.folder / LINES, lines)
        drop_earlier(out)
        try:
            self.folder.rename(out / FOLDER)
        except OSError as error:
            raise DataError(
                f"{FOLDER} cannot be written: {error.strerror or error}",
                where=str(out),
            ) from error


def _compare(
    candidates: Candidates, place: int, truth: NDArray[np.bool_] | None
) -> tuple[int | None, dict[str, Any]]:
    """Measure the candidates of one target; returns the best one and a part of its line."""
    chosen = int(candidates.chosen[place])
    scores = None
    if candidates.quality is not None:
        scores = [round(float(score), 4) for score in candidates.quality[place].sigmoid()]
    ious: list[float] = []
    if truth is not None:
        ious = [overlap_of(mask, truth) for mask in _masks(candidates, place)]
    best = None
    if ious:
        # Among equals the selected one: a choice that cannot be bettered is not wrong.
        best = chosen if ious[chosen] == max(ious) else int(np.argmax(ious))
    return best, {"selected": chosen, "best": best, "iou": ious or None, "score": scores}


def _masks(candidates: Candidates, place: int) -> Iterator[NDArray[np.bool_]]:
    """Bring the candidates of one target to the picture's size, one at a time."""
    for number in range(candidates.logits.shape[1]):
        yield candidates.mask(place, number)


def _sheet(
    image: NDArray[np.uint8],
    masks: Iterable[NDArray[np.bool_]],
    truth: NDArray[np.bool_] | None,
    row: Mapping[str, Any],
) -> NDArray[np.uint8]:
    """Draw the candidates of one target, ``(h, w, 3)``."""
    picture = shrink_picture(image)
    first = picture if truth is None else lay_over(picture, truth)
    tiles = [lay_over(picture, mask) for mask in masks]
    words = [f"{number + 1}" for number in range(len(tiles))]
    if row["iou"]:
        words = [f"{word}  IoU {iou:.2f}" for word, iou in zip(words, row["iou"], strict=True)]
    return draw_sheet(first, tiles, words, selected=row["selected"], best=row["best"])


def overlap_of(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """IoU of two masks ``(H, W)``; two empty ones agree."""
    union = np.count_nonzero(mask | truth)
    return float(np.count_nonzero(mask & truth) / union) if union else 1.0


@contextmanager
def staged_sheets(out: Path) -> Iterator[Path]:
    """Hand out a hidden folder on the disk of `out`; whatever is left in it at the end goes.

    Raises:
        UsageError: `out` has a folder of the sheets' name that is not ours.
        DataError: It cannot be made.
    """
    if (out / FOLDER).exists() and not (out / FOLDER / LINES).exists():
        raise UsageError(
            f"{out} has a {FOLDER} that segearth did not write",
            where=str(out / FOLDER),
            hint="move it away, or name another folder with --out",
        )
    try:
        parent = next(path for path in (out, *out.absolute().parents) if path.exists())
        temporary = Path(tempfile.mkdtemp(prefix=".segearth-", suffix=".part", dir=parent))
    except OSError as error:
        raise DataError(
            f"{out} cannot be written to: {error.strerror or error}", where=str(out)
        ) from error
    try:
        sheets = temporary / FOLDER
        sheets.mkdir()
        yield sheets
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def drop_earlier(out: Path) -> None:
    """Remove the sheets of an earlier run; a folder without our LINES is not ours."""
    if (out / FOLDER / LINES).exists():
        shutil.rmtree(out / FOLDER)


def _write_sheet(path: Path, sheet: NDArray[np.uint8]) -> None:
    """Write a JPEG."""
    bgr = cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
