"""`rendezvous get`: what is registered, what decides, what is to run or rolled out, and who is there."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated

import typer
from rendezvous_client.log import EVERYTHING, read_state_at
from rendezvous_client.status import Heard, read_status
from rendezvous_control.state import State

from rendezvous_cli import views
from rendezvous_cli.errors import CliError
from rendezvous_cli.moments import read_moment
from rendezvous_cli.options import DEFAULT_BOOTSTRAP, Bootstrap, OutputForm, broker, control_keys
from rendezvous_cli.rollouts import ROLLOUT_COLUMNS, rollout_rows
from rendezvous_cli.terminal import Output, busy, errors_explained, show_rows

_app = typer.Typer(
    no_args_is_help=True, help="Show models, routes, revisions, deployments, roll-outs or services."
)

Name = Annotated[str, typer.Argument(help="Only this one.", show_default=False)]
At = Annotated[
    str,
    typer.Option(
        metavar="OFFSET|TIME|DURATION", help="As of then, as the control log has it; 15m is 15 minutes ago."
    ),
]
Rows = Callable[[State, Mapping[str, Heard]], list[views.Row]]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.add_typer(_app, name="get")


@_app.command()
def models(
    model: Name = "",
    at: At = "",
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """List the registered models."""
    with errors_explained():
        whole = output is not Output.TABLE
        rows = _rows(bootstrap_servers, partial(views.model_rows, whole=whole), at)
        _show(rows, "model", model, views.MODEL_COLUMNS, output)


@_app.command()
def routes(
    route: Name = "",
    at: At = "",
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """List the routes as they are now."""
    with errors_explained():
        rows = _rows(bootstrap_servers, lambda state, _: views.route_rows(state), at)
        _show(rows, "route", route, views.ROUTE_COLUMNS, output)


@_app.command()
def revisions(
    route: Name = "",
    at: At = "",
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """List all that the routes have been, newest first, and the partitions that each revision has passed."""
    with errors_explained():
        rows = _rows(bootstrap_servers, views.revision_rows, at)
        _show(rows, "route", route, views.REVISION_COLUMNS, output)


@_app.command()
def deployments(
    deployment: Name = "",
    at: At = "",
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """List what is to run, and what does."""
    with errors_explained():
        rows = _rows(bootstrap_servers, views.deployment_rows, at)
        _show(rows, "deployment", deployment, views.DEPLOYMENT_COLUMNS, output)


@_app.command()
def rollouts(
    route: Name = "",
    at: At = "",
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """List the newest roll-out of each route, and what its step has shown so far."""
    with errors_explained():
        rows = _rows(bootstrap_servers, rollout_rows, at)
        _show(rows, "route", route, ROLLOUT_COLUMNS, output)


@_app.command()
def services(
    instance: Name = "", bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP, output: OutputForm = Output.TABLE
) -> None:
    """List the instances of the services, and how far along the control log each is."""
    with errors_explained():
        rows = _rows(bootstrap_servers, lambda state, heard: views.service_rows(state, heard, time.time()))
        _show(rows, "instance", instance, views.SERVICE_COLUMNS, output)


def _rows(bootstrap_servers: str, view: Rows, at: str = "") -> list[views.Row]:
    until = read_moment(at, "--at") if at else EVERYTHING
    kafka, keys = broker(bootstrap_servers), control_keys()
    with busy("reading the control log"):
        # What services say, they say of now.
        heard = {} if at else read_status(kafka)
        return view(read_state_at(kafka, until, keys), heard)


def _show(rows: list[views.Row], key: str, name: str, columns: tuple[str, ...], output: Output) -> None:
    if not name:
        show_rows(rows, columns, output, empty="there are none")
        return
    named = [row for row in rows if row[key] == name]
    if not named:
        known = ", ".join(dict.fromkeys(str(row[key]) for row in rows)) or "none at all"
        raise CliError(f"there is no {key} {name}; there are: {known}")
    show_rows(named, columns, output, empty="")
