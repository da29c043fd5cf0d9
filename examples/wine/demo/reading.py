"""Reads the evidence: every topic from its beginning, and the archive."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from google.protobuf.message import DecodeError
from rendezvous_client.kafka import Kafka
from rendezvous_client.reading import TopicReader
from rendezvous_contracts.topics import ANSWERS, DEAD_LETTERS, DECISIONS, INPUTS, REQUESTS, SCORES
from rendezvous_decoy.errors import ArchiveError
from rendezvous_decoy.reading import PartitionReport, read, verify
from scoring.v1.answer_pb2 import Answer
from scoring.v1.decision_pb2 import Decision
from scoring.v1.input_pb2 import Input
from scoring.v1.request_pb2 import Request
from scoring.v1.score_pb2 import Score

from examples.wine.demo.evidence import Archived, Evidence, Logged, Reply

T = TypeVar("T")

_ARCHIVED: Final = (INPUTS, DECISIONS)


@dataclass(frozen=True)
class _Read:
    """What a topic holds on one route; *others* are records that are no messages of the topic."""

    kafka: Kafka
    route: str
    others: list[str]

    def __call__(self, topic: str, parse: Callable[[bytes], T], route: Callable[[T], str]) -> list[Logged[T]]:
        found = []
        with TopicReader(self.kafka, topic) as reader:
            for record in reader.catch_up():
                raw = record.value() or b""
                try:
                    message = parse(raw)
                except DecodeError as error:
                    self.others.append(f"{topic}: {error}")
                    continue
                if route(message) == self.route:
                    stamp_us = record.timestamp()[1] * 1000
                    found.append(Logged(record.partition(), record.offset(), stamp_us, raw, message))
        return found


def read_evidence(
    kafka: Kafka, archive: Path, route: str, sent: Mapping[str, str], replies: Mapping[str, Reply]
) -> Evidence:
    """Return all that the log and the *archive* hold about *route*, beside what was sent and replied."""
    others: list[str] = []
    topic = _Read(kafka, route, others)
    requests = topic(REQUESTS, Request.FromString, lambda m: m.route)
    inputs = topic(INPUTS, Input.FromString, lambda m: m.route)
    scores = topic(SCORES, Score.FromString, lambda m: m.route)
    answers = topic(ANSWERS, Answer.FromString, lambda m: m.route)
    decisions = topic(DECISIONS, Decision.FromString, lambda m: m.answer.route)
    with TopicReader(kafka, DEAD_LETTERS) as reader:
        dead_letters = sum(1 for _ in reader.catch_up())
    return Evidence(
        sent=sent,
        replies=replies,
        requests=requests,
        inputs=inputs,
        scores=scores,
        answers=answers,
        decisions=decisions,
        dead_letters=dead_letters,
        undecodable=len(others),
        archived=read_archived(archive, route),
    )


def archived_ids(archive: Path, topic: str, route: str) -> list[str]:
    """Return the request id of each row of *route* in *topic*; none before the first is archived."""
    try:
        ids: list[str] = read(archive, topic, route)["id"].to_pylist()
    except ArchiveError:
        return []
    return ids


def read_archived(archive: Path, route: str) -> Archived:
    """Return what *archive* has of *route*, and what is wrong with it."""
    inputs, decisions = (archived_ids(archive, topic, route) for topic in _ARCHIVED)
    try:
        reports = verify(archive)
    except ArchiveError as error:
        return Archived(inputs, decisions, [str(error)])
    defects = [_defect(*place, report) for place, report in reports.items() if not report.exact]
    return Archived(inputs, decisions, defects)


def _defect(topic: str, partition: int, report: PartitionReport) -> str:
    gaps = ", ".join(f"{low}-{high}" for low, high in report.gaps) or "none"
    return f"{topic}, partition {partition}: missing offsets {gaps}; {report.duplicates} rows twice"
