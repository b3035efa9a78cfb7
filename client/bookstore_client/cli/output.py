"""What the commands print: tables for people, lines for programs, and how far a long transfer is."""

import json
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

LONG = 1.0  # seconds after which a transfer shows how far it is
PAGE = 200  # rows of a table, so that the first are there at once
TIME_FORMAT = "%Y-%m-%d %H:%M"

# What ends or turns a line, or tells a terminal what to do.
_unsafe = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def escape(text: str) -> str:
    """Return a text that is safe on a terminal."""
    return _unsafe.sub(lambda found: ascii(found[0])[1:-1], text)


def print_rows(rows: Iterable[Any], columns: Sequence[str], *, as_json: bool) -> None:
    """Print dataclasses: tables on a terminal, else a line each, with tabs or as JSON."""
    console = Console()
    if as_json:
        for row in rows:
            click.echo(json.dumps(_members(row), default=datetime.isoformat))
    elif console.is_terminal:
        remaining = iter(rows)
        while page := list(islice(remaining, PAGE)):
            console.print(table_of(page, columns))
    else:
        for row in rows:
            click.echo("\t".join(cells(row, columns)))


def table_of(rows: Iterable[Any], columns: Sequence[str]) -> Table:
    """Return a table with these members of dataclasses."""
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, cells(row, columns)))
    return table


def cells(row: Any, columns: Sequence[str]) -> list[str]:
    """Return members of a dataclass as people read them."""
    return [_cell(getattr(row, column)) for column in columns]


def _members(row: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if name != "etag"}


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone().strftime(TIME_FORMAT)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else escape(str(value))


@contextmanager
def progress() -> Iterator[Progress]:
    """Yield what shows how far a transfer is, on a terminal, once it has taken a while."""
    console = Console(stderr=True)
    seconds = TextColumn("{task.elapsed:.0f} s")  # which go on while the service works
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), seconds)
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    timer = threading.Timer(LONG, shown.start)
    timer.daemon = True
    timer.start()
    try:
        yield shown
    finally:
        timer.cancel()
        timer.join()
        shown.stop()
