"""`rendezvous apply`: models and routes from files."""

import getpass
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rendezvous_client.control import ControlPublisher, ControlReader
from rendezvous_client.kafka import Kafka
from rendezvous_client.status import wait_applied
from rendezvous_contracts.policy_yaml import MAX_CHARACTERS

from rendezvous_cli.applying import Applied, Applier, Wanted, in_order, read_wanted
from rendezvous_cli.errors import CliError, UsageError
from rendezvous_cli.fields import STDIN
from rendezvous_cli.options import DEFAULT_BOOTSTRAP, Bootstrap, OutputForm, broker, read_seconds
from rendezvous_cli.terminal import FAILED, Output, busy, errors_explained, note, show_rows

_COLUMNS = ("kind", "name", "result", "detail", "place")

Files = Annotated[
    list[str],
    typer.Option("--filename", "-f", metavar="FILE|-", help="Policy documents (YAML); - is standard input."),
]
Author = Annotated[
    str,
    typer.Option(envvar="RENDEZVOUS_AUTHOR", show_default="your login", help="Who asks for the change."),
]
Reason = Annotated[str, typer.Option(help="Why, for who reads the log a year later.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until every service has applied it.")]
Timeout = Annotated[str, typer.Option(metavar="DURATION", help="How long to wait for the services.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.command()(apply)


def apply(
    filename: Files,
    author: Author = "",
    reason: Reason = "",
    wait: Wait = True,
    timeout: Timeout = "30s",
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """
    Add or update the models and set the routes of policy files.

    What is so already stays untouched, so applying a file again changes nothing. Exit codes: 0 all is as the
    files say, 1 something was refused, 2 usage, 3 published, but not acknowledged in time.
    """
    with errors_explained():
        seconds = read_seconds(timeout)
        wanted = in_order(each for source in filename for each in read_wanted(_read(source), source))
        if not wanted:
            raise CliError(f"{', '.join(filename)}: there is no document in it")
        kafka = broker(bootstrap_servers)
        results = _apply_all(kafka, wanted, author or _login(), reason)
        show_rows([asdict(result) for result in results], _COLUMNS, output, empty="")
        published = [result.offset for result in results if result.offset is not None]
        if wait and published:
            _wait(kafka, max(published), seconds)
        if any(result.result == "refused" for result in results):
            raise typer.Exit(FAILED)


def _read(source: str) -> str:
    """Return the text of *source*; of one that is too large, as much as is needed to refuse it."""
    try:
        if source == STDIN:
            return sys.stdin.read(MAX_CHARACTERS + 1)
        with Path(source).open(encoding="utf-8") as file:
            return file.read(MAX_CHARACTERS + 1)
    except OSError as error:
        raise CliError(f"{source} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CliError(f"{source} is not a text in UTF-8: {error.reason} at byte {error.start}") from error


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise UsageError("your login is not known: say who you are with --author") from error


def _apply_all(kafka: Kafka, wanted: Sequence[Wanted], author: str, reason: str) -> list[Applied]:
    with (
        busy("reading the control log"),
        ControlReader(kafka) as reader,
        ControlPublisher(kafka) as publisher,
    ):
        reader.catch_up()
        applier = Applier(reader, publisher, author, reason)
        return [applier.apply(each) for each in wanted]


def _wait(kafka: Kafka, offset: int, timeout_s: float) -> None:
    with busy("waiting for the services"):
        acknowledged = wait_applied(kafka, offset, timeout_s)
    count = len(acknowledged.instances)
    note(f"acknowledged by {count} services" if count else "no service is up: each applies it when it starts")
    for instance, why in acknowledged.refusals.items():
        note(f"refused by {instance}: {why}", style="yellow")
