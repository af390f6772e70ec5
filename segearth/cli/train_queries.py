"""`segearth train --queries`: a run for each number of queries a target, compared (Figure 5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segearth.cli import output
from segearth.cli.origin import made_by
from segearth.errors import UsageError

if TYPE_CHECKING:
    from segearth.config.recipe import Recipe
    from segearth.evaluation.query_study import QueryRun

RESULTS, TABLE = "results.json", "results.md"


def check_queries(recipe: Recipe, queries: str, seeds: int, plot: Path | None) -> None:
    """Say what would be run.

    Raises:
        SegEarthError: Nothing could be.
    """
    from segearth.profiling.figure5 import check_plot
    from segearth.profiling.report import parse_queries
    from segearth.training.query_grid import plan_grid, require_room

    ks = parse_queries(queries)
    cells = plan_grid(recipe, ks, seeds)
    require_room(recipe, ks)
    if plot is not None:
        check_plot(plot)
    names = ", ".join(cell.name for cell in cells)
    output.say(f"{len(cells)} runs of {recipe.train.steps} steps: {names}")


def train_queries(
    recipe: Recipe,
    name: str,
    out: Path,
    queries: str,
    seeds: int,
    *,
    resume: bool,
    plot: Path | None,
) -> dict[str, Any]:
    """Train, evaluate and compare; what is done already is not done again.

    Args:
        recipe: Of all runs.
        name: Of the recipe, for the report.
        out: Folder of the runs, the results and the table.
        queries: Values of k, with commas.
        seeds: How many seeds a k, from the recipe's own on.
        resume: Go on in a folder that holds runs.
        plot: Where the picture goes, if one is wanted.

    Returns:
        What `results.json` holds.

    Raises:
        SegEarthError: Something cannot be read, written or run.
    """
    from segearth.data.manifest import read_manifest
    from segearth.evaluation import query_study, query_table
    from segearth.files import locked_folder, sha256_of, write_text
    from segearth.profiling import figure5, figure5_accuracy
    from segearth.profiling.report import parse_queries
    from segearth.training import query_grid

    if plot is not None:
        figure5.check_plot(plot)
    ks = parse_queries(queries)
    cells = query_grid.plan_grid(recipe, ks, seeds)
    query_grid.require_room(recipe, ks)
    query_grid.require_same(cells, out, resume=resume)
    refuse_fewer(out, {cell.name for cell in cells})
    manifest = Path(recipe.data.validation)
    records = query_grid.choose_records(recipe, read_manifest(manifest), ks)
    origin = made_by()
    about = {**origin, "manifest": str(manifest)}
    runs: list[QueryRun] = []
    steps = recipe.train.steps
    with locked_folder(out), output.bar("steps", total=steps * len(cells)) as advance:
        for number, cell in enumerate(cells):

            def on_step(
                step: int,
                figures: Mapping[str, Any],
                before: int = number * steps,
                of: str = cell.name,
            ) -> None:
                advance(before + step, f"{of}, loss {figures['loss']:.3f}")

            run = query_grid.run_cell(
                cell,
                out,
                records,
                sha256_of(manifest),
                about=about,
                on_step=on_step,
                track=lambda groups: output.progress(groups, "images"),
            )
            runs.append(run)
            advance((number + 1) * steps, f"{cell.name} is done")
            result: dict[str, Any] = {
                "recipe": name,
                "protocol": query_grid.PROTOCOL,
                "metric": query_grid.METRIC,
                "records": len(records),
                "manifest_sha256": run.manifest_sha256,
                "runs_done": len(runs),
                "runs_planned": len(cells),
                "rows": query_study.compare(runs, [record.image for record in records]),
                "paper": {"dataset": "RRSIS-D", "giou": figure5_accuracy.PAPER_GIOU},
                "made_by": origin,
            }
            write_text(out / RESULTS, json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    table = query_table.markdown(result, figure5_accuracy.PAPER_SENTENCE)
    write_text(out / TABLE, table)
    if plot is not None:
        figure5_accuracy.draw_accuracy(plot, result["rows"], name)
        output.say(f"drawn: {plot}")
    return result


def refuse_fewer(out: Path, planned: set[str]) -> None:
    """Refuse to write results without runs that they have been written with.

    Raises:
        UsageError: The folder holds finished runs that are not among the planned ones.
    """
    from segearth.training.query_grid import DONE

    done = {file.parent.name for file in out.glob(f"k*-seed*/{DONE}")}
    if others := sorted(done - planned):
        raise UsageError(
            f"{out} holds runs that would not be in the results: {', '.join(others[:5])}",
            where="--queries",
            hint="name their k and seeds, too, or start in another --out",
        )


def show_queries(result: Mapping[str, Any]) -> None:
    """Print the comparison as a table."""
    from segearth.evaluation import query_table
    from segearth.profiling.figure5_accuracy import PAPER_SENTENCE

    output.print_table(
        query_table.HEADS,
        query_table.table(result["rows"]),
        title=f"{result['recipe']}: k queries a target",
        caption=f"{query_table.caption(result)} {PAPER_SENTENCE}",
    )
