"""What `segearth predict` does once its options are read: load, answer, show.

Whatever can be wrong with the input is told before the model is loaded.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segearth.cli import output
from segearth.errors import UsageError

if TYPE_CHECKING:
    from segearth.prediction import Batch, SceneOptions, SegmenterLike
    from segearth.prediction.documents import Prediction
    from segearth.prediction.jobs import Failure


def load_segmenter(model: str, device: str, dtype: str) -> SegmenterLike:
    """Load the model that answers."""
    from segearth.model.segmenter import Segmenter

    segmenter: SegmenterLike = Segmenter.load(model, device=device, dtype=dtype)
    return segmenter


@dataclass(frozen=True)
class Run:
    """What the three kinds of input have in common."""

    model: str
    device: str
    dtype: str
    out: Path
    options: SceneOptions
    overwrite: bool
    as_json: bool

    def load(self) -> tuple[SegmenterLike, float]:
        """Return the model and the seconds that loading it took."""
        start = time.perf_counter()
        segmenter = load_segmenter(self.model, self.device, self.dtype)
        return segmenter, time.perf_counter() - start


def answer_one(run: Run, image: str, instructions: Sequence[str]) -> int:
    """Predict one image; return how many targets were found."""
    from segearth.geo.raster import open_scene
    from segearth.prediction import predict_file
    from segearth.prediction.staging import refuse_unwritable, refuse_used

    # What is wrong with the input shows before the model is loaded.
    refuse_used(run.out, overwrite=run.overwrite)
    refuse_unwritable(run.out)
    with open_scene(image, bands=run.options.bands):
        pass
    segmenter, load_s = run.load()
    prediction = predict_file(
        segmenter,
        image,
        instructions,
        run.out,
        options=run.options,
        overwrite=run.overwrite,
        load_s=load_s,
        track=output.progress,
    )
    for note in prediction["notes"]:
        output.warn(note)
    if run.as_json:
        output.print_json(prediction)
    else:
        _show_prediction(prediction, run.out)
    return prediction["found"]


def answer_several(
    run: Run, images: Sequence[str], instructions: Sequence[str]
) -> tuple[int, Sequence[Failure]]:
    """Predict the images of a folder or glob; return how many targets were found."""
    from segearth.prediction import predict_images
    from segearth.prediction.jobs import folders_for
    from segearth.prediction.staging import refuse_unwritable, refuse_used

    for folder in folders_for(images, run.out):
        refuse_used(folder, overwrite=run.overwrite)
    refuse_unwritable(run.out)
    segmenter, load_s = run.load()
    batch = predict_images(
        segmenter,
        images,
        instructions,
        run.out,
        options=run.options,
        overwrite=run.overwrite,
        load_s=load_s,
        track=output.progress,
    )
    found = sum(prediction["found"] for prediction in batch.predictions)
    for prediction in batch.predictions:
        for note in prediction["notes"]:
            output.warn(f"{prediction['image']}: {note}")
    if run.as_json:
        failed = [{"image": name, "error": error.problem} for name, error in batch.failures]
        output.print_json({"images": batch.predictions, "failed": failed, "found": found})
    else:
        _show_batch(batch, run.out)
    return found, batch.failures


def answer_requests(
    run: Run, path: Path, instructions: Sequence[str | None]
) -> tuple[int, Sequence[Failure]]:
    """Answer a file of requests; return how many targets were found."""
    from segearth.prediction import predict_requests
    from segearth.prediction.requests import read_requests
    from segearth.prediction.staging import refuse_unwritable, refuse_used

    if any(instruction is not None for instruction in instructions):
        raise UsageError(
            f"{path.name} brings its own instructions",
            where="INSTRUCTION",
            hint=f"leave the instruction out: segearth predict {path}",
        )
    requests = read_requests(path)
    refuse_used(run.out, overwrite=run.overwrite)
    refuse_unwritable(run.out)
    segmenter, _ = run.load()
    summary = predict_requests(
        segmenter,
        requests,
        run.out,
        options=run.options,
        overwrite=run.overwrite,
        track=output.progress,
    )
    if run.as_json:
        output.print_json(
            {
                "predictions": str(summary.path.resolve()),
                "requests": summary.requests,
                "found": summary.found,
                "failed": [
                    {"id": name, "error": error.problem} for name, error in summary.failures
                ],
            }
        )
    else:
        done = summary.requests - len(summary.failures)
        output.print_text(f"{done} of {summary.requests} requests answered: {summary.path}")
    return summary.found, summary.failures


def _show_prediction(prediction: Prediction, out: Path) -> None:
    """Print sentences, a table of targets and where the files are."""
    from segearth.data.answers import plain

    for answer in prediction["answers"]:
        output.print_text(" ".join(plain(answer["answer"]).split()))
    if prediction["targets"]:
        on_ground = any(target["area_m2"] is not None for target in prediction["targets"])
        rows = [
            (
                f"{target['id']} {target['phrase']}",
                f"{target['score']:.2f}",
                _number(target["area_m2"] if on_ground else target["area_px"]),
            )
            for target in prediction["targets"]
        ]
        output.print_table(("target", "score", f"area, {'m²' if on_ground else 'px'}"), rows)
    names = ", ".join(Path(name).name for name in prediction["outputs"].values())
    output.print_text(f"{out}: {names}")


def _show_batch(batch: Batch, out: Path) -> None:
    """Print a line for each image."""
    rows = [
        (
            Path(prediction["image"]).name,
            prediction["found"],
            ", ".join(target["phrase"] for target in prediction["targets"]),
        )
        for prediction in batch.predictions
    ]
    output.print_table(("image", "found", "targets"), rows, caption=f"results in {out}")


def list_failures(failures: Sequence[Failure]) -> None:
    """Name all that failed, one a line, after everything else."""
    output.say(f"{len(failures)} failed; the rest is written:")
    for name, error in failures:
        output.say(f"  {name}: {error.problem}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
