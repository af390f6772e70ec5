"""Run stage 1 on a folder of images: who proposes, what is annotated, and what is done already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from segearth.building.masks.boxes import Annotation, BoxFile
from segearth.building.masks.journal import PARTIAL, RESULT, open_journal
from segearth.building.masks.options import MaskOptions
from segearth.building.masks.proposals import Proposer
from segearth.building.masks.samrs import SamrsFolder
from segearth.building.masks.stage import Collected, Plan, collect_masks
from segearth.building.shapes.profile import category_name
from segearth.building.stamps import stamp, stamp_images
from segearth.data.claim import check_folder
from segearth.errors import DataError, UsageError


def run(
    images: Mapping[str, Path],
    out: Path,
    options: MaskOptions,
    *,
    overwrite: bool = False,
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Collected:
    """Collect the masks of images into `out`/masks.jsonl; go on with an interrupted run.

    Args:
        images: See `segearth.building.masks.stage.name_images`.
        out: The folder to write; made if it does not exist.
        options: Who proposes, and what is annotated.
        overwrite: Replace earlier results; drop what an interrupted run with other settings or
            weights has done.
        track: Wraps the names that are gone through, to show progress.

    Returns:
        Counts and failures.

    Raises:
        UsageError: Nobody proposes masks, or `out` holds results or parts of another run.
        DataError: The annotation or the folder cannot be used, or two images would share an
            annotation.
        CheckpointError: The model folder cannot be used.
    """
    boxes = Path(options.boxes) if options.boxes else None
    if not options.proposed_by and (boxes is None or not boxes.is_dir()):
        raise UsageError(
            "nobody is there to propose masks",
            where="--proposer",
            hint="name SAM's folder, or the proposer regions, which needs no weights",
        )
    if not (out / PARTIAL).exists():
        check_folder(out, RESULT, overwrite=overwrite)
    annotation = None if boxes is None else open_annotation(boxes)
    keys = {name: annotation.key(name) for name in images} if annotation else {}
    _refuse_shared(keys, options.boxes)
    # The journal holds the whole answer of its settings: whatever changes all masks is in here.
    settings = {
        "proposer": options.proposed_by,
        "sam": stamp(Path(options.sam)) if options.sam else None,
        "boxes": None if boxes is None else stamp(boxes),
        "within": sorted(set(options.within)),
        "exhaustive": options.exhaustive,
        "min_score": options.min_score,
        "iou": options.iou,
    }
    with open_journal(out, settings, stamp_images(images), overwrite=overwrite) as journal:
        plan = Plan(
            proposer=_open_proposer(options),
            annotation=annotation,
            within=frozenset(category_name(category) for category in options.within),
            iou=options.iou,
            exhaustive=options.exhaustive,
        )
        collected = collect_masks(dict(images), out, plan, journal, track=track)
    collected.without_boxes = [name for name, key in keys.items() if key is None]
    return collected


def _refuse_shared(keys: Mapping[str, str | None], where: str) -> None:
    """Complain of two images that would get the same boxes: "a/1.png" and "b/1.png" as "1.png"."""
    taken: dict[str, str] = {}
    for name, key in keys.items():
        if key is not None and taken.setdefault(key, name) != name:
            raise DataError(
                f"{taken[key]} and {name} would both get the annotation of {key!r}",
                where=where,
                hint="name images with their folders in the file of boxes, or give one folder",
            )


def open_annotation(path: Path) -> Annotation:
    """Open annotated boxes: a folder of SAMRS, or a JSON file.

    Raises:
        DataError: It cannot be read.
    """
    return SamrsFolder(path) if path.is_dir() else BoxFile(path)


def _open_proposer(options: MaskOptions) -> Proposer | None:
    """Load the proposer; torch only if SAM is asked for."""
    if options.proposed_by == "sam":
        from segearth.building.masks.sam import Sam

        return Sam(Path(options.sam), min_score=options.min_score, device=options.device)
    if options.proposed_by == "regions":
        from segearth.building.masks.regions import Regions

        return Regions()
    return None
