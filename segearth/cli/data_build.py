"""`segearth data build`: a recipe in, a dataset out, and nothing done twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from segearth.cli import options, output
from segearth.errors import DataError


def build(
    recipe: Annotated[
        Path,
        typer.Argument(
            metavar="RECIPE", help="YAML: start, masks, filter, questions, review, export."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="OUT", help="Folder to write. [builds/<recipe>]"),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key; may be repeated."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only tell what is wrong with the recipe.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Run all stages from images, or from masks, to a dataset as RECIPE says.

    A stage runs only if its settings, its input or its result changed since it last ran, so
    that a run that was cut off goes on and a second run does nothing. Reviewers' decisions and
    corrections are taken from OUT/review/decisions.jsonl; review.rule says whether they are
    waited for: none, all, or a sample. The dataset is in OUT/dataset; what failed is listed in
    OUT/questions/failures.jsonl and OUT/dataset/left_out.jsonl, with exit code 3.

    Example: segearth data build recipes/build_images.yaml -o builds/mine --set start=photos
    --set export.licence=CC-BY-4.0
    """
    from segearth.building.chain.build import build as run
    from segearth.building.chain.build import failures_of
    from segearth.building.chain.recipe import load_build_recipe
    from segearth.config.load import to_tree

    loaded = load_build_recipe(recipe, changes or ())
    if check:
        output.say(f"{recipe} is fine")
        if as_json:
            output.print_json({"recipe": to_tree(loaded)})
        return
    folder = out or Path("builds") / recipe.stem
    reports = run(loaded, folder, track=_track)
    failures = failures_of(reports)
    nothing = all(report.state in ("up to date", "passed") for report in reports)
    if as_json:
        output.print_json(
            {
                "folder": str(folder),
                "stages": [vars(report) for report in reports],
                "failures": failures,
                "nothing_to_do": nothing,
            }
        )
    else:
        rows = [
            (report.stage, report.state, report.failures, report.seconds, _words(report.figures))
            for report in reports
        ]
        columns = ("stage", "state", "failures", "seconds", "figures")
        output.print_table(columns, rows, title=str(folder))
    if nothing:
        output.say("nothing to do: every stage has run on the same")
    for report in reports:
        if report.hint:
            output.say(f"{report.stage} is {report.state}: {report.hint}")
    if failures:
        raise typer.Exit(DataError.exit_code)


def _words(figures: Mapping[str, object]) -> str:
    """Write figures on a line; splits by their questions alone."""
    return ", ".join(
        _words({f"{part} questions": row["questions"] for part, row in value.items()})
        if name == "splits" and isinstance(value, dict)
        else f"{name} {_words(value) if isinstance(value, dict) else value}"
        for name, value in figures.items()
        if value not in ({}, None)
    )


def _track(items: Iterable[object], word: str, total: int) -> Iterable[object]:
    return output.progress(items, word, total=total or None)
