"""`segearth train`: a recipe in, a model folder out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from segearth.cli import options, output


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
            "--check", help="Only tell what is wrong with the recipe, and which files are missing."
        ),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Train a model as RECIPE says.

    RUN receives the merged recipe.yaml, log.jsonl (one line a logged step), TensorBoard
    files, and the model folders last/ and best/, both good for --model. A run that was
    stopped, even by kill -9, goes on with --resume from its latest checkpoint, step by step
    as if it had not been stopped.

    Example: segearth train recipes/nano.yaml --out runs/nano --set train.steps=60
    """
    from segearth.config.load import load_recipe, to_tree
    from segearth.training.check import missing_files, require_files

    loaded = load_recipe(recipe, changes or ())
    if check:
        missing = missing_files(loaded)
        output.say(f"{recipe} is fine")
        for line in missing:
            output.warn(f"not here yet: {line}")
        if as_json:
            output.print_json({"recipe": to_tree(loaded), "missing": missing})
        return

    require_files(loaded)
    output.say("loading PyTorch and the model …")
    from segearth.training.loop import Run

    run = Run(loaded, out or Path("runs") / recipe.stem, resume=resume)
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


def _or_none(best: float) -> float | None:
    return None if best < 0 else best
