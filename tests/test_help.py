"""`--help` is complete and quick."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from segearth import __version__, errors
from segearth.cli.app import app

HEAVY = {"cv2", "geopandas", "pandas", "rasterio", "scipy", "timm", "torch", "transformers"}


def commands():
    """Every command as the words that call it, groups included."""

    def walk(command, words):
        yield words
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, [*words, name])

    return list(walk(get_command(app), []))


def segearth(*words):
    return CliRunner().invoke(app, list(words), prog_name="segearth")


def test_the_five_commands_are_there():
    assert {words[0] for words in commands() if words} == {
        "data",
        "eval",
        "predict",
        "profile",
        "train",
    }


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_says_what_it_does(words):
    result = segearth(*words, "--help")

    assert result.exit_code == 0
    usage, purpose = result.stdout.split("\n\n")[:2]
    assert usage.startswith(" ".join(["Usage: segearth", *words]))
    assert purpose.strip().endswith((".", ":"))


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_option_says_what_it_is_for(words):
    command = get_command(app)
    for word in words:
        command = command.commands[word]

    silent = [parameter.name for parameter in command.params if not parameter.help]

    assert silent == []


def test_help_lists_the_exit_code_of_every_error():
    kinds = [errors.SegEarthError, *errors.SegEarthError.__subclasses__()]
    text = segearth("--help").stdout

    listed = {line.split()[0] for line in text.split("Exit codes:")[1].splitlines() if line.strip()}

    assert {str(kind.exit_code) for kind in kinds} <= listed
    assert {"0", "6", "130"} <= listed


def test_version():
    assert segearth("--version").stdout == f"segearth {__version__}\n"


def test_python_dash_m_is_the_same_command_and_takes_a_blink(capsys):
    start = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-m", "segearth", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "100"},
    )
    seconds = time.perf_counter() - start

    same = CliRunner().invoke(app, ["--help"], prog_name="segearth", env={"COLUMNS": "100"})
    assert result.stdout.split() == same.stdout.split()
    assert seconds < 5  # half a second is meant; a busy machine must not fail the test
    with capsys.disabled():
        sys.stdout.write(f"[segearth --help: {seconds:.2f} s]")


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_does_not_load_the_heavy_libraries(words):
    probe = (
        "import sys\n"
        "from segearth.cli.app import app\n"
        f"app({[*words, '--help']}, standalone_mode=False)\n"
        f"print(sorted({HEAVY} & set(sys.modules)))"
    )

    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)

    assert run.stdout.splitlines()[-1] == "[]"
