"""`rendezvous status`: how far the roll-out of a route is, with an exit code for scripts."""

import time
from typing import Annotated, Final

import typer
from rendezvous_client.control import ControlReader
from rendezvous_control.state import Outcome, RouteEntry

from rendezvous_cli.changes import known_route
from rendezvous_cli.options import DEFAULT_BOOTSTRAP, Bootstrap, OutputForm, broker, control_keys
from rendezvous_cli.rollouts import ROLLOUT_COLUMNS, rollout_row
from rendezvous_cli.terminal import FAILED, Output, errors_explained, note, show_rows

UNDER_WAY: Final = 4
_LOOK_S: Final = 0.5


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.command()(status)


def status(
    route: Annotated[str, typer.Argument(metavar="ROUTE", show_default=False)],
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Stay until the roll-out has ended.")] = False,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """
    Show how far the roll-out of a route is.

    Exit codes: 0 done, or there was none; 1 it failed or was aborted; 4 it is under way.
    """
    with errors_explained():
        with ControlReader(broker(bootstrap_servers), control_keys()) as reader:
            reader.catch_up()
            entry = known_route(reader.state, route)
            while watch and entry.rolling:
                _note(entry)
                entry = _changed(reader, entry)
        show_rows([rollout_row(entry)], ROLLOUT_COLUMNS, output, empty="")
        outcome = entry.rollout.outcome if entry.rollout else Outcome.DONE
        if outcome is not Outcome.DONE:
            raise typer.Exit(UNDER_WAY if outcome is Outcome.RUNNING else FAILED)


def _note(entry: RouteEntry) -> None:
    row = rollout_row(entry)
    note(", ".join(f"{key} {row[key]}" for key in ("step", "share", "paused", "detail") if row[key] != ""))


def _changed(reader: ControlReader, entry: RouteEntry) -> RouteEntry:
    """Return the route once it is another one than *entry*."""
    while True:
        now = reader.catch_up().routes[entry.name]
        if now != entry:
            return now
        time.sleep(_LOOK_S)
