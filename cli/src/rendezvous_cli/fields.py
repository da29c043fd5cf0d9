"""Fields as they are typed or stored: name=value, CSV and lines of JSON, to values that travel."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TextIO

from rendezvous_models.records import BadTableError, Table

from rendezvous_cli.errors import CliError, UsageError

Values = dict[str, object]
# Name of a field to the name of its declared type.
Declared = Mapping[str, str]

STDIN: Final = "-"
_SUFFIXES: Final = (".csv", ".ndjson", ".jsonl")


def read_fields(texts: Iterable[str], declared: Declared) -> Values:
    """Return the values of *texts*, each name=value; raises UsageError for another form or a repetition."""
    values: Values = {}
    for text in texts:
        name, equals, written = text.partition("=")
        if not (name and equals):
            raise UsageError(f"--field {text!r}: write name=value")
        if name in values:
            raise UsageError(f"--field {name} is there twice")
        values[name] = read_value(written, declared.get(name, "any"))
    return values


def read_value(written: str, type_: str) -> object:
    """
    Return the value that *written* stands for in a field of the declared *type_*.

    A text stays as it is. Otherwise what JSON takes for a number, a flag, null or a text in quotes is one,
    and the rest is text: the route's own check tells what does not fit.
    """
    if type_ == "text":
        return written
    try:
        value = json.loads(written, parse_constant=_refuse)
    except ValueError:
        return written
    return written if isinstance(value, list | dict) else value


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def read_rows(file: TextIO, source: str, declared: Declared) -> Iterator[Values]:
    """Yield the rows of *file*: CSV with a header if *source* ends in .csv, otherwise lines of JSON."""
    if source.endswith(_SUFFIXES[0]):
        return _read_csv(file, source, declared)
    if source == STDIN or source.endswith(_SUFFIXES[1:]):
        return _read_lines(file, source)
    raise UsageError(
        f"{source}: name a file {', '.join(_SUFFIXES)}, or - for lines of JSON on standard input"
    )


def _read_csv(file: TextIO, source: str, declared: Declared) -> Iterator[Values]:
    try:
        for row in Table(file).cells():
            if row.problem:
                raise CliError(f"{source}: line {row.line}: {row.problem}")
            yield {name: read_value(cell, declared.get(name, "any")) for name, cell in row.cells.items()}
    except BadTableError as error:
        raise CliError(f"{source}: {error}") from error


def _read_lines(file: TextIO, source: str) -> Iterator[Values]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise CliError(f"{source}:{number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise CliError(f"{source}:{number}: expected an object of fields")
        yield row
