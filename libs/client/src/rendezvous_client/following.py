"""Following a topic as it is written: answers and decisions as an iterator."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from confluent_kafka import Message
from google.protobuf.message import DecodeError
from rendezvous_contracts.topics import ANSWERS, DECISIONS
from scoring.v1.answer_pb2 import Answer
from scoring.v1.decision_pb2 import Decision

from rendezvous_client.kafka import Kafka
from rendezvous_client.reading import TopicReader

T = TypeVar("T")
_SLICE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Followed(Generic[T]):
    """One record. *message* is None where it cannot be decoded, and *problem* says why."""

    partition: int
    offset: int
    message: T | None
    problem: str = ""


def follow_answers(
    kafka: Kafka, *, from_beginning: bool = False, idle_s: float | None = None
) -> Iterator[Followed[Answer]]:
    """Return answers as follow does."""
    return follow(kafka, ANSWERS, Answer.FromString, from_beginning=from_beginning, idle_s=idle_s)


def follow_decisions(
    kafka: Kafka, *, from_beginning: bool = False, idle_s: float | None = None
) -> Iterator[Followed[Decision]]:
    """Return decisions as follow does."""
    return follow(kafka, DECISIONS, Decision.FromString, from_beginning=from_beginning, idle_s=idle_s)


def follow(
    kafka: Kafka,
    topic: str,
    parse: Callable[[bytes], T],
    *,
    from_beginning: bool = False,
    idle_s: float | None = None,
) -> Iterator[Followed[T]]:
    """
    Return the records of *topic* as they are written: from this call on, or *from_beginning*.

    It ends after *idle_s* seconds without a record; None: never. Close the iterator to let go of the broker.
    """
    return _iterate(TopicReader(kafka, topic, at_end=not from_beginning), parse, idle_s)


def _iterate(reader: TopicReader, parse: Callable[[bytes], T], idle_s: float | None) -> Iterator[Followed[T]]:
    with reader:
        heard = time.monotonic()
        while idle_s is None or time.monotonic() - heard < idle_s:
            messages = reader.read(_SLICE_S if idle_s is None else min(idle_s, _SLICE_S))
            for message in messages:
                yield _followed(message, parse)
            if messages:
                heard = time.monotonic()


def _followed(message: Message, parse: Callable[[bytes], T]) -> Followed[T]:
    try:
        return Followed(message.partition(), message.offset(), parse(message.value() or b""))
    except DecodeError as error:
        return Followed(message.partition(), message.offset(), None, str(error))
