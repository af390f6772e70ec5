"""The boundary: what the user sees when something goes wrong."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from segearth import errors
from segearth.cli.app import _ErrorBoundary


def outcome(error):
    """Run a command that raises `error` behind the boundary."""
    app = typer.Typer(cls=_ErrorBoundary, rich_markup_mode=None)

    @app.callback()
    def group() -> None:
        """Two levels, as the real command has."""

    @app.command()
    def fail() -> None:
        raise error

    return CliRunner().invoke(app, ["fail"])


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.SegEarthError, 1),
        (errors.UsageError, 2),
        (errors.RecipeError, 2),
        (errors.DataError, 3),
        (errors.CheckpointError, 4),
        (errors.GeoreferenceError, 5),
    ],
)
def test_an_error_of_the_user_is_a_message_and_a_code(kind, code):
    result = outcome(kind("harbour.tif is cut off", where="harbour.tif", hint="copy it again"))

    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr == (
        "error: harbour.tif is cut off\n  at: harbour.tif\n  try: copy it again\n"
    )


def test_a_message_is_shown_as_it_is_however_long_and_odd():
    problem = "[SEG] is [red]not[/red] :smile: " + "a long file name " * 20

    assert outcome(errors.DataError(problem)).stderr == f"error: {problem}\n"


def test_ctrl_c_is_one_word_and_130():
    result = outcome(KeyboardInterrupt())

    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "interrupted\n")


def test_a_bug_keeps_its_traceback():
    result = outcome(ZeroDivisionError("a bug"))

    assert result.exit_code == 1
    assert isinstance(result.exception, ZeroDivisionError)


def test_leaving_early_is_not_an_error():
    result = outcome(typer.Exit(6))

    assert (result.exit_code, result.stderr) == (6, "")
