"""`rendezvous schema`: the policy language, for editors."""

import typer
from rendezvous_contracts.policy_schema import POLICY_SCHEMA

from rendezvous_cli.terminal import Output, show_data


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.command()(schema)


def schema() -> None:
    """Print the JSON Schema of policy documents."""
    show_data(POLICY_SCHEMA, Output.JSON)
