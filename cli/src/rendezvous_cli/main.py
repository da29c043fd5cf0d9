"""The command line: every command in one application."""

from importlib.metadata import version
from typing import Annotated

import typer

from rendezvous_cli import (
    apply,
    bridge,
    changing,
    describe,
    diff,
    get,
    history,
    model_check,
    schema,
    send,
    stack,
    status,
    topics,
)

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
for module in (
    apply,
    diff,
    changing,
    status,
    get,
    describe,
    history,
    schema,
    model_check,
    send,
    bridge,
    stack,
    topics,
):
    module.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rendezvous {version('rendezvous-cli')}")
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Serve models on a stream: several score every request, one answers before its deadline."""
    del show_version
