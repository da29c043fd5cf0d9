"""`rendezvous rollout`, `promote`, `abort`, `undo`, `ramp`, `pause`, `resume`, and other single changes."""

from collections.abc import Callable
from typing import Annotated

import typer
from rendezvous_contracts.durations import parse_duration
from rendezvous_control.state import State
from scoring.v1.control_pb2 import PauseRoute, ResumeRoute, ScaleDeployment, Undeploy

from rendezvous_cli import changes
from rendezvous_cli.changes import Expected
from rendezvous_cli.options import (
    DEFAULT_BOOTSTRAP,
    DEFAULT_TIMEOUT,
    Author,
    Bootstrap,
    OutputForm,
    Reason,
    Timeout,
    Wait,
    broker,
    read_author,
    read_seconds,
)
from rendezvous_cli.publishing import REFUSED, Submitted, submitting, wait_for_services
from rendezvous_cli.status import Watch, show_rollout
from rendezvous_cli.terminal import FAILED, Output, errors_explained, show_rows

_COLUMNS = ("name", "result", "detail")

Route = Annotated[str, typer.Argument(metavar="ROUTE", show_default=False)]
Model = Annotated[str, typer.Argument(metavar="NAME@VERSION", show_default=False)]
Deployment = Annotated[str, typer.Argument(metavar="DEPLOYMENT", show_default=False)]
# What is asked for, given the state.
Wanted = Callable[[State], Expected]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    for command in (rollout, promote, abort, undo, ramp, pause, resume, approve, remove, scale, undeploy):
        app.command()(command)


def rollout(
    route: Route,
    to: Annotated[str, typer.Option(metavar="NAME@VERSION", help="The model to roll out.")],
    steps: Annotated[
        str, typer.Option(metavar="PERCENT,...", help="Its share at each step, after a step as a shadow.")
    ] = "1%,10%,50%,100%",
    every: Annotated[str, typer.Option(metavar="DURATION", help="How long a step lasts.")] = "5m",
    gate: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC<BOUND", help="What has to hold for a step to pass: p99_ms<20."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell whether it could begin.")] = False,
    watch: Watch = False,
    author: Author = "",
    reason: Reason = "",
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """
    Have a model take over the first tier of a route, step by step, each of which has to pass its gates.

    It begins as a shadow. A step that fails goes back to what the route was before; one that cannot be told
    pauses. The operator takes the steps, so this terminal may be closed. With --watch the exit code is the
    one of status.
    """
    run = _Run(author, reason, wait, timeout, bootstrap_servers, output, dry_run=dry_run, shown=not watch)
    run(
        route,
        lambda state: changes.rollout(
            state, changes.read_plan(route, to, steps, parse_duration(every), gate or [])
        ),
    )
    if watch and not dry_run:
        with errors_explained():
            show_rollout(broker(bootstrap_servers), route, output, stay_s=None)


def abort(
    route: Route,
    author: Author = "",
    reason: Reason = "",
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """End a roll-out: the route is again what it was before it."""
    run = _Run(author, reason, wait, timeout, bootstrap_servers, output)
    run(route, lambda state: changes.abort(state, route))


def undo(
    route: Route,
    to_revision: Annotated[
        int, typer.Option(min=0, show_default="the one before", help="The revision to go back to.")
    ] = 0,
    author: Author = "",
    reason: Reason = "",
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """Go back to an old revision of a route: a new one that equals it. Works on a paused route too."""
    run = _Run(author, reason, wait, timeout, bootstrap_servers, output)
    run(route, lambda state: changes.undo(state, route, to_revision))


def promote(
    route: Route,
    to: Annotated[
        str, typer.Option(metavar="NAME@VERSION", show_default="the last of the ramp", help="Which model.")
    ] = "",
    author: Author = "",
    reason: Reason = "",
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """Give all requests of a route's first tier to one model; of a roll-out: pass its step by hand."""
    run = _Run(author, reason, wait, timeout, bootstrap_servers, output)
    run(route, lambda state: changes.promote(state, route, to))


def ramp(
    route: Route,
    shares: Annotated[list[str], typer.Argument(metavar="NAME@VERSION=PERCENT...", show_default=False)],
    tier: Annotated[int, typer.Option(min=1, help="Which tier of the schedule.")] = 1,
    author: Author = "",
    reason: Reason = "",
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """
    Divide a tier of a route among models, sticky by the key of each request.

    Name the new model last and let its share grow: no key goes back and forth.
    """
    run = _Run(author, reason, wait, timeout, bootstrap_servers, output)
    run(route, lambda state: changes.ramp(state, route, shares, tier))


def pause(
    route: Route,
    author: Author = "",
    reason: Reason = "",
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """Hold a route at its revision: until it is resumed, only undo can change it."""
    run = _Run(author, reason, wait, timeout, bootstrap_servers, output)
    run(route, lambda _: (PauseRoute(name=route), None))


def resume(
    route: Route,
    author: Author = "",
    reason: Reason = "",
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """Let a paused route be changed again."""
    run = _Run(author, reason, wait, timeout, bootstrap_servers, output)
    run(route, lambda _: (ResumeRoute(name=route), None))


def approve(
    model: Model,
    author: Author = "",
    reason: Reason = "",
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """Approve a model that somebody else wrote, for routes whose champions need it."""
    _Run(author, reason, wait, timeout, bootstrap_servers, output)(model, lambda _: changes.approve(model))


def remove(
    model: Model,
    author: Author = "",
    reason: Reason = "",
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """Remove a model that no route and no deployment uses."""
    _Run(author, reason, wait, timeout, bootstrap_servers, output)(model, lambda _: changes.remove(model))


def scale(
    deployment: Deployment,
    replicas: Annotated[int, typer.Argument(min=0, metavar="REPLICAS", show_default=False)],
    author: Author = "",
    reason: Reason = "",
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """Have another number of replicas of a deployment run."""
    run = _Run(author, reason, wait, timeout, bootstrap_servers, output)
    run(deployment, lambda _: (ScaleDeployment(name=deployment, replicas=replicas), None))


def undeploy(
    deployment: Deployment,
    author: Author = "",
    reason: Reason = "",
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """Have nothing of a deployment run any more."""
    run = _Run(author, reason, wait, timeout, bootstrap_servers, output)
    run(deployment, lambda _: (Undeploy(name=deployment), None))


class _Run:
    """
    One command with the options that all of them have.

    Exit codes: 0 it is so now, 1 refused, 2 usage, 3 published, but not acknowledged in time.
    """

    def __init__(
        self,
        author: str,
        reason: str,
        wait: bool,
        timeout: str,
        bootstrap_servers: str,
        output: Output,
        *,
        dry_run: bool = False,
        shown: bool = True,
    ) -> None:
        self._dry_run = dry_run
        self._shown = shown
        self._author = author
        self._reason = reason
        self._wait = wait
        self._timeout = timeout
        self._bootstrap_servers = bootstrap_servers
        self._output = output

    def __call__(self, name: str, wanted: Wanted) -> None:
        """Ask for what is *wanted* of *name*, and tell what became of it."""
        with errors_explained():
            seconds = read_seconds(self._timeout)
            kafka = broker(self._bootstrap_servers)
            with submitting(kafka, read_author(self._author), self._reason) as submitter:
                change, expected = wanted(submitter.state)
                tried = submitter.attempt if self._dry_run else submitter.submit
                submitted = tried(change, expected)
            if self._shown or submitted.result == REFUSED:
                self._show(name, submitted)
            if self._wait and submitted.offset is not None:
                wait_for_services(kafka, submitted.offset, seconds)
            if submitted.result == REFUSED:
                raise typer.Exit(FAILED)

    def _show(self, name: str, submitted: Submitted) -> None:
        row = {
            "name": name,
            "result": submitted.result,
            "detail": submitted.detail,
            "offset": submitted.offset,
        }
        show_rows([row], _COLUMNS, self._output, empty="")
