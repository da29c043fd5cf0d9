"""Rows of one kind: shown once, or again as they change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rendezvous_cli.errors import CliError
from rendezvous_cli.terminal import Output, Row, note, show_line, show_rows

# What tells one row from another, as far as a row has it.
_IDENTITY: Final = ("model", "route", "deployment", "instance")


@dataclass(frozen=True, slots=True)
class Listing:
    """
    What is listed: rows of the kind that *key* names, only those of *name*, if it is not empty.

    *columns*: what a table shows of them.
    """

    key: str
    name: str
    columns: tuple[str, ...]
    output: Output

    def show(self, rows: Sequence[Row]) -> None:
        """Write *rows*; raises CliError if the one that is asked for is not among them."""
        wanted = self._wanted(rows)
        if self.name and not wanted:
            known = ", ".join(dict.fromkeys(str(row[self.key]) for row in rows)) or "none at all"
            raise CliError(f"there is no {self.key} {self.name}; there are: {known}")
        show_rows(wanted, self.columns, self.output, empty="there are none")

    def show_changes(self, before: Sequence[Row], now: Sequence[Row]) -> None:
        """Write the rows of *now* that are new or other than *before*, a line each, and name who is gone."""
        changed, gone = changes(self._wanted(before), self._wanted(now))
        for row in changed:
            show_line(row, self.columns, self.output)
        for row in gone:
            note(f"{self.key} {row[self.key]} is gone")

    def _wanted(self, rows: Sequence[Row]) -> Sequence[Row]:
        return [row for row in rows if row[self.key] == self.name] if self.name else rows


def changes(before: Sequence[Row], now: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Return the rows of *now* that are new or other than *before*, and those of *before* that are gone."""
    old = {_identity(row): row for row in before}
    new = {_identity(row): row for row in now}
    changed = [row for identity, row in new.items() if old.get(identity) != row]
    return changed, [row for identity, row in old.items() if identity not in new]


def _identity(row: Row) -> tuple[object, ...]:
    # A revision stays what it is; of a route only the newest is listed, unless its revisions are.
    number = row["revision"] if "current" in row else None
    return (*(row.get(name) for name in _IDENTITY), number)
