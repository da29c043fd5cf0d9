"""The options that commands share, and what they stand for."""

import getpass
import os
from pathlib import Path
from typing import Annotated

import typer
from rendezvous_client.control import MessageSigner
from rendezvous_client.kafka import Kafka, security_options
from rendezvous_contracts.durations import parse_duration
from rendezvous_contracts.errors import ContractError
from rendezvous_control.envelope import Verifier
from rendezvous_control.errors import ControlError

from rendezvous_cli.errors import CliError, UsageError
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
Author = Annotated[
    str,
    typer.Option(envvar="RENDEZVOUS_AUTHOR", show_default="your login", help="Who asks for the change."),
]
Reason = Annotated[str, typer.Option(help="Why, for who reads the log a year later.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until every service has applied it.")]
Timeout = Annotated[str, typer.Option(metavar="DURATION", help="How long to wait for the services.")]
Files = Annotated[
    list[str],
    typer.Option("--filename", "-f", metavar="FILE|-", help="Policy documents (YAML); - is standard input."),
]

DEFAULT_BOOTSTRAP = "127.0.0.1:9092"
DEFAULT_TIMEOUT = "30s"
# Files that name keys: whose signatures count, and with which one to sign.
CONTROL_KEYS = "RENDEZVOUS_CONTROL_KEYS"
SIGNING_KEY = "RENDEZVOUS_SIGNING_KEY"


def broker(bootstrap_servers: str) -> Kafka:
    """Return the broker at *bootstrap_servers*, with the security that the environment names."""
    return Kafka(bootstrap_servers, security_options(os.environ))


def read_seconds(text: str) -> float:
    """Return the seconds of a duration option such as 30s; raises BadDurationError."""
    return parse_duration(text) / 1_000_000


def read_author(author: str) -> str:
    """Return *author*, or without one your login; raises UsageError if that is not known."""
    try:
        return author or getpass.getuser()
    except (KeyError, OSError) as error:
        raise UsageError("your login is not known: say who you are with --author") from error


def control_keys() -> Verifier | None:
    """Return the key ring that the environment names, if it does; raises CliError if it cannot be read."""
    path = os.environ.get(CONTROL_KEYS)
    if not path:
        return None
    from rendezvous_control.signatures import KeyRing  # noqa: PLC0415 most have no key ring, and it takes long

    try:
        return KeyRing.read(_read(path, CONTROL_KEYS).decode(errors="replace"), path)
    except (ContractError, ControlError) as error:
        raise CliError(f"{CONTROL_KEYS}: {error}") from error


def signer() -> MessageSigner | None:
    """Return who signs with the key that the environment names, if it does; raises CliError."""
    path = os.environ.get(SIGNING_KEY)
    if not path:
        return None
    from rendezvous_control.signatures import Signer  # noqa: PLC0415 as above

    try:
        return Signer.read(_read(path, SIGNING_KEY), path)
    except ControlError as error:
        raise CliError(f"{SIGNING_KEY}: {error}") from error


def _read(path: str, variable: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CliError(f"{variable}: {path} cannot be read: {error.strerror}") from error
