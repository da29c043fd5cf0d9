"""`rendezvous diff`: what policy files would change."""

import sys
from collections.abc import Sequence
from dataclasses import asdict

import typer
from rendezvous_client.log import EVERYTHING, read_state_at

from rendezvous_cli.apply import read_source
from rendezvous_cli.applying import in_order, read_wanted
from rendezvous_cli.differences import Difference, find_differences
from rendezvous_cli.errors import CliError
from rendezvous_cli.options import (
    DEFAULT_BOOTSTRAP,
    Author,
    Bootstrap,
    Files,
    OutputForm,
    broker,
    control_keys,
    read_author,
)
from rendezvous_cli.publishing import REFUSED, UNCHANGED
from rendezvous_cli.terminal import FAILED, USAGE, Output, busy, errors_explained, note, show_data


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.command()(diff)


def diff(
    filename: Files,
    author: Author = "",
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """
    Show what apply would change, and change nothing.

    Exit codes: 0 nothing would change, 1 something would, or would be refused, 2 it could not be told.
    """
    with errors_explained(failed=USAGE):
        wanted = in_order(each for source in filename for each in read_wanted(read_source(source), source))
        if not wanted:
            raise CliError(f"{', '.join(filename)}: there is no document in it")
        kafka, keys = broker(bootstrap_servers), control_keys()
        with busy("reading the control log"):
            state = read_state_at(kafka, EVERYTHING, keys)
        found = find_differences(state, wanted, read_author(author))
        _show(found, output)
        if any(each.result != UNCHANGED for each in found):
            raise typer.Exit(FAILED)


def _show(found: Sequence[Difference], output: Output) -> None:
    if output is not Output.TABLE:
        show_data([asdict(each) for each in found], output)
        return
    for each in found:
        sys.stdout.write(each.diff)
        if each.result == REFUSED:
            note(f"{each.place}: {each.kind} {each.name} would be refused: {each.detail}", style="yellow")
    if all(each.result == UNCHANGED for each in found):
        note("nothing would change")
