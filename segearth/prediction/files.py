"""One image file and some instructions in, a folder of results out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from segearth import __version__
from segearth.errors import UsageError
from segearth.geo.georeference import Grid
from segearth.geo.layers import Attributes, write_layers
from segearth.geo.mask_file import measure, write_masks
from segearth.geo.outlines import outline
from segearth.geo.raster import Scene, open_scene
from segearth.prediction.documents import SCHEMA, AnswerEntry, Prediction, TargetEntry
from segearth.prediction.interface import SegmenterLike
from segearth.prediction.overlay import draw_overlay, picture_side, write_picture
from segearth.prediction.scene import SceneAnswer, SceneOptions, Track, ask_scene, silently
from segearth.prediction.staging import staged
from segearth.prediction.stopwatch import Stopwatch
from segearth.prediction.targets import Target

MAX_WORDS = 200  # longer than any question of the paper's data; a model's token limit comes after


def check_instruction(instruction: str) -> None:
    """Refuse an instruction that says nothing or far too much.

    Raises:
        UsageError: It is blank, or has more than `MAX_WORDS` words.
    """
    words = len(instruction.split())
    if not words:
        raise UsageError(
            "the instruction is empty",
            where="INSTRUCTION",
            hint='say what to find, such as "the runway"',
        )
    if words > MAX_WORDS:
        raise UsageError(
            f"the instruction has {words} words; {MAX_WORDS} are allowed",
            where=f"INSTRUCTION, which begins '{instruction.strip()[:40]}'",
            hint="ask shorter, or ask several things with --also",
        )


def predict_file(
    segmenter: SegmenterLike,
    image: str,
    instructions: Sequence[str],
    out: Path,
    *,
    options: SceneOptions | None = None,
    overwrite: bool = False,
    load_s: float = 0.0,
    track: Track = silently,
) -> Prediction:
    """Find what instructions describe in an image, and write masks, layers and a picture.

    Args:
        segmenter: The model.
        image: Whatever GDAL opens.
        instructions: At least one; the image is encoded once for all.
        out: The folder for `masks.tif`, `targets.gpkg`, `targets.geojson`, `overlay.png`
            and `prediction.json`.
        options: How to read the image.
        overwrite: Whether earlier results in `out` may be replaced.
        load_s: Seconds that loading the model took, to be reported.
        track: Shows progress.

    Returns:
        The content of `prediction.json`. Finding nothing is a normal result.

    Raises:
        UsageError: An instruction or option is unusable, or `out` holds results.
        DataError: The image cannot be read, or `out` cannot be written.
        GeoreferenceError: The image has map coordinates that lead nowhere.
    """
    options = options or SceneOptions()
    for instruction in instructions:
        check_instruction(instruction)
    watch = Stopwatch(load_s)
    with (
        staged(out, overwrite=overwrite) as folder,
        open_scene(image, bands=options.bands, stretch=options.stretch) as scene,
    ):
        scratch = folder / "scratch"
        scratch.mkdir()
        answer = ask_scene(segmenter, scene, instructions, scratch, options, watch, track)
        prediction = _describe(segmenter.name, scene, instructions, answer, options)
        prediction["outputs"] = {kind: str(out.resolve() / name) for kind, name in _FILES.items()}
        with watch.part("write"):
            _write(folder, scene, prediction, answer)
        prediction["seconds"] = watch.rounded()
        text = json.dumps(prediction, ensure_ascii=False, indent=2, allow_nan=False)
        (folder / _FILES["prediction"]).write_text(text + "\n", encoding="utf-8")
    return prediction


_FILES = {
    "masks": "masks.tif",
    "gpkg": "targets.gpkg",
    "geojson": "targets.geojson",
    "overlay": "overlay.png",
    "prediction": "prediction.json",
}


def _shown(answer: SceneAnswer) -> list[Target]:
    """Return the targets that have pixels; the others are no findings."""
    return [target for target in answer.targets if target.mask.any]


def _describe(
    model: str,
    scene: Scene,
    instructions: Sequence[str],
    answer: SceneAnswer,
    options: SceneOptions,
) -> Prediction:
    """Put what was found into the contract's form; `outputs` and `seconds` come later."""
    shown = _shown(answer)
    targets = [
        _entry(number, target, instructions[target.question], scene.grid)
        for number, target in enumerate(shown, start=1)
    ]
    answers = [
        AnswerEntry(
            instruction=instruction,
            answer=sentence,
            targets=[n for n, target in enumerate(shown, start=1) if target.question == question],
        )
        for question, (instruction, sentence) in enumerate(
            zip(instructions, answer.answers, strict=True)
        )
    ]
    return Prediction(
        schema=SCHEMA,
        image=scene.image,
        instruction="; ".join(instructions),
        answer=" ".join(answer.answers),
        found=len(targets),
        targets=targets,
        answers=answers,
        crs=scene.grid.crs_name,
        gsd_m=scene.grid.gsd_m if options.gsd_m is None else options.gsd_m,
        model=model,
        outputs={},
        seconds={},
        notes=[*_map_notes(scene.grid), *answer.notes, *_empty_notes(answer)],
        segearth=__version__,
    )


def _entry(number: int, target: Target, instruction: str, grid: Grid) -> TargetEntry:
    extent = measure(target.mask)
    area_m2 = grid.area_m2(extent.row_counts)
    return TargetEntry(
        id=number,
        phrase=target.phrase,
        score=round(target.score, 4),
        area_px=extent.area_px,
        area_m2=None if area_m2 is None else round(area_m2, 3),
        bbox_px=list(extent.bbox_px),
        band=number,
        instruction=instruction,
    )


def _map_notes(grid: Grid) -> list[str]:
    """Say once what stands where map coordinates would."""
    if grid.is_located:
        return []
    if grid.gcps[0] or grid.rpcs is not None:
        return [
            "the image has ground control points or RPCs but no grid: outlines are in pixels; "
            "masks.tif carries the points (gdalwarp turns both into a grid)"
        ]
    if grid.crs is not None:
        return ["the image has a CRS but no place in it: outlines are in pixels"]
    where = (
        "GeoJSON is in pixels, GPKG in the image's own coordinates"
        if grid.has_map
        else ("outlines are in pixels")
    )
    return [f"the image has no CRS: {where}, and areas in m² are unknown"]


def _empty_notes(answer: SceneAnswer) -> list[str]:
    """Name what the model spoke of without marking a pixel."""
    if not answer.valid.any:
        return ["the image has no valid pixels (all nodata): the model was not asked"]
    empty = [target.phrase for target in answer.targets if not target.mask.any]
    if not empty:
        return []
    more = f" and {len(empty) - 5} more" if len(empty) > 5 else ""
    names = ", ".join(f"'{phrase}'" for phrase in empty[:5])
    return [f"named, but left out because no pixel was marked: {names}{more}"]


def _write(folder: Path, scene: Scene, prediction: Prediction, answer: SceneAnswer) -> None:
    """Write masks, layers and the picture."""
    masks = [target.mask for target in _shown(answer)]
    targets = prediction["targets"]
    tags = {
        "model": prediction["model"],
        "instruction": prediction["instruction"],
        "answer": prediction["answer"],
        "segearth": prediction["segearth"],
    }
    phrases = [target["phrase"] for target in targets]
    write_masks(folder / _FILES["masks"], scene.grid, answer.valid, masks, phrases, tags)
    rows = [
        Attributes(
            id=target["id"],
            phrase=target["phrase"],
            instruction=target["instruction"],
            score=target["score"],
            area_px=target["area_px"],
            area_m2=target["area_m2"],
            model=prediction["model"],
        )
        for target in targets
    ]
    write_layers(folder, scene.grid, [outline(mask) for mask in masks], rows)
    picture = scene.shrink(picture_side(len(masks))).image
    legend = [f"{target['id']}  {target['phrase']}  {target['score']:.2f}" for target in targets]
    write_picture(folder / _FILES["overlay"], draw_overlay(picture, masks, legend))
