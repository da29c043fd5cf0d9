"""`rendezvous promote-build`: another build of a service speaks from here on."""

import time
from typing import Annotated, Final

import typer
from rendezvous_client.errors import TimedOutError
from rendezvous_client.kafka import Kafka
from rendezvous_client.reading import TopicReader
from rendezvous_client.status import StatusReader
from rendezvous_contracts.names import DEFAULT_BUILD, check_build
from rendezvous_contracts.topics import REQUESTS
from scoring.v1.control_pb2 import SetBuild
from scoring.v1.status_pb2 import Status

from rendezvous_cli.builds import unready_on, waiting_on
from rendezvous_cli.errors import CliError
from rendezvous_cli.options import (
    DEFAULT_BOOTSTRAP,
    DEFAULT_TIMEOUT,
    Author,
    Bootstrap,
    OutputForm,
    Reason,
    Timeout,
    Wait,
    broker,
    read_author,
    read_seconds,
)
from rendezvous_cli.publishing import REFUSED, submitting, wait_for_services
from rendezvous_cli.terminal import FAILED, Output, busy, errors_explained, note, show_rows

_COLUMNS: Final = ("service", "build", "result", "detail")
_LOOK_S: Final = 0.2


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.command()(promote_build)


def promote_build(
    service: Annotated[str, typer.Argument(metavar="SERVICE", show_default=False)],
    build: Annotated[str, typer.Argument(metavar="BUILD", show_default=False)],
    at_once: Annotated[
        bool,
        typer.Option(
            "--at-once", help="Of the feature-extractor: do not wait for the build before, it is gone."
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also where no process of that build is ready on each partition.")
    ] = False,
    author: Author = "",
    reason: Reason = "",
    wait: Wait = True,
    timeout: Timeout = DEFAULT_TIMEOUT,
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """
    Have BUILD of SERVICE (rendezvous or feature-extractor) speak; processes of other builds fall silent.

    BUILD is what its processes were told by RENDEZVOUS_BUILD, "default" those that were told nothing. They
    have to run and follow the stream before. A partition goes over with its next request.
    Exit codes: 0 it speaks everywhere, 1 refused, 2 usage, 3 published, but not on every partition in time.
    """
    with errors_explained():
        seconds, kafka, name = read_seconds(timeout), broker(bootstrap_servers), check_build(build)
        change = SetBuild(service=service, build=name, at_once=at_once)
        with submitting(kafka, read_author(author), reason) as submitter:
            entry = submitter.state.builds.get(service)
            expected = entry.number if entry else 0
            if not force and submitter.attempt(change, expected).result != REFUSED:
                _check_ready(kafka, service, name)
            submitted = submitter.submit(change, expected)
        row = {"service": service, "build": name or DEFAULT_BUILD, "result": submitted.result}
        show_rows([{**row, "detail": submitted.detail}], _COLUMNS, output, empty="")
        if submitted.result == REFUSED:
            raise typer.Exit(FAILED)
        if wait and submitted.offset is not None:
            wait_for_services(kafka, submitted.offset, seconds)
            _wait_spoken(kafka, service, name, seconds)


def _check_ready(kafka: Kafka, service: str, build: str) -> None:
    """Raise CliError unless a ready process of *build* reads each partition."""
    with TopicReader(kafka, REQUESTS, at_end=True) as reader, StatusReader(kafka) as statuses:
        missing = unready_on(_live(statuses), service, build, reader.partitions)
    if missing:
        told = f"with RENDEZVOUS_BUILD={build}" if build else "without RENDEZVOUS_BUILD"
        raise CliError(
            f"no process of build {build or DEFAULT_BUILD} of the {service} is ready on partitions "
            f"{', '.join(map(str, missing))}: start it {told} and wait until it is, or use --force"
        )


def _wait_spoken(kafka: Kafka, service: str, build: str, timeout_s: float) -> None:
    """Return once *build* speaks on every partition and no other does; raises TimedOutError."""
    deadline = time.monotonic() + timeout_s
    with StatusReader(kafka) as statuses, busy("waiting for the next request of each partition"):
        while waiting := waiting_on(_live(statuses), service, build):
            if time.monotonic() > deadline:
                raise TimedOutError(
                    f"after {timeout_s:g} s partitions {', '.join(map(str, waiting))} have not gone over: "
                    "each does with its next request, and the processes of before have to run until then"
                )
            time.sleep(_LOOK_S)
    note(f"build {build or DEFAULT_BUILD} of the {service} speaks on every partition")


def _live(statuses: StatusReader) -> list[Status]:
    heard, now_s = statuses.catch_up(), time.time()
    return [each.status for each in heard.values() if each.is_live(now_s)]
