"""`segearth train`: a recipe in, a model folder out; or several, to compare."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segearth.cli import options, output
from segearth.cli.train_queries import check_queries, show_queries, train_queries
from segearth.errors import UsageError

if TYPE_CHECKING:
    from segearth.config.recipe import Recipe

SEEDS = 3


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe, such as recipes/nano.yaml.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="RUN", help="Folder of the run. [runs/<recipe>]"),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key; may be repeated."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on exactly where RUN stopped.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Only tell what is wrong with the recipe, what it would load and what is missing.",
        ),
    ] = False,
    queries: Annotated[
        str | None,
        typer.Option(
            "--queries",
            metavar="K,K,…",
            help="Train and evaluate a model for each number of queries a target, and compare.",
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds", min=1, metavar="N", help="With --queries: seeds a K. [3]", show_default=False
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="FILE",
            help="With --queries: draw Figure 5's right panel: .png, .svg or .pdf.",
        ),
    ] = None,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Take hub models from the cache (HF_HOME) or not at all."),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Train a model as RECIPE says.

    RUN receives the merged recipe.yaml, log.jsonl (one line a logged step), TensorBoard
    files, and the model folders last/ and best/, both good for --model. A run that was
    stopped, even by kill -9, goes on with --resume from its latest checkpoint, step by step
    as if it had not been stopped.

    With --queries, RUN receives such a folder for each K and seed, each evaluated on
    data.validation with all candidates of a target (Sec. 5.4 of the paper), results.json and
    results.md. --resume does not repeat what is done.

    Example: segearth train recipes/nano.yaml --out runs/nano --set train.steps=60
    """
    from segearth.config.load import load_recipe
    from segearth.training.check import require_files

    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when huggingface_hub is imported
    loaded = load_recipe(recipe, changes or ())
    if queries is None and (seeds is not None or plot is not None):
        raise UsageError(
            "there is one run and nothing to compare",
            where="--seeds" if seeds is not None else "--plot",
            hint="name numbers of queries, such as --queries 100,25,10,3,1",
        )
    if check:
        if queries is not None:
            check_queries(loaded, queries, seeds or SEEDS, plot)
        _check(recipe, loaded, as_json)
        return

    require_files(loaded)
    output.say("loading PyTorch and the model …")
    place = out or Path("runs") / recipe.stem
    if queries is not None:
        result = train_queries(
            loaded, recipe.stem, place, queries, seeds or SEEDS, resume=resume, plot=plot
        )
        if as_json:
            output.print_json(result)
        else:
            show_queries(result)
        return
    from segearth.training.folder import changed_keys
    from segearth.training.loop import Run

    changed = changed_keys(place, loaded) if resume else []
    if changed:
        output.warn(
            f"going on with another recipe, so not as if it had never stopped: {', '.join(changed)}"
        )
    run = Run(
        loaded,
        place,
        resume=resume,
        tell=lambda taken: output.say(str(taken)),
    )
    with output.bar("steps", total=loaded.train.steps, done=run.step) as advance:

        def on_step(step: int, figures: dict[str, Any]) -> None:
            advance(step, f"loss {figures['loss']:.3f}")

        run.train(on_step)
    summary = {"run": str(run.folder), "steps": run.step, "best": _or_none(run.best)}
    summary |= {f"validation_{name}": value for name, value in run.validation.latest.items()}
    if as_json:
        output.print_json(summary)
    else:
        output.print_table(("figure", "value"), list(summary.items()))


def _check(path: Path, recipe: Recipe, as_json: bool) -> None:
    """Say what the recipe would load and what is missing."""
    from segearth.config.load import to_tree
    from segearth.training.check import missing_files

    missing = missing_files(recipe)
    weights = []
    if not recipe.train.init_from:  # otherwise all weights come from there
        from segearth.model.starting import starts

        weights = starts(recipe.model)
    missing += [
        line for w in weights if not w.here and (line := f"{w.key}: {w.source}") not in missing
    ]
    output.say(f"{path} is fine")
    for start in weights:
        output.say(start.note if start.coverage else f"{start.part}: {start.source}, {start.note}")
    for line in missing:
        output.warn(f"not here yet: {line}")
    if as_json:
        parts = [
            {
                "part": start.part,
                "key": start.key,
                "source": start.source,
                "here": start.here,
                "taken": start.coverage.taken if start.coverage else None,
                "wanted": start.coverage.wanted if start.coverage else None,
                "note": start.note,
            }
            for start in weights
        ]
        output.print_json({"recipe": to_tree(recipe), "missing": missing, "weights": parts})


def _or_none(best: float) -> float | None:
    return None if best < 0 else best
