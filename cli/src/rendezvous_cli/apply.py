"""`rendezvous apply`: models and routes from files."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import typer
from rendezvous_client.kafka import Kafka
from rendezvous_contracts.policy_yaml import MAX_CHARACTERS

from rendezvous_cli.applying import Applied, Wanted, apply_wanted, in_order, read_wanted
from rendezvous_cli.errors import CliError
from rendezvous_cli.fields import STDIN
from rendezvous_cli.options import (
    DEFAULT_BOOTSTRAP,
    DEFAULT_TIMEOUT,
    Author,
    Bootstrap,
    Files,
    OutputForm,
    Reason,
    Timeout,
    Wait,
    broker,
    read_author,
    read_seconds,
)
from rendezvous_cli.publishing import REFUSED, submitting, wait_for_services
from rendezvous_cli.terminal import FAILED, Output, errors_explained, show_rows

_COLUMNS = ("kind", "name", "result", "detail", "place")


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.command()(apply)


def apply(
    filename: Files,
    author: Author = "",
    reason: Reason = "",
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """
    Add or update the models, set the routes and deploy the deployments of policy files.

    What is so already stays untouched, so applying a file again changes nothing. Exit codes: 0 all is as the
    files say, 1 something was refused, 2 usage, 3 published, but not acknowledged in time.
    """
    with errors_explained():
        seconds = read_seconds(timeout)
        wanted = in_order(each for source in filename for each in read_wanted(read_source(source), source))
        if not wanted:
            raise CliError(f"{', '.join(filename)}: there is no document in it")
        kafka = broker(bootstrap_servers)
        results = _apply_all(kafka, wanted, read_author(author), reason)
        show_rows([asdict(result) for result in results], _COLUMNS, output, empty="")
        published = [result.offset for result in results if result.offset is not None]
        if wait and published:
            wait_for_services(kafka, max(published), seconds)
        if any(result.result == REFUSED for result in results):
            raise typer.Exit(FAILED)


def read_source(source: str) -> str:
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


def _apply_all(kafka: Kafka, wanted: Sequence[Wanted], author: str, reason: str) -> list[Applied]:
    with submitting(kafka, author, reason) as submitter:
        return [apply_wanted(submitter, each) for each in wanted]
