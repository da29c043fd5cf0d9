"""`rendezvous describe`: all that is known of one model, route or deployment."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rendezvous_client.log import Entry, read_log
from rendezvous_client.status import Heard, read_status
from rendezvous_control.state import State

from rendezvous_cli import views
from rendezvous_cli.changes import known_route
from rendezvous_cli.deciding import model_use_row, tier_row
from rendezvous_cli.entries import Row, Wanted, audit_rows
from rendezvous_cli.errors import CliError
from rendezvous_cli.options import DEFAULT_BOOTSTRAP, Bootstrap, OutputForm, broker, control_keys
from rendezvous_cli.rollouts import rollout_row
from rendezvous_cli.terminal import Output, busy, errors_explained, show_data

_SHOWN = 10
_app = typer.Typer(no_args_is_help=True, help="Show all that is known of a model, a route or a deployment.")


# The control state, what the services say, and the control log.
Known = tuple[State, Mapping[str, Heard], Sequence[Entry]]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.add_typer(_app, name="describe")


@_app.command()
def model(
    name: Annotated[str, typer.Argument(metavar="NAME@VERSION", show_default=False)],
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """Show a model: what it is, who holds it and how it does, and all that was asked for it."""
    with errors_explained():
        _show(describe_model(_read(bootstrap_servers), name), output)


@_app.command()
def route(
    name: Annotated[str, typer.Argument(metavar="ROUTE", show_default=False)],
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """Show a route: how it decides, how far its revision has come, and what was asked for it lately."""
    with errors_explained():
        _show(describe_route(_read(bootstrap_servers), name), output)


@_app.command()
def deployment(
    name: Annotated[str, typer.Argument(metavar="DEPLOYMENT", show_default=False)],
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """Show a deployment: what is to run, and since when."""
    with errors_explained():
        _show(describe_deployment(_read(bootstrap_servers), name), output)


def describe_model(known: Known, name: str) -> Row:
    """Return all that is *known* of the model *name*; raises CliError if nothing is."""
    state, heard, entries = known
    record = _found(views.model_rows(state, heard), "model", name)
    record["containers"] = [
        {"instance": each.status.instance, **views.model_status_row(held)}
        for each in heard.values()
        for held in each.status.models
        if held.model == name
    ]
    record["decided"] = [
        {"instance": each.status.instance, **model_use_row(use)}
        for each in heard.values()
        for use in each.status.uses
        if use.model == name
    ]
    return record | {"asked for": audit_rows(entries, Wanted(model=name))[-_SHOWN:]}


def describe_route(known: Known, name: str) -> Row:
    """Return all that is *known* of the route *name*; raises CliError if nothing is."""
    state, heard, entries = known
    entry = known_route(state, name)
    record = _found(views.route_rows(state), "route", name)
    newest = _found(views.revision_rows(state, heard), "route", name)
    record["passed"] = newest["passed"]
    record["qualities"] = dict(sorted(entry.current.qualities.items()))
    record["rollout"] = rollout_row(entry, heard) if entry.rollout else None
    record["tiers"] = [
        {"instance": each.status.instance, **tier_row(tier)}
        for each in heard.values()
        for schedule in each.status.schedules
        if schedule.route == name
        for tier in schedule.tiers
    ]
    return record | {"asked for": audit_rows(entries, Wanted(route=name))[-_SHOWN:]}


def describe_deployment(known: Known, name: str) -> Row:
    """Return all that is *known* of the deployment *name*; raises CliError if nothing is."""
    state, heard, entries = known
    record = _found(views.deployment_rows(state, heard), "deployment", name)
    rows = audit_rows(entries, Wanted(search=name))
    return record | {"asked for": [row for row in rows if row["about"] == name][-_SHOWN:]}


def _found(rows: Sequence[Row], key: str, name: str) -> Row:
    for row in rows:
        if row[key] == name:
            return dict(row)
    known = ", ".join(str(row[key]) for row in rows) or "none at all"
    raise CliError(f"there is no {key} {name}; there are: {known}")


def _read(bootstrap_servers: str) -> Known:
    kafka, keys = broker(bootstrap_servers), control_keys()
    with busy("reading the control log"):
        state, entries = read_log(kafka, keys)
        return state, read_status(kafka), entries


def _show(record: Row, output: Output) -> None:
    # Nested as it is, it reads best as YAML.
    show_data(record, Output.JSON if output is Output.JSON else Output.YAML)
