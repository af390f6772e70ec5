"""`segearth data masks`: collect candidate masks of images, with SAM or without weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segearth.cli import options, output
from segearth.errors import DataError, UsageError

if TYPE_CHECKING:
    from segearth.building.masks.boxes import Annotation
    from segearth.building.masks.proposals import Proposer
    from segearth.building.masks.stage import Collected

ProposerName = Literal["sam", "regions"]
SHOWN_FAILURES = 5
SAM_SCORE = 0.88  # as segearth.building.masks.sam.MIN_SCORE, which would import torch


def masks(
    images: Annotated[
        str, typer.Argument(metavar="IMAGES", help="An image, a folder of them or a glob.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DST", help="Folder to write.")],
    sam: Annotated[
        Path | None,
        typer.Option(
            "--sam", metavar="FOLDER", help="Local Hugging Face folder of a SAM or SAM 2 model."
        ),
    ] = None,
    proposer: Annotated[
        ProposerName | None,
        typer.Option(
            "--proposer",
            help="sam needs --sam; regions needs no weights: areas of like colour, not the "
            "paper's way.",
            show_default=False,
        ),
    ] = None,
    boxes: Annotated[
        Path | None,
        typer.Option(
            "--boxes",
            metavar="FILE|SAMRS",
            help="Annotated boxes to look into: JSON, COCO detection, or a SAMRS folder (.pkl), "
            "whose masks are taken over.",
        ),
    ] = None,
    within: Annotated[
        list[str] | None,
        typer.Option(
            "--within",
            metavar="CATEGORY",
            help="Look only into boxes of this category. May be repeated.",
        ),
    ] = None,
    min_score: Annotated[
        float, typer.Option("--min-score", help="Leave out masks that SAM rates lower.")
    ] = SAM_SCORE,
    iou: Annotated[
        float,
        typer.Option("--iou", min=0.01, max=1.0, help="Overlap from which masks are the same."),
    ] = 0.85,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Collect candidate masks of images into DST/masks.jsonl (paper, Sec. 3 and 7.2).

    An interrupted run goes on when its command is repeated.
    """
    from segearth.building.masks.journal import open_journal, stamp
    from segearth.building.masks.stage import Plan, collect_masks, name_images
    from segearth.data.claim import check_folder
    from segearth.prediction.jobs import several_images

    kind = _which(sam, proposer, boxes, within)
    files = [Path(name) for name in several_images(images) or [images]]
    names = name_images(files)
    check_folder(out, "masks.jsonl", overwrite=overwrite)
    annotation = None if boxes is None else _annotation(boxes)
    if annotation is not None:
        _warn_without_boxes([name for name in names if annotation.find(name) is None], len(names))
    categories = sorted({*(within or ())})
    settings = {
        "images": {name: stamp(path) for name, path in names.items()},
        "proposer": kind,
        "sam": None if sam is None else stamp(sam),
        "boxes": None if boxes is None else stamp(boxes),
        "within": categories,
        "min_score": min_score,
        "iou": iou,
    }
    with open_journal(out, settings, overwrite=overwrite) as journal:
        if journal.finished:
            output.say(f"going on after {len(journal.finished)} finished images")
        plan = Plan(
            proposer=_proposer(kind, sam, min_score, device),
            annotation=annotation,
            within=_names(categories),
            iou=iou,
        )
        collected = collect_masks(
            names,
            out,
            plan,
            journal,
            track=lambda left: output.progress(left, "masks", total=len(left)),
        )
    _show(collected, out / "masks.jsonl", as_json=as_json)


def _which(
    sam: Path | None,
    proposer: ProposerName | None,
    boxes: Path | None,
    within: list[str] | None,
) -> ProposerName | None:
    """Tell who proposes; None if masks are only taken over."""
    if within and boxes is None:
        raise UsageError("--within needs --boxes", where="--within")
    if sam is not None and proposer == "regions":
        raise UsageError("--sam and --proposer regions exclude each other", where="--proposer")
    if sam is None and proposer == "sam":
        raise UsageError("--proposer sam needs the model's folder", where="--sam")
    if sam is None and proposer is None and (boxes is None or not boxes.is_dir()):
        raise UsageError(
            "nobody is there to propose masks",
            where="--proposer",
            hint="give --sam FOLDER, or --proposer regions, which needs no weights",
        )
    return "sam" if sam is not None else proposer


def _annotation(path: Path) -> Annotation:
    """Open annotated boxes."""
    from segearth.building.masks.boxes import BoxFile
    from segearth.building.masks.samrs import SamrsFolder

    return SamrsFolder(path) if path.is_dir() else BoxFile(path)


def _warn_without_boxes(missing: list[str], images: int) -> None:
    """Say that images are not annotated; a wrong folder shows here."""
    if missing:
        shown = ", ".join(missing[:3])
        output.warn(f"{len(missing)} of {images} images have no boxes, such as {shown}")


def _names(categories: list[str]) -> frozenset[str]:
    from segearth.building.shapes.profile import category_name

    return frozenset(category_name(category) for category in categories)


def _proposer(
    kind: ProposerName | None, sam: Path | None, min_score: float, device: options.DeviceName
) -> Proposer | None:
    """Load the proposer; torch only if SAM is asked for."""
    if kind == "regions":
        from segearth.building.masks.regions import Regions

        return Regions()
    if kind is None:
        return None
    from segearth.building.masks.sam import Sam

    assert sam is not None
    return Sam(sam, min_score=min_score, device=device)


def _show(collected: Collected, path: Path, *, as_json: bool) -> None:
    """Print the counts; failures make exit code 3, as the rest is written."""
    for name, error in collected.failures[:SHOWN_FAILURES]:
        output.say(f"{name}: {error}")
    if len(collected.failures) > SHOWN_FAILURES:
        output.say(f"and {len(collected.failures) - SHOWN_FAILURES} more failures")
    if as_json:
        output.print_json(
            {
                "masks_file": str(path),
                "images": collected.images,
                "masks": collected.masks,
                "by_proposer": dict(sorted(collected.by_proposer.items())),
                "resumed": collected.resumed,
                "failures": [
                    {"image": name, "error": str(error)} for name, error in collected.failures
                ],
            }
        )
    else:
        output.print_text(f"{collected.masks} masks in {collected.images} images: {path}")
    if collected.failures:
        raise typer.Exit(DataError.exit_code)
