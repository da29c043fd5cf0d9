"""`rendezvous up` and `rendezvous down`: the whole system on this machine."""

import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rendezvous_contracts.names import parse_model_id
from rendezvous_local.errors import LocalError
from rendezvous_local.runfile import end_all
from rendezvous_local.settings import read_local_settings
from rendezvous_local.stack import GATEWAY, KAFKA, LocalStack
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from rendezvous_cli.apply import apply
from rendezvous_cli.applying import read_wanted
from rendezvous_cli.terminal import FAILED, errors_explained, note

_console = Console()

Models = Annotated[
    list[str] | None, typer.Option("--model", metavar="NAME@VERSION", help="Start a container of this model.")
]
Canary = Annotated[
    str | None, typer.Option("--canary", metavar="NAME@VERSION", help="Start the canary with this model.")
]

Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--file", "-f", metavar="FILE", exists=True, dir_okay=False, help="Apply these policy documents."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.command()(up)
    app.command()(down)


def up(models: Models = None, canary: Canary = None, files: Files = None) -> None:
    """
    Start a Kafka broker and every service on this machine, and stay until Ctrl-C or `rendezvous down`.

    Files are applied first; the containers of models then have to become ready. Settings are
    RENDEZVOUS_LOCAL_DATA_DIR, _KAFKA_PORT, _GATEWAY_PORT, _PARTITIONS, _KAFKA_HEAP, _ARTIFACT_DIR and
    _LOG_LEVEL.
    """
    _show_restarts()
    with _local_errors_explained():
        for model in [*(models or ()), *((canary,) if canary else ())]:
            parse_model_id(model)
        for file in files or ():
            read_wanted(file.read_text(encoding="utf-8", errors="replace"), str(file))
        _run(LocalStack(read_local_settings()), models or (), canary, files or ())


def down() -> None:
    """End what `rendezvous up` started on the same data directory, and leave no process behind."""
    with _local_errors_explained():
        data_dir = read_local_settings().data_dir
        with _console.status(f"ending the stack on {data_dir}"):
            ended = end_all(data_dir)
    _console.print(f"Ended the stack on {data_dir}." if ended else f"Nothing runs on {data_dir}.")


def _run(stack: LocalStack, models: Sequence[str], canary: str | None, files: Sequence[Path]) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with _console.status("starting the broker, the topics and the services"):
            stack.start()
        if files:
            apply([str(file) for file in files], bootstrap_servers=stack.bootstrap_servers)
        containers = [stack.start_model(model) for model in models]
        if canary:
            containers.append(stack.start_model(canary, canary=True))
        if files and containers:
            with _console.status("loading the models"):
                stack.wait_ready(containers)
        _console.print(_addresses(stack))
        _console.print("Everything is up. Ctrl-C, or `make down` elsewhere, ends it.")
        threading.Event().wait()
    except KeyboardInterrupt:
        _console.print("Ending everything in order; Ctrl-C once more kills it.")
    finally:
        stack.close()
    _console.print(f"Ended. The data stays in {stack.data_dir}.")


def _addresses(stack: LocalStack) -> Table:
    table = Table("what", "where", title="Rendezvous on this machine")
    table.add_row("send requests to", stack.url(GATEWAY))
    table.add_row("the gateway's page", f"{stack.url(GATEWAY)}/docs")
    table.add_row("Kafka", stack.bootstrap_servers)
    table.add_row("data", str(stack.data_dir))
    table.add_row("logs", f"{stack.log_file('<process>')}")
    table.add_section()
    for process in stack.status():
        if process.name != KAFKA:
            table.add_row(f"{process.name}: health, metrics, state", stack.web_url(process.name))
    return table


def _show_restarts() -> None:
    handler = RichHandler(console=Console(stderr=True), show_path=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])


@contextmanager
def _local_errors_explained() -> Iterator[None]:
    try:
        with errors_explained():
            yield
    except LocalError as error:  # in more than one line: it may end with those of a log
        note(f"error: {error}", style="red")
        raise typer.Exit(FAILED) from None
