"""Tables for people, JSON for programs; the only place that prints.

stdout is the result, stderr is talk, so `segearth … --json | jq` works. Progress goes to
stderr and only if somebody is looking at it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from segearth.errors import SegEarthError

Item = TypeVar("Item")

_UNFOLDED = 1000  # columns; wider than any table here

# Values are file names and sentences of users: no markup, no guessing what is a number.
# (Both look up sys.stdout and sys.stderr when they print, so that tests can swap them.)
stdout = Console(highlight=False, markup=False, emoji=False)
stderr = Console(highlight=False, markup=False, emoji=False, stderr=True)


def say(text: str) -> None:
    """Tell the user something on stderr."""
    stderr.print(text, soft_wrap=True)


def warn(text: str) -> None:
    """Tell the user that the run goes on but its result may surprise."""
    stderr.print(Text.assemble(("warning: ", "bold yellow"), text), soft_wrap=True)


def show_error(error: SegEarthError) -> None:
    """Print the problem, its place and the next step on stderr."""
    stderr.print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)


def print_text(text: str) -> None:
    """Print a result for people on stdout, unwrapped."""
    stdout.print(text, soft_wrap=True)


def print_json(result: Mapping[str, object]) -> None:
    """Print one JSON object on one line of stdout, keys in the order given.

    Args:
        result: What `json` can write. NaN and infinity are refused: they are not JSON, and
            the command has to say `null` where a figure does not exist.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    # A console that is not UTF-8 (Windows) gets escapes, which mean the same to a reader.
    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    sys.stdout.write(json.dumps(result, ensure_ascii=ascii_only, allow_nan=False) + "\n")


def say_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Tell the user a table on stderr, all columns to the left."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(str, row))
    if sys.stderr.isatty():
        stderr.print(table)
    else:
        Console(width=_UNFOLDED, highlight=False, markup=False, emoji=False, file=sys.stderr).print(
            table
        )


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    caption: str | None = None,
) -> None:
    """Print a table on stdout: first column to the left, the others to the right.

    Args:
        columns: Heads, with the unit where there is one ("latency, s").
        rows: One sequence a row, as long as `columns`; `None` is shown as "-".
        title: A line above.
        caption: A line below: where the figures come from.
    """
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*("-" if cell is None else str(cell) for cell in row))
    if sys.stdout.isatty():
        stdout.print(table)
    else:  # a file or a pipe has no width to respect: fold nothing, so that `grep` finds it
        Console(width=_UNFOLDED, highlight=False, markup=False, emoji=False).print(table)


def progress(
    items: Iterable[Item], description: str, *, total: int | None = None
) -> Iterator[Item]:
    """Yield the items behind a bar on stderr, or just the items if stderr is no terminal.

    Args:
        items: What to go through.
        description: What is being done, in a word or two.
        total: How many there are, if `items` has no length.
    """
    from tqdm import tqdm

    # disable=None is tqdm's "only on a terminal"; leave=False clears the bar for the result.
    yield from tqdm(
        items, desc=description, total=total, disable=None, leave=False, file=sys.stderr
    )


@contextmanager
def bar(description: str, *, total: int, done: int = 0) -> Iterator[Callable[[int, str], None]]:
    """Show a bar on stderr that is moved by hand, if stderr is a terminal.

    Args:
        description: What is being done.
        total: Where it ends.
        done: Where it starts.

    Yields:
        A function that takes how far things are and a word about it.
    """
    from tqdm import tqdm

    with tqdm(
        total=total, initial=done, desc=description, disable=None, leave=False, file=sys.stderr
    ) as shown:

        def advance(now: int, remark: str) -> None:
            shown.set_postfix_str(remark, refresh=False)
            shown.update(now - shown.n)

        yield advance
