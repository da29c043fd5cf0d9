"""The options that commands share, and what they stand for."""

import os
from typing import Annotated

import typer
from rendezvous_client.kafka import Kafka, security_options
from rendezvous_contracts.durations import parse_duration

from rendezvous_cli.terminal import Output

Bootstrap = Annotated[
    str,
    typer.Option(
        "--bootstrap-servers",
        "-b",
        metavar="HOST:PORT,...",
        envvar="RENDEZVOUS_BOOTSTRAP_SERVERS",
        help="Where the Kafka broker is.",
    ),
]
OutputForm = Annotated[Output, typer.Option("--output", "-o", help="In what form data is written.")]

DEFAULT_BOOTSTRAP = "127.0.0.1:9092"


def broker(bootstrap_servers: str) -> Kafka:
    """Return the broker at *bootstrap_servers*, with the security that the environment names."""
    return Kafka(bootstrap_servers, security_options(os.environ))


def read_seconds(text: str) -> float:
    """Return the seconds of a duration option such as 30s; raises BadDurationError."""
    return parse_duration(text) / 1_000_000
