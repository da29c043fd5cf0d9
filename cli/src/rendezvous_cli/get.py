"""`rendezvous get`: what is registered, what decides, what is to run or rolled out, and who is there."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Final

import typer
from rendezvous_client.control import ControlReader
from rendezvous_client.log import read_state_at
from rendezvous_client.status import Heard, StatusReader
from rendezvous_control.state import State

from rendezvous_cli import views
from rendezvous_cli.errors import UsageError
from rendezvous_cli.listing import Listing
from rendezvous_cli.moments import read_moment
from rendezvous_cli.options import DEFAULT_BOOTSTRAP, Bootstrap, OutputForm, broker, control_keys
from rendezvous_cli.rollouts import ROLLOUT_COLUMNS, rollout_rows
from rendezvous_cli.terminal import Output, busy, errors_explained

_LOOK_S: Final = 1.0
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
Watch = Annotated[
    bool, typer.Option("--watch", "-w", help="Stay, and show each row again when it has changed.")
]
Rows = Callable[[State, Mapping[str, Heard]], list[views.Row]]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.add_typer(_app, name="get")


@_app.command()
def models(
    model: Name = "",
    at: At = "",
    watch: Watch = False,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """List the registered models."""
    with errors_explained():
        listing = Listing("model", model, views.MODEL_COLUMNS, output)
        view = partial(views.model_rows, whole=output is not Output.TABLE)
        _list(bootstrap_servers, view, listing, at, watch=watch)


@_app.command()
def routes(
    route: Name = "",
    at: At = "",
    watch: Watch = False,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """List the routes as they are now."""
    with errors_explained():
        listing = Listing("route", route, views.ROUTE_COLUMNS, output)
        _list(bootstrap_servers, lambda state, _: views.route_rows(state), listing, at, watch=watch)


@_app.command()
def revisions(
    route: Name = "",
    at: At = "",
    watch: Watch = False,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """List all that the routes have been, newest first, and the partitions that each revision has passed."""
    with errors_explained():
        listing = Listing("route", route, views.REVISION_COLUMNS, output)
        _list(bootstrap_servers, views.revision_rows, listing, at, watch=watch)


@_app.command()
def deployments(
    deployment: Name = "",
    at: At = "",
    watch: Watch = False,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """List what is to run, and what does."""
    with errors_explained():
        listing = Listing("deployment", deployment, views.DEPLOYMENT_COLUMNS, output)
        _list(bootstrap_servers, views.deployment_rows, listing, at, watch=watch)


@_app.command()
def rollouts(
    route: Name = "",
    at: At = "",
    watch: Watch = False,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """List the newest roll-out of each route, and what its step has shown so far."""
    with errors_explained():
        listing = Listing("route", route, ROLLOUT_COLUMNS, output)
        _list(bootstrap_servers, rollout_rows, listing, at, watch=watch)


@_app.command()
def services(
    instance: Name = "", bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP, output: OutputForm = Output.TABLE
) -> None:
    """List the instances of the services, and how far along the control log each is."""
    with errors_explained():
        listing = Listing("instance", instance, views.SERVICE_COLUMNS, output)
        _list(bootstrap_servers, lambda state, heard: views.service_rows(state, heard, time.time()), listing)


def _list(bootstrap_servers: str, view: Rows, listing: Listing, at: str = "", *, watch: bool = False) -> None:
    if watch and at:
        raise UsageError("--watch shows what changes from now on: leave out --at")
    kafka, keys = broker(bootstrap_servers), control_keys()
    if at:
        with busy("reading the control log"):
            # What services say, they say of now.
            rows = view(read_state_at(kafka, read_moment(at, "--at"), keys), {})
        listing.show(rows)
        return
    # The control log, which can be long, comes while the services' words are read.
    with ControlReader(kafka, keys) as control, StatusReader(kafka) as status:
        with busy("reading the control log"):
            heard = status.catch_up()
            rows = view(control.catch_up(), heard)
        listing.show(rows)
        while watch:
            time.sleep(_LOOK_S)
            before, rows = rows, view(control.catch_up(), status.catch_up())
            listing.show_changes(before, rows)
