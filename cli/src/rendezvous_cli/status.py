"""`rendezvous status`: how far the roll-out of a route is, with an exit code for scripts."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Annotated, Final

import typer
from rendezvous_client.control import ControlReader
from rendezvous_client.kafka import Kafka
from rendezvous_client.status import Heard, StatusReader
from rendezvous_control.state import Outcome, RouteEntry

from rendezvous_cli.changes import known_route
from rendezvous_cli.options import (
    DEFAULT_BOOTSTRAP,
    Bootstrap,
    OutputForm,
    broker,
    control_keys,
    read_seconds,
)
from rendezvous_cli.rollouts import ROLLOUT_COLUMNS, rollout_row
from rendezvous_cli.terminal import FAILED, Output, errors_explained, note, show_rows

UNDER_WAY: Final = 4
PAUSED: Final = 5
_LOOK_S: Final = 0.5
# While nothing is decided, the figures are told so often.
_FIGURES_S: Final = 10.0

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Stay until the roll-out has ended.")]
WatchTimeout = Annotated[
    str, typer.Option(metavar="DURATION", show_default="none", help="Stay no longer than this.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.command()(status)


def status(
    route: Annotated[str, typer.Argument(metavar="ROUTE", show_default=False)],
    watch: Watch = False,
    timeout: WatchTimeout = "",
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """
    Show how far the roll-out of a route is, and what its step has shown so far.

    Exit codes: 0 done, or there was none; 1 it failed or was aborted; 4 it is under way; 5 it is paused.
    """
    with errors_explained():
        seconds = read_seconds(timeout) if timeout else None
        show_rollout(broker(bootstrap_servers), route, output, stay_s=seconds if watch else 0.0)


def show_rollout(kafka: Kafka, route: str, output: Output, *, stay_s: float | None) -> None:
    """
    Show the roll-out of *route* when it has ended, or after *stay_s* seconds, and exit as status does.

    None: however long it takes; 0: at once.
    """
    with ExitStack() as stack:
        control = stack.enter_context(ControlReader(kafka, control_keys()))
        services = stack.enter_context(StatusReader(kafka))
        entry = known_route(control.catch_up(), route)
        entry = _follow(control, services, entry, stay_s)
        show_rows([rollout_row(entry, services.catch_up())], ROLLOUT_COLUMNS, output, empty="")
    code = exit_code(entry)
    if code:
        raise typer.Exit(code)


def exit_code(entry: RouteEntry) -> int:
    """Return what a script is to learn of the roll-out of a route."""
    if entry.rollout is None or entry.rollout.outcome is Outcome.DONE:
        return 0
    if entry.rolling is None:
        return FAILED
    return PAUSED if entry.paused else UNDER_WAY


def _follow(
    control: ControlReader, services: StatusReader, entry: RouteEntry, stay_s: float | None
) -> RouteEntry:
    """Return the route once its roll-out has ended, or its time is up; tell meanwhile how it goes."""
    now = time.monotonic()
    until = None if stay_s is None else now + stay_s
    told_at, told = now, None
    while entry.rolling and (until is None or time.monotonic() < until):
        if told is not entry or time.monotonic() - told_at > _FIGURES_S:
            _tell(entry, services.catch_up())
            told_at, told = time.monotonic(), entry
        time.sleep(_LOOK_S)
        new = control.catch_up().routes[entry.name]
        entry = entry if new == entry else new
    return entry


def _tell(entry: RouteEntry, heard: Mapping[str, Heard]) -> None:
    row = rollout_row(entry, heard)
    shown = ("step", "share", "paused", "now")
    note(", ".join(f"{key} {row[key]}" for key in shown if row[key] != ""))
