"""`rendezvous watch`: routes, models, roll-outs and services as they are, again and again."""

import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Annotated, Final, Self

import typer
from google.protobuf.message import DecodeError
from rendezvous_client.control import ControlReader
from rendezvous_client.errors import ClientError
from rendezvous_client.kafka import Kafka
from rendezvous_client.reading import TopicReader
from rendezvous_client.status import StatusReader
from rendezvous_contracts.topics import DECISIONS
from rendezvous_control.envelope import Verifier
from rich.console import Console
from rich.live import Live
from scoring.v1.decision_pb2 import Decision

from rendezvous_cli.changes import known_route
from rendezvous_cli.options import DEFAULT_BOOTSTRAP, Bootstrap, broker, control_keys, read_seconds
from rendezvous_cli.terminal import busy, errors_explained
from rendezvous_cli.watch_figures import Decisions, sample
from rendezvous_cli.watch_render import render
from rendezvous_cli.watch_screen import Screen, make_screen

# A frame takes in so many new decisions at most, evenly out of all; so many are looked at of before it began.
_EACH_TIME: Final = 1_000
_BEFORE: Final = 500
_KEYS_S: Final = 0.1
_PIPED_WIDTH: Final = 160


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.command()(watch)


def watch(
    route: Annotated[str, typer.Argument(metavar="[ROUTE]", show_default=False, help="Only this one.")] = "",
    once: Annotated[bool, typer.Option("--once", help="Show it once and end.")] = False,
    every: Annotated[str, typer.Option(metavar="DURATION", help="How often to look.")] = "1s",
    window: Annotated[str, typer.Option(metavar="DURATION", help="Of how long the figures are.")] = "60s",
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
) -> None:
    """
    Watch routes, their tiers and models, roll-outs and services; q or Ctrl-C ends it.

    Where the output is no terminal it is shown once.
    """
    with errors_explained(), ExitStack() as stack:
        pause_s = read_seconds(every)
        read_seconds(window)
        with busy("reading the control log and the last decisions"):
            watcher = stack.enter_context(Watcher(broker(bootstrap_servers), control_keys(), route, window))
            screen = watcher.look()
        if once or not (sys.stdout.isatty() and sys.stdin.isatty()):
            width = None if sys.stdout.isatty() else _PIPED_WIDTH
            Console(width=width).print(render(screen))
            return
        _watch(watcher, screen, pause_s)


def _watch(watcher: "Watcher", screen: Screen, pause_s: float) -> None:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _keys(), Live(render(screen), screen=True, auto_refresh=False) as live:
            while not _quit(pause_s):
                live.update(render(watcher.look()), refresh=True)
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _keys() -> Iterator[None]:
    """Have keys come one by one and unseen while it is entered."""
    stdin = sys.stdin.fileno()
    before = termios.tcgetattr(stdin)
    try:
        tty.setcbreak(stdin)
        yield
    finally:
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)


def _quit(pause_s: float) -> bool:
    """Wait for *pause_s* seconds; return whether q was pressed, or nobody can press it any more."""
    deadline = time.monotonic() + pause_s
    while (left := deadline - time.monotonic()) > 0:
        if select.select([sys.stdin], [], [], min(left, _KEYS_S))[0]:
            return sys.stdin.read(1) in ("q", "Q", "")
    return False


class Watcher:
    """Reads what there is to see of the broker, bit by bit; close it."""

    def __init__(self, kafka: Kafka, keys: Verifier | None, route: str, window: str) -> None:
        self._route = route
        self._window = window
        self._decisions = Decisions(round(read_seconds(window) * 1e6))
        self._held = ExitStack()
        try:
            self._control = self._held.enter_context(ControlReader(kafka, keys))
            self._status = self._held.enter_context(StatusReader(kafka))
            self._reader = self._held.enter_context(TopicReader(kafka, DECISIONS, at_end=True, back=_BEFORE))
        except BaseException:
            self._held.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def look(self) -> Screen:
        """Return how it is now; raises CliError if there is no such route."""
        trouble = ""
        try:
            self._read()
        except ClientError as error:  # what was read before is shown on
            if not self._control.state.next_offset:
                raise
            trouble = str(error)
        state = self._control.state
        if self._route:
            known_route(state, self._route)
        now_s = time.time()
        canaries = {name: entry.current.route.canary for name, entry in state.routes.items()}
        return make_screen(
            state,
            self._status.heard,
            self._decisions.figures(round(now_s * 1e6), canaries),
            now_s=now_s,
            at=datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds"),
            window=self._window,
            only=self._route,
            trouble=trouble,
        )

    def _read(self) -> None:
        self._control.catch_up()
        self._status.catch_up()
        values = [record.value() or b"" for record in self._reader.catch_up()]
        for value in sample(values, _EACH_TIME):
            try:
                self._decisions.add(Decision.FromString(value))
            except DecodeError:
                continue
