"""`rendezvous explain`: how the answer to one request came about."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer
from rendezvous_client.control import read_state
from rendezvous_client.finding import find_decision
from rendezvous_contracts.explanation import Explanation, explain
from rendezvous_contracts.explanation_tiers import format_after

from rendezvous_cli.changes import known_route
from rendezvous_cli.errors import CliError
from rendezvous_cli.options import (
    DEFAULT_BOOTSTRAP,
    Bootstrap,
    OutputForm,
    broker,
    control_keys,
    read_seconds,
)
from rendezvous_cli.terminal import Output, busy, errors_explained, note, show_data, show_lines


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.command("explain")(explain_request)


def explain_request(
    route: Annotated[str, typer.Argument(metavar="ROUTE", show_default=False)],
    request_id: Annotated[str, typer.Argument(metavar="REQUEST_ID", show_default=False)],
    since: Annotated[str, typer.Option(metavar="DURATION", help="How far back to look for it.")] = "60m",
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """Tell how the answer to a request came about: what came when, which rule fired, and why no other did."""
    with errors_explained():
        kafka = broker(bootstrap_servers)
        since_ms = round((time.time() - read_seconds(since)) * 1000)
        with busy("looking for the request"):
            state = read_state(kafka, control_keys())
            known_route(state, route)
            found = find_decision(kafka, request_id, since_ms)
        if found is None:
            raise CliError(
                f"nothing was answered to request {request_id} in the last {since}: "
                "look further back with --since 24h"
            )
        answer = found.decision.answer
        if answer.route != route:
            raise CliError(f"request {request_id} was on route {answer.route}, not {route}")
        revision = state.revision(route, answer.revision)
        told = explain(found.decision, revision.route if revision else None, found.key)
        if not found.closed:
            note("its mailbox is still open: what came after the answer is not known yet", style="yellow")
        if output is not Output.TABLE:
            # An enumeration is a text to JSON, and nothing that YAML knows.
            show_data(json.loads(json.dumps(asdict(told))) | {"closed": found.closed}, output)
            return
        show_lines(lines(told))


def lines(told: Explanation) -> Iterator[str]:
    """Yield *told* as text, line by line."""
    yield f"Request {told.request_id} on route {told.route}, revision {told.revision}"
    yield told.summary
    yield ""
    yield "What came when:"
    width = max((len(format_after(moment.after_us)) for moment in told.course), default=0)
    for moment in told.course:
        yield f"  {format_after(moment.after_us):>{width}}  {moment.text}"
    if told.tiers:
        yield ""
        yield "The rules:"
    for tier in told.tiers:
        yield f"  {'>' if tier.fired else ' '} {tier.tier}. {tier.rule}"
        yield f"       {'fired' if tier.fired else 'did not fire'}: {tier.why}"
    if told.models:
        yield ""
        yield "The models:"
    for model in told.models:
        yield f"  {'>' if model.chosen else ' '} {model.model}: {model.why}"
