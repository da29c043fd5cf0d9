"""Looking up what became of one request."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from confluent_kafka import Message
from google.protobuf.message import DecodeError
from rendezvous_contracts.topics import ANSWERS, DECISIONS, INPUTS
from scoring.v1.answer_pb2 import Answer
from scoring.v1.decision_pb2 import Decision
from scoring.v1.input_pb2 import InputHead

from rendezvous_client.kafka import Kafka
from rendezvous_client.reading import TopicReader

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found:
    """
    What the log has of a request.

    *closed*: whether its decision is written; until then *decision* is what its answer says. *key*: what it
    goes by in a ramp, if its input is there still.
    """

    decision: Decision
    closed: bool
    key: str | None


def find_decision(kafka: Kafka, request_id: str, since_ms: int) -> Found | None:
    """Return what was decided on *request_id* from *since_ms* (since the epoch) on, or None."""
    decision = _find(kafka, DECISIONS, request_id, since_ms, Decision.FromString)
    answer = None
    if decision is None:
        answer = _find(kafka, ANSWERS, request_id, since_ms, Answer.FromString)
        if answer is None:
            return None
    head = _find(kafka, INPUTS, request_id, since_ms, InputHead.FromString)
    key = None if head is None else head.key or request_id
    if decision is not None:
        return Found(decision, closed=True, key=key)
    return Found(Decision(answer=answer, arrivals=answer.arrivals if answer else ()), closed=False, key=key)


def _find(kafka: Kafka, topic: str, request_id: str, since_ms: int, parse: Callable[[bytes], T]) -> T | None:
    """Return the first record of *request_id* in *topic* that can be read: it is the effective one."""
    with TopicReader(kafka, topic, since_ms=since_ms) as reader:
        for record in _of(reader, request_id.encode()):
            try:
                return parse(record.value() or b"")
            except DecodeError:
                continue
    return None


def _of(reader: TopicReader, key: bytes) -> Iterator[Message]:
    return (record for record in reader.catch_up() if record.key() == key)
