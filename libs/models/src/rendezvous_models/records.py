"""
Tables of records in CSV, and how their columns become the fields of a model. Pure.

Separator and quotes are told from the text. Names are forgiven spaces, underscores and case, and whoever
reads the table is told so.
"""

import csv
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final, NamedTuple

from rendezvous_contracts.values import Plain
from scoring.v1.control_pb2 import Field, FieldType
from scoring.v1.value_pb2 import Tensor

from rendezvous_models.contract import Row

_SEPARATORS: Final = (",", ";", "\t", "|")
_QUOTES: Final = ('"', "'")
_SAMPLE_LINES: Final = 100
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,19}", re.ASCII)
# Without a way back, so that a long cell costs no more than its length.
_NUMBER: Final = re.compile(
    r"[-+]?(?:(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][-+]?[0-9]++)?|nan|inf|infinity)",
    re.ASCII | re.IGNORECASE,
)


class BadTableError(Exception):
    """A text is no table of records; str() says on which line and why."""


class Dialect(NamedTuple):
    """How a table is written."""

    separator: str
    quote: str


class Matching(NamedTuple):
    """The field of each column (None: the model has none like it), and what people should know of it."""

    fields: tuple[Field | None, ...]
    notes: tuple[str, ...]


class Cells(NamedTuple):
    """
    One row of a table as it is written: its cells by the names of their columns.

    *number* counts from 1, without the header; *line* is where it ends. *problem* says why there is no row.
    """

    number: int
    line: int
    cells: Mapping[str, str]
    problem: str = ""


@dataclass(frozen=True)
class Record:
    """
    One row of a table: *number* counts from 1, without the header.

    *problem* says why there is no row.
    """

    number: int
    row: Row
    problem: str = ""


class Table:
    """
    The table that *lines*, each with its end, hold.

    *header* are the names of its columns, *dialect* is how it is written. Raises BadTableError where that
    cannot be told.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        rest = iter(lines)
        sample = list(islice(rest, _SAMPLE_LINES))
        self.dialect = detect(sample)
        self._reader = _reader(chain(sample, rest), self.dialect)
        try:
            self.header = tuple(name.strip() for name in next(self._reader, []))
        except csv.Error as error:
            raise BadTableError(f"line 1: {error}") from error
        twice = [name for name, count in Counter(self.header).items() if count > 1]
        if twice or not all(self.header) or not self.header:
            raise BadTableError("line 1: the header names a column twice, or not at all")

    def cells(self) -> Iterator[Cells]:
        """Yield the rows as they are written; an empty cell is left out. Raises BadTableError."""
        try:
            for number, cells in enumerate(filter(None, self._reader), start=1):
                line = self._reader.line_num
                if len(cells) != len(self.header):
                    yield Cells(number, line, {}, f"{len(cells)} cells under {len(self.header)} names")
                else:
                    pairs = zip(self.header, cells, strict=True)
                    yield Cells(number, line, {name: cell for name, cell in pairs if cell})
        except csv.Error as error:
            raise BadTableError(f"line {self._reader.line_num}: {error}") from error

    def records(self, matching: Matching) -> Iterator[Record]:
        """Yield the rows, with values as the fields of *matching* ask for; an empty cell is no value."""
        pairs = zip(self.header, matching.fields, strict=True)
        fields = {name: field or Field(name=name) for name, field in pairs}
        for number, _, cells, problem in self.cells():
            row = {fields[name].name: typed(cell, fields[name]) for name, cell in cells.items()}
            yield Record(number, row, problem)


def detect(sample: Sequence[str]) -> Dialect:
    """Return the separator and the quotes of *sample*, the first lines of a table, the header among them."""
    quote = max(_QUOTES, key=lambda each: _quoted(sample, each))
    return max((Dialect(separator, quote) for separator in _SEPARATORS), key=lambda each: _fit(sample, each))


def _quoted(sample: Sequence[str], quote: str) -> int:
    """Return how often a cell begins with *quote* where a cell can begin."""
    return sum(len(re.findall(rf"(?:^|[,;\t|]) *+{quote}", line)) for line in sample)


def _fit(sample: Sequence[str], dialect: Dialect) -> tuple[int, int]:
    """Return how many rows are as wide as the header, and how wide that is; a single column says nothing."""
    widths: list[int] = []
    with suppress(csv.Error):  # the sample may end inside a quoted cell
        widths.extend(len(cells) for cells in _reader(sample, dialect) if cells)
    if not widths or widths[0] == 1:
        return 0, 0
    return widths.count(widths[0]), widths[0]


def _reader(lines: Iterable[str], dialect: Dialect) -> Any:
    return csv.reader(
        lines, delimiter=dialect.separator, quotechar=dialect.quote, skipinitialspace=True, strict=True
    )


def match_header(header: Sequence[str], fields: Sequence[Field]) -> Matching:
    """
    Return which of *fields* each column of *header* is.

    A name that is exactly a field's is that field; of the others, one that differs in spaces, underscores and
    case only, if there is but one such. Without *fields* every column is itself.
    """
    if not fields:
        return Matching((None,) * len(header), ())
    known = {field.name: field for field in fields}
    free = [name for name in known if name not in header]
    alike = _unique(_forgiven(name) for name in free)
    places = _unique(_forgiven(name) for name in header if name not in known)
    by_likeness = {_forgiven(name): known[name] for name in free if _forgiven(name) in alike & places}
    found = tuple(known.get(name) or by_likeness.get(_forgiven(name)) for name in header)
    return Matching(found, tuple(_notes(header, found, fields)))


def _forgiven(name: str) -> str:
    return re.sub(r"[\s_]+", "", name).casefold()


def _unique(names: Iterable[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count == 1}


def _notes(header: Sequence[str], found: Sequence[Field | None], fields: Sequence[Field]) -> Iterator[str]:
    for name, field in zip(header, found, strict=True):
        if field is None:
            yield f"column {name!r} is no field of the model"
        elif field.name != name:
            yield f"column {name!r} is taken for the field {field.name!r}"
    given = {field.name for field in found if field is not None}
    for field in fields:
        if field.name not in given:
            may = "which may be missing" if field.optional else "so no row will fit"
            yield f"no column is the field {field.name!r}, {may}"


def typed(cell: str, field: Field) -> Plain:
    """Return the value of *cell* in *field*; what does not read as the field's type stays text."""
    return _READERS.get(field.type, _any)(cell.strip(), cell)


def _number(trimmed: str, cell: str) -> Plain:
    return float(trimmed) if _NUMBER.fullmatch(trimmed) else cell


def _integer(trimmed: str, cell: str) -> Plain:
    return int(trimmed) if _INTEGER.fullmatch(trimmed) else _number(trimmed, cell)


def _flag(trimmed: str, cell: str) -> Plain:
    return {"true": True, "false": False}.get(trimmed.lower(), cell)


def _any(trimmed: str, cell: str) -> Plain:
    flag = _flag(trimmed, cell)
    return flag if isinstance(flag, bool) else _integer(trimmed, cell)


def _tensor(trimmed: str, cell: str) -> Plain:
    """Return the tensor that a list of lists in JSON is."""
    try:
        values = json.loads(trimmed)
        shape = _shape(values)
        flat = list(_flat(values))
    except (ValueError, TypeError, RecursionError):
        return cell
    return Tensor(shape=shape, numbers=flat) if math.prod(shape) == len(flat) else cell


def _shape(values: object) -> list[int]:
    if not isinstance(values, list):
        return []
    return [len(values), *(_shape(values[0]) if values else [])]


def _flat(values: object) -> Iterator[float]:
    if isinstance(values, list):
        for value in values:
            yield from _flat(value)
    elif isinstance(values, int | float) and not isinstance(values, bool):
        yield float(values)
    else:
        raise TypeError


_READERS: Final[Mapping[int, Callable[[str, str], Plain]]] = {
    FieldType.FIELD_TYPE_UNSPECIFIED: _any,
    FieldType.FIELD_TYPE_NUMBER: _number,
    FieldType.FIELD_TYPE_INTEGER: _integer,
    FieldType.FIELD_TYPE_FLAG: _flag,
    FieldType.FIELD_TYPE_TEXT: lambda _, cell: cell,
    FieldType.FIELD_TYPE_BLOB: lambda _, cell: cell,
    FieldType.FIELD_TYPE_TENSOR: _tensor,
}
