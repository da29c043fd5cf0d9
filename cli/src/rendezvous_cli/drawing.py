"""What Rich draws for people: notes, spinners and tables, of text without control characters."""

import sys
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.status import Status
from rich.table import Table


def draw_note(text: str, style: str) -> None:
    """Write *text* to stderr as it is."""
    Console(stderr=True).print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def spinner(text: str) -> Status:
    """Return a spinner on stderr that says *text* while it is entered."""
    return Console(stderr=True).status(text)


def draw_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table to stdout; what is too wide for it is folded."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(_escaped, row))
    _stdout().print(table)


def draw_record(record: Mapping[str, str]) -> None:
    """Write a line to stdout for each member of *record*."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for key, text in record.items():
        table.add_row(f"[bold]{key}", _escaped(text))
    _stdout().print(table)


def _stdout() -> Console:
    # What is piped on must not be cut at the width of a terminal that is not there.
    return Console() if sys.stdout.isatty() else Console(width=10_000)


def _escaped(text: str) -> str:
    """Return *text* as Rich prints it literally."""
    return text.replace("[", r"\[")
