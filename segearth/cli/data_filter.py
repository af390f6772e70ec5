"""`segearth data filter`: keep the masks whose shape can be right, and say why of the others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segearth.cli import options, output
from segearth.errors import UsageError

if TYPE_CHECKING:
    from segearth.building.shapes.filter import Outcome

DEVIATIONS = 2.5  # as segearth.building.shapes.options.DEVIATIONS


def filter_(
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="OUT", help="Folder to write; with --learn, the profile file."
        ),
    ],
    masks: Annotated[
        Path | None,
        typer.Argument(
            metavar="MASKS", help="The masks.jsonl of segearth data masks.", show_default=False
        ),
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(
            "--profile",
            metavar="FILE",
            help="Accepted shapes; without it only components are compared with boxes.",
        ),
    ] = None,
    learn: Annotated[
        Path | None,
        typer.Option(
            "--learn",
            metavar="MANIFEST",
            help="Do not filter: write a profile of these good masks (manifest or masks.jsonl).",
        ),
    ] = None,
    std: Annotated[
        float | None,
        typer.Option(
            "--std",
            min=0,
            metavar="N",
            help=f"With --learn: accept mean ± N standard deviations; {DEVIATIONS} if not given.",
            show_default=False,
        ),
    ] = None,
    quantile: Annotated[
        float | None,
        typer.Option(
            "--quantile",
            min=0,
            max=0.49,
            metavar="Q",
            help="With --learn: accept from this quantile to 1 - Q instead.",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Filter masks by components and shape, with ranges learnt from good masks (paper, Sec. 7.3).

    OUT receives kept.jsonl, rejected.jsonl with every reason, and sheet.png to look at both.

    The figures are eccentricity, circularity (4 pi area / perimeter squared), solidity and extent
    (area over that of the convex hull and of the upright box), and symmetry, which the paper does
    not define: here the overlap of a mask with its mirror image, for the best axis through its
    centroid.
    """
    if (masks is None) == (learn is None):
        raise UsageError(
            "give either MASKS to filter or --learn with masks to learn from", where="MASKS"
        )
    if learn is not None:
        if profile is not None:
            raise UsageError("--learn writes a profile and reads none", where="--profile")
        if std is not None and quantile is not None:
            raise UsageError("--std and --quantile exclude each other", where="--std")
        deviations = DEVIATIONS if std is None and quantile is None else std
        _learn(learn, out, deviations, quantile, overwrite=overwrite, as_json=as_json)
        return
    if std is not None or quantile is not None:
        raise UsageError("--std and --quantile need --learn", where="--std")
    assert masks is not None
    _filter(masks, out, profile, overwrite=overwrite, as_json=as_json)


def _learn(
    source: Path,
    out: Path,
    deviations: float | None,
    quantile: float | None,
    *,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write a profile."""
    from segearth.building.shapes.profile import learn_profile, write_profile
    from segearth.building.shapes.references import measure_references

    if out.exists() and not overwrite:
        raise UsageError(
            f"{out} exists", where="--out", hint="pass --overwrite to replace it, or name another"
        )
    if out.is_dir():
        raise UsageError(f"{out} is a folder", where="--out", hint="name a file: shapes.yaml")
    measured = output.progress(measure_references(source), "measuring")
    profile = learn_profile(measured, deviations=deviations, quantile=quantile)
    write_profile(out, profile)
    learnt = {"any": profile.any, **profile.categories}
    if as_json:
        output.print_json(
            {
                "profile": str(out),
                "rule": profile.rule,
                "categories": {
                    name: {
                        "references": item.references,
                        "accepted": item.accepted,
                        "ranges": {figure: list(ends) for figure, ends in item.ranges.items()},
                    }
                    for name, item in learnt.items()
                },
            }
        )
        return
    rows = [
        (
            name,
            item.references,
            item.accepted,
            *(f"{low:.2f} to {high:.2f}" for low, high in item.ranges.values()),
        )
        for name, item in learnt.items()
    ]
    columns = ("category", "references", "accepted", *profile.any.ranges)
    output.print_table(columns, rows, title=str(out), caption=profile.rule)


def _filter(
    masks: Path, out: Path, profile_file: Path | None, *, overwrite: bool, as_json: bool
) -> None:
    """Sort masks into kept and rejected ones."""
    from segearth.building.shapes.filter import KEPT, REJECTED, SHEET, filter_masks
    from segearth.building.shapes.profile import read_profile
    from segearth.data.claim import claim_folder

    profile = None if profile_file is None else read_profile(profile_file)
    if not masks.is_file():
        raise UsageError(f"there is no file {masks}", where="MASKS")
    if (out / KEPT).exists() and (out / KEPT).samefile(masks):
        raise UsageError(
            "MASKS would be replaced by its own result", where="--out", hint="name another folder"
        )
    claim_folder(out, KEPT, overwrite=overwrite)
    outcome = filter_masks(
        masks, out, profile, track=lambda rows: output.progress(rows, "filtering")
    )
    if outcome.unjudged:
        names = ", ".join(sorted(outcome.unjudged)[:3])
        output.warn(
            f"{outcome.unjudged.total()} masks were kept without a look at their shape: the "
            f"profile has no references for {names}"
        )
    if as_json:
        result = _summary(outcome)
        files = {"kept": KEPT, "rejected": REJECTED, "sheet": SHEET}
        result["outputs"] = {name: str(out / file) for name, file in files.items()}
        output.print_json(result)
        return
    if outcome.reasons:
        output.print_table(("rejected by", "masks"), outcome.reasons.most_common())
    output.print_text(
        f"{outcome.kept} masks kept, {outcome.rejected} rejected in {outcome.images} images: "
        f"{out / SHEET}"
    )


def _summary(outcome: Outcome) -> dict[str, object]:
    """Return the counts as JSON."""
    return {
        "images": outcome.images,
        "kept": outcome.kept,
        "rejected": outcome.rejected,
        "reasons": dict(outcome.reasons.most_common()),
        "unjudged": dict(sorted(outcome.unjudged.items())),
    }
