"""`rendezvous topics`: the topics, laid out in a broker as the services expect them."""

from typing import Annotated

import typer
from rendezvous_contracts.topics import TOPICS
from rendezvous_local.errors import LocalError
from rendezvous_local.topics import create_topics

from rendezvous_cli.errors import CliError
from rendezvous_cli.options import DEFAULT_BOOTSTRAP, Bootstrap, OutputForm, broker
from rendezvous_cli.terminal import Output, busy, errors_explained, show_rows

_COLUMNS = ("topic", "partitions", "result")

Partitions = Annotated[
    int, typer.Option(min=1, help="Partitions of each per-request topic; they cannot change under data.")
]
Replicas = Annotated[int, typer.Option(min=1, help="On how many brokers each partition is kept.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.command()(topics)


def topics(
    partitions: Partitions = 4,
    replication_factor: Replicas = 1,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """
    Create the topics that do not exist yet, and wait until each partition has a leader.

    Exit codes: 0 all are there, 1 one is there with another number of partitions or the broker did not do it.
    """
    with errors_explained():
        kafka = broker(bootstrap_servers)
        try:
            with busy("creating the topics"):
                created = create_topics(
                    bootstrap_servers,
                    partitions,
                    replication_factor=replication_factor,
                    options=kafka.options,
                )
        except LocalError as error:
            raise CliError(str(error)) from error
        rows = [
            {
                "topic": spec.name,
                "partitions": partitions if spec.per_request else 1,
                "result": "created" if spec.name in created else "unchanged",
            }
            for spec in TOPICS
        ]
        show_rows(rows, _COLUMNS, output, empty="")
