"""`rendezvous doctor`: looks at all that has to be right, and says what to do where it is not."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from google.protobuf.message import DecodeError
from rendezvous_client.control import read_state
from rendezvous_client.errors import MissingTopicError
from rendezvous_client.kafka import Kafka
from rendezvous_client.reading import TopicReader
from rendezvous_client.status import Heard, read_status
from rendezvous_contracts.routes import scoring_models
from rendezvous_contracts.topics import ANSWERS, CONTROL, STATUS, TOPICS
from rendezvous_control.envelope import Verifier
from rendezvous_control.state import State
from scoring.v1.answer_pb2 import Answer
from scoring.v1.control_pb2 import Artifact

from rendezvous_cli.doctor_findings import Level, Seen, diagnose
from rendezvous_cli.options import DEFAULT_BOOTSTRAP, Bootstrap, OutputForm, broker, control_keys
from rendezvous_cli.terminal import FAILED, Output, busy, errors_explained, show_rows

_COLUMNS: Final = ("check", "level", "what", "todo")
_ANSWERS_BACK: Final = 20


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.command()(doctor)


def doctor(bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP, output: OutputForm = Output.TABLE) -> None:
    """
    Look at the broker, topics, services, clocks, models and artifacts, and say what to do where it is needed.

    Exit codes: 0 nothing is bad, 1 something is.
    """
    with errors_explained():
        with busy("looking at the system"):
            findings = diagnose(look(broker(bootstrap_servers), control_keys()))
        rows = [asdict(finding) | {"level": str(finding.level)} for finding in findings]
        show_rows(rows, _COLUMNS, output, empty="")
        if any(finding.level is Level.BAD for finding in findings):
            raise typer.Exit(FAILED)


def look(kafka: Kafka, keys: Verifier | None) -> Seen:
    """Return what there is to see of the system on *kafka*; raises ClientError if no broker answers."""
    admin = AdminClient(kafka.admin_config())
    partitions = _partitions(kafka, admin)
    state = read_state(kafka, keys) if CONTROL in partitions else State()
    heard: Mapping[str, Heard] = read_status(kafka) if STATUS in partitions else {}
    return Seen(
        now_s=time.time(),
        partitions=partitions,
        configs=_configs(kafka, admin, partitions),
        state=state,
        heard=heard,
        lags_s=list(_lags(kafka)),
        unreachable=dict(_unreachable(state)),
    )


def _partitions(kafka: Kafka, admin: AdminClient) -> dict[str, int]:
    try:
        topics = admin.list_topics(timeout=kafka.timeout_s).topics
    except KafkaException as error:
        raise kafka.explain(error, CONTROL) from error
    return {name: len(topic.partitions) for name, topic in topics.items()}


def _configs(kafka: Kafka, admin: AdminClient, partitions: Mapping[str, int]) -> dict[str, dict[str, str]]:
    """Return what is set for our topics; nothing for one that may not be looked at."""
    asked = [ConfigResource(ResourceType.TOPIC, spec.name) for spec in TOPICS if spec.name in partitions]
    found: dict[str, dict[str, str]] = {}
    for resource, answer in admin.describe_configs(asked, request_timeout=kafka.timeout_s).items():
        try:
            entries = answer.result()
        except KafkaException:
            continue
        found[resource.name] = {key: str(entry.value) for key, entry in entries.items()}
    return found


def _lags(kafka: Kafka) -> Iterator[float]:
    """Yield the broker's stamps of the last answers less those of who gave them, in seconds."""
    try:
        reader = TopicReader(kafka, ANSWERS, at_end=True, back=_ANSWERS_BACK)
    except MissingTopicError:
        return
    with reader:
        for record in reader.catch_up():
            try:
                answered_us = Answer.FromString(record.value() or b"").answered_at_us
            except DecodeError:
                continue
            if answered_us:
                yield record.timestamp()[1] / 1e3 - answered_us / 1e6


def _unreachable(state: State) -> Iterator[tuple[str, str]]:
    """Yield the models that routes use now and whose artifacts cannot be had from here, with why."""
    used = {model for entry in state.routes.values() for model in scoring_models(entry.current.route)}
    for name in sorted(used):
        entry = state.models.get(name)
        why = _why_unreachable(entry.model.artifact) if entry else None
        if why is not None:
            yield name, why


def _why_unreachable(artifact: Artifact) -> str | None:
    """Return why there is nothing at the artifact's location; None: there is, or it takes keys to look."""
    parts = urlsplit(artifact.location)
    if artifact.WhichOneof("source") != "location":
        return None
    if parts.scheme in {"", "file"}:
        path = Path(unquote(parts.path))
        return None if path.exists() else f"there is no {path} on this machine"
    if parts.scheme in {"http", "https"}:
        import httpx  # noqa: PLC0415 few artifacts are looked for over HTTP

        try:
            status = httpx.head(artifact.location, timeout=5, follow_redirects=True).status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{artifact.location} does not answer: {error}"
        return f"{artifact.location} answers {status}" if status in {404, 410} else None
    return None
