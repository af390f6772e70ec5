"""`segearth data export`: questions in, a dataset with splits and a card out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import typer

from segearth.cli import options, output
from segearth.errors import DataError, RecipeError, UsageError

_SHOWN = 5  # reasons; the file has them all


def export(
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="Questions, such as questions.jsonl.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT", help="Folder to write.")],
    decisions: Annotated[
        Path | None,
        typer.Option(
            "--decisions",
            metavar="FILE",
            help="The reviewers' decisions.jsonl, or its folder; corrections are used, too.",
        ),
    ] = None,
    undecided: Annotated[
        Literal["drop", "keep"],
        typer.Option("--undecided", help="Questions without a decision, if there are any."),
    ] = "drop",
    split: Annotated[
        Literal["auto", "carried", "scene"],
        typer.Option(
            "--split", help="Keep the records' own, or make new ones; auto keeps if all have one."
        ),
    ] = "auto",
    val: Annotated[
        float, typer.Option("--val", help="Share for validation, of new splits.")
    ] = 0.05,
    test: Annotated[float, typer.Option("--test", help="Share for testing, of new splits.")] = 0.05,
    seed: Annotated[int, typer.Option("--seed", help="Decides which scenes go where.")] = 0,
    scene_pattern: Annotated[
        str,
        typer.Option(
            "--scene-pattern", metavar="REGEX", help="Group 1 of an image's path names its scene."
        ),
    ] = "",
    licence: Annotated[
        str, typer.Option("--licence", help="Licence of records that do not say it.")
    ] = "",
    title: Annotated[
        str, typer.Option("--title", help="Name on the card.")
    ] = "A remote sensing question-answer-mask dataset",
    parquet: Annotated[
        bool, typer.Option("--parquet", help="Also write Parquet with the images inside.")
    ] = False,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Make a dataset: boxes from masks, facets, splits by scene, a card with licences.

    Tiles that overlap or touch on the ground, tiles of one image (by their names) and equal
    files are one scene, and no scene is in two splits. Records that cannot be used are listed
    in OUT/left_out.jsonl; the exit code is then 3 and the rest is written.

    Example: segearth data export questions/questions.jsonl -o dataset --licence CC-BY-4.0
    """
    from segearth.building.export.options import ExportOptions
    from segearth.building.export.stage import run

    try:
        settings = ExportOptions(
            split=split,
            val=val,
            test=test,
            seed=seed,
            scene_pattern=scene_pattern,
            undecided=undecided,
            licence=licence,
            title=title,
            parquet=parquet,
        )
    except RecipeError as error:
        raise UsageError(error.problem, where=f"--{error.where}", hint=error.hint) from error
    summary = run(manifest, out, settings, decisions=decisions, overwrite=overwrite)
    reasons = Counter(item.reason for item in summary.left_out)
    faults = len(summary.faults())
    if as_json:
        output.print_json(
            {
                "folder": str(out),
                "splits": summary.splits,
                "left_out": len(summary.left_out),
                "stale_decisions": summary.stale,
                "failures": faults,
                "reasons": dict(reasons.most_common(_SHOWN)),
            }
        )
    else:
        columns = ("scenes", "images", "questions", "masks")
        rows = [
            (name, *(figures[column] for column in columns))
            for name, figures in summary.splits.items()
        ]
        output.print_table(("split", *columns), rows, title=str(out))
        output.say(summary.how_split)
        if summary.stale:
            output.warn(f"{summary.stale} decisions are on records that are gone or have changed")
        for reason, count in reasons.most_common(_SHOWN):
            output.say(f"left out {count} times: {reason}")
    if faults:
        raise typer.Exit(DataError.exit_code)
