"""`rendezvous history` and `rendezvous audit`: who changed what, when and why."""

from typing import Annotated

import typer
from rendezvous_client.log import read_log

from rendezvous_cli.changes import known_route
from rendezvous_cli.entries import AUDIT_COLUMNS, HISTORY_COLUMNS, Wanted, audit_rows, history_rows
from rendezvous_cli.moments import read_moment
from rendezvous_cli.options import DEFAULT_BOOTSTRAP, Bootstrap, OutputForm, broker, control_keys
from rendezvous_cli.terminal import Output, busy, errors_explained, show_rows


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.command()(history)
    app.command()(audit)


def history(
    route: Annotated[str, typer.Argument(metavar="ROUTE", show_default=False)],
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """List all that a route has been, newest first: undo goes back to any revision of it."""
    with errors_explained():
        kafka, keys = broker(bootstrap_servers), control_keys()
        with busy("reading the control log"):
            state, entries = read_log(kafka, keys)
        known_route(state, route)
        show_rows(history_rows(state, entries, route), HISTORY_COLUMNS, output, empty="")


def audit(
    author: Annotated[str, typer.Option(help="Only what this author asked for.")] = "",
    model: Annotated[
        str, typer.Option(metavar="NAME[@VERSION]", help="Only what is about this model, or names it.")
    ] = "",
    route: Annotated[str, typer.Option(help="Only what is about this route.")] = "",
    since: Annotated[
        str, typer.Option(metavar="OFFSET|TIME|DURATION", help="Only from here on; 15m is 15 minutes ago.")
    ] = "",
    search: Annotated[str, typer.Option(metavar="TEXT", help="Only what says this, in any field.")] = "",
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """List what was ever asked for, oldest first, with what was refused and why."""
    with errors_explained():
        wanted = Wanted(author, model, route, search, read_moment(since, "--since") if since else None)
        kafka, keys = broker(bootstrap_servers), control_keys()
        with busy("reading the control log"):
            _, entries = read_log(kafka, keys)
        rows = audit_rows(entries, wanted)
        show_rows(rows, AUDIT_COLUMNS, output, empty="nothing in the control log is like that")
