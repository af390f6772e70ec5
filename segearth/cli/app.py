"""The `segearth` command, its five commands, and the boundary where errors become messages."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from segearth import __version__
from segearth.cli import data, evaluate, output, predict, profile, train
from segearth.errors import SegEarthError

INTERRUPTED = 130  # 128 + SIGINT, what shells expect

# The mark \b keeps the lines of a paragraph as they are.
EXIT_CODES = """\b
Exit codes:
  0    done; also when nothing was found
  1    a bug: the traceback is worth an issue
  2    usage, recipe or option wrong
  3    input data unusable, or part of a batch failed (the rest is written)
  4    model folder unusable
  5    georeference unusable
  6    nothing found, with --fail-on-empty
  130  interrupted
"""


class _ErrorBoundary(TyperGroup):
    """Turn the user's errors and Ctrl-C into a line and an exit code; bugs keep a traceback."""

    def invoke(self, ctx: Any) -> Any:  # Typer keeps its Context class private
        try:
            return super().invoke(ctx)
        except SegEarthError as error:
            output.show_error(error)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as interrupt:
            output.say("interrupted")
            raise typer.Exit(INTERRUPTED) from interrupt


def _print_version(wanted: bool) -> None:
    if wanted:
        output.print_text(f"segearth {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=_ErrorBoundary,
    no_args_is_help=True,
    add_completion=False,
    # Plain text: help and usage errors are then the same in a terminal, a log and the README.
    rich_markup_mode=None,
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,  # locals here are tensors and whole batches
    epilog=EXIT_CODES,
)


@app.callback()
def segearth(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Find what a sentence describes in a remote sensing image (SegEarth-R2)."""


app.command("predict")(predict.predict)
app.command("eval")(evaluate.evaluate)
app.command("train")(train.train)
app.command("profile")(profile.profile)
app.add_typer(data.app, name="data")
