"""`segearth data masks`: collect candidate masks of images, with SAM or without weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segearth.cli import options, output
from segearth.errors import DataError, RecipeError, UsageError

if TYPE_CHECKING:
    from segearth.building.masks.stage import Collected

ProposerName = Literal["sam", "regions"]
SHOWN_FAILURES = 5
SAM_SCORE = 0.88  # as segearth.building.masks.options.SAM_SCORE, which would import NumPy


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
    exhaustive: Annotated[
        bool,
        typer.Option(
            "--exhaustive",
            help="The boxes are of every object of their categories, so that questions may "
            "count on it.",
        ),
    ] = False,
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

    Masks whose own box is nearly an annotated one get its category; all others have no name.
    An interrupted run goes on when its command is repeated; so does one in which images failed,
    or to which images were added.
    """
    from segearth.building.masks.options import MaskOptions
    from segearth.building.masks.run import run
    from segearth.building.masks.stage import name_images
    from segearth.geo.listing import several_images

    try:
        settings = MaskOptions(
            proposer=proposer or "",
            sam=str(sam or ""),
            boxes=str(boxes or ""),
            within=tuple(within or ()),
            exhaustive=exhaustive,
            min_score=min_score,
            iou=iou,
            device=device,
        )
    except RecipeError as error:
        raise UsageError(error.problem, where=f"--{error.where}", hint=error.hint) from error
    collected = run(
        name_images([Path(name) for name in several_images(images) or [images]]),
        out,
        settings,
        overwrite=overwrite,
        track=lambda left: output.progress(left, "masks", total=len(left)),
    )
    _show(collected, out / "masks.jsonl", as_json=as_json)


def _show(collected: Collected, path: Path, *, as_json: bool) -> None:
    """Print the counts; failures make exit code 3, as the rest is written."""
    if collected.resumed:
        output.say(f"went on after {collected.resumed} finished images")
    if missing := collected.without_boxes:
        shown = ", ".join(missing[:3])
        images = collected.images + len(collected.failures)
        output.warn(f"{len(missing)} of {images} images have no boxes, such as {shown}")
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
                "named": collected.named,
                "by_proposer": dict(sorted(collected.by_proposer.items())),
                "resumed": collected.resumed,
                "failures": [
                    {"image": name, "error": str(error)} for name, error in collected.failures
                ],
            }
        )
    else:
        output.print_text(
            f"{collected.masks} masks in {collected.images} images, {collected.named} of them with "
            f"a category: {path}"
        )
    if collected.failures:
        raise typer.Exit(DataError.exit_code)
