"""What every command shares: data on stdout, notes on stderr, and errors as one line and an exit code."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

import typer
import yaml
from rendezvous_client.errors import ClientError, TimedOutError
from rendezvous_contracts.errors import ContractError

from rendezvous_cli.errors import CliError, UsageError

FAILED: Final = 1
USAGE: Final = 2
TIMED_OUT: Final = 3

Row = Mapping[str, object]

# Rich takes a millisecond for each row that it folds.
_MOST_FOLDED: Final = 500
# Written in C, where PyYAML was built with it: several times as fast.
_YAML_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Output(StrEnum):
    """In what form data is written."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def note(text: str, style: str = "dim") -> None:
    """Write *text* to stderr, for people."""
    from rendezvous_cli.drawing import draw_note  # noqa: PLC0415 Rich takes long to load, and most need none

    draw_note(_visible(text), style)


@contextmanager
def busy(text: str) -> Iterator[None]:
    """Show a spinner on stderr that says *text*, to a person who waits there, while this is entered."""
    if not sys.stderr.isatty():
        yield
        return
    from rendezvous_cli.drawing import spinner  # noqa: PLC0415 as above

    with spinner(text):
        yield


@contextmanager
def errors_explained(*, failed: int = FAILED) -> Iterator[None]:
    """
    End the command with one line on stderr, and the exit code of its kind, if something foreseen fails.

    *failed*: the code where it is neither usage nor time.
    """
    try:
        yield
    except TimedOutError as error:
        _fail(error, TIMED_OUT)
    except UsageError as error:
        _fail(error, USAGE)
    except (CliError, ClientError, ContractError) as error:
        _fail(error, failed)
    except KeyboardInterrupt:
        note("interrupted")
        raise typer.Exit(130) from None


def _fail(error: Exception, code: int) -> None:
    # One line, whatever a server put into its message.
    note(f"error: {' '.join(str(error).split())}", style="red")
    raise typer.Exit(code) from None


def show_rows(rows: Sequence[Row], columns: Sequence[str], output: Output, *, empty: str) -> None:
    """Write *rows*: a table of *columns*, or all of them as JSON or YAML. *empty*: the note if none is."""
    if output is not Output.TABLE:
        show_data(rows, output)
    elif rows:
        _print_table(rows, columns)
    else:
        note(empty)


def show_line(row: Row, columns: Sequence[str], output: Output) -> None:
    """Write *row* by itself, at once: a line of *columns* or of JSON, or a document of YAML."""
    match output:
        case Output.TABLE:
            sys.stdout.write("  ".join(_cell(row.get(column)) or "-" for column in columns) + "\n")
        case Output.JSON:
            sys.stdout.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
        case Output.YAML:
            sys.stdout.write("---\n")
            show_data(row, output)
    sys.stdout.flush()


def show_record(record: Row, output: Output) -> None:
    """Write *record*: a line for each member, or all of it as JSON or YAML."""
    if output is not Output.TABLE:
        show_data(record, output)
        return
    from rendezvous_cli.drawing import draw_record  # noqa: PLC0415 as above

    draw_record({key: _cell(value) for key, value in record.items()})


def show_lines(lines: Iterable[str]) -> None:
    """Write text, line by line, without what could move the cursor."""
    sys.stdout.writelines(_visible(line) + "\n" for line in lines)


def show_data(data: object, output: Output) -> None:
    """Write *data* as JSON or YAML."""
    if output is Output.JSON:
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        yaml.dump(data, sys.stdout, Dumper=_YAML_DUMPER, sort_keys=False, allow_unicode=True)


def _print_table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    if not sys.stdout.isatty() or len(rows) > _MOST_FOLDED:
        _print_lines(rows, columns)
        return
    from rendezvous_cli.drawing import draw_table  # noqa: PLC0415 as above

    draw_table(columns, ([_cell(row.get(column)) for column in columns] for row in rows))


def _print_lines(rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Write a line for each row, as wide as it is: thousands are there at once."""
    padded = [_padded([column, *_cells(rows, column)]) for column in columns]
    sys.stdout.write("".join(["  ".join(line).rstrip() + "\n" for line in zip(*padded, strict=True)]))


def _cells(rows: Sequence[Row], column: str) -> list[str]:
    """Return the cells of *column*, as _cell has each: in one go, for thousands the difference is seen."""
    values = [row.get(column) for row in rows]
    texts = [value if type(value) is str else _cell(value) for value in values]
    return texts if "".join(texts).isprintable() else [_visible(text) for text in texts]


def _padded(cells: list[str]) -> list[str]:
    """Return *cells* as wide as the widest of them."""
    if "".join(cells).isascii():  # as wide as it is long: as above
        width = max(map(len, cells))
        return [cell.ljust(width) for cell in cells]
    from rich.cells import cell_len  # noqa: PLC0415 as above

    widths = [cell_len(cell) for cell in cells]
    widest = max(widths)
    return [cell + " " * (widest - width) for cell, width in zip(cells, widths, strict=True)]


def _cell(value: object) -> str:
    if isinstance(value, str):
        return _visible(value)
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_cell(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(map(_cell, value))
    return str(value)


def _visible(text: str) -> str:
    """Return *text* without control characters, which could move the cursor."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "?" for character in text)
