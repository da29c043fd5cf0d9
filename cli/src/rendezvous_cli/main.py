"""The command line: every command in one application."""

import typer

from rendezvous_cli import stack

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
stack.register(app)
