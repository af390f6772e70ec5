"""`segearth data build`: a recipe in, a dataset out, and nothing done twice."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from segearth.cli import options, output
from segearth.errors import DataError


def build(
    recipe: Annotated[
        Path, typer.Argument(metavar="RECIPE", help="YAML: start, questions, review, export.")
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
    """Run all stages from masks to a dataset as RECIPE says.

    A stage runs only if its settings, its input or its result changed since it last ran, so
    that a run that was cut off goes on and a second run does nothing. Decisions of reviewers
    are taken from OUT/review/decisions.jsonl as soon as they are there. The dataset is in
    OUT/dataset; what failed is listed in OUT/questions/failures.jsonl and
    OUT/dataset/left_out.jsonl, with exit code 3.

    Example: segearth data build my-data.yaml -o builds/mine
    """
    from segearth.building.chain import build as run
    from segearth.building.chain import failures_of
    from segearth.building.chain_recipe import load_build_recipe
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
    if as_json:
        stages = [vars(report) for report in reports]
        output.print_json({"folder": str(folder), "stages": stages, "failures": failures})
    else:
        rows = [(report.stage, report.state, report.failures) for report in reports]
        output.print_table(("stage", "state", "failures"), rows, title=str(folder))
    if failures:
        raise typer.Exit(DataError.exit_code)


def _track(items: Iterable[object], word: str, total: int) -> Iterable[object]:
    return output.progress(items, word, total=total)
