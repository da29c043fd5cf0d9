"""`rendezvous bridge`: models that other systems publish, as they are."""

from collections.abc import Iterable
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from confluent_kafka import Message
from rendezvous_client.reading import TopicReader

from rendezvous_cli.bridging import Bridge
from rendezvous_cli.options import DEFAULT_BOOTSTRAP, Bootstrap, Reason, broker
from rendezvous_cli.publishing import submitting
from rendezvous_cli.terminal import errors_explained, note

_WAIT_S: Final = 1.0


class DialectName(StrEnum):
    """What the type numbers of a ModelDescriptor mean."""

    SAVED = "tensorflow-saved-pmml"
    PLAIN = "tensorflow-pmml"


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.command()(bridge)


def bridge(
    topic: Annotated[str, typer.Option(help="Where the other system publishes its models.")] = "models",
    timeouts: Annotated[
        str, typer.Option(metavar="TOPIC", help="Where it publishes how long to wait; none unless named.")
    ] = "",
    dialect: Annotated[
        DialectName, typer.Option(help="What the numbers of its model types mean, in their order.")
    ] = DialectName.SAVED,
    promote: Annotated[
        bool, typer.Option("--promote", help="A model takes over the route named as its data type.")
    ] = False,
    root: Annotated[
        Path | None, typer.Option(help="The folder in which artifacts lie that are not in the records.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End when all that is there is taken over.")] = False,
    author: Annotated[
        str, typer.Option(envvar="RENDEZVOUS_AUTHOR", help="In whose name.")
    ] = "rendezvous bridge",
    reason: Reason = "",
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
) -> None:
    """
    Take over the models that systems in the manner of FLIP-23 or flink-jpmml publish.

    It begins where the topics begin: what was taken over before has no second effect. What cannot be taken
    over is told, and the next record is looked at.
    """
    with errors_explained(), ExitStack() as stack:
        kafka = broker(bootstrap_servers)
        submitter = stack.enter_context(submitting(kafka, author, reason))
        works = Bridge(submitter, dialect.value, promote, root, note)
        models = stack.enter_context(TopicReader(kafka, topic))
        others = stack.enter_context(TopicReader(kafka, timeouts)) if timeouts else None
        _take(works, models.catch_up(), others.catch_up() if others else ())
        while not once:
            _take(works, models.read(_WAIT_S), others.read(0) if others else ())


def _take(works: Bridge, models: Iterable[Message], timeouts: Iterable[Message]) -> None:
    for record in models:
        works.submitter.reader.catch_up()
        works.model(record)
    for record in timeouts:
        works.submitter.reader.catch_up()
        works.timeout(record)
