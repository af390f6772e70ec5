"""`python -m segearth`: the same as the `segearth` command."""

from __future__ import annotations

from segearth.cli.app import app

if __name__ == "__main__":
    app(prog_name="segearth")
