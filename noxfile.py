"""`nox` runs what CI runs; `nox -l` lists every task; words after `--` reach the tool."""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"  # pip honours the torch build a machine offers
nox.options.reuse_venv = "yes"  # torch is large; do not install it twice
nox.options.sessions = ["lint", "types", "tests"]


@nox.session
def lint(session: nox.Session) -> None:
    """Check format and style; `nox -s lint -- --fix` repairs."""
    session.install("ruff")
    fix = "--fix" in session.posargs
    session.run("ruff", "format", *([] if fix else ["--check"]), ".")
    session.run("ruff", "check", *(["--fix"] if fix else []), ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    session.install("-e", ".[dev]")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests that take no more than a few seconds each: no GPU, no downloads."""
    session.install("-e", ".[test]")
    session.run("pytest", "-m", "not slow", *session.posargs)


@nox.session(default=False)
def slow(session: nox.Session) -> None:
    """Run the other tests."""
    session.install("-e", ".[test]")
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session(default=False)
def readme(session: nox.Session) -> None:
    """Refresh the tree and the help in README.md; the tests fail while they are stale."""
    session.install("-e", ".[test]")
    session.run("python", "tests/test_readme.py", "--write")


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Make the source archive and the wheel in dist/."""
    session.install("build")
    session.run("python", "-m", "build", *session.posargs)
