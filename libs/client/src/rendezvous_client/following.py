"""Following a topic as it is written: answers and decisions as an iterator."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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


class Following(Generic[T]):
    """
    The records of *topic* as they are written: from now on, or *from_beginning*; batch by batch.

    It ends after *idle_s* seconds without a record; None: never.
    """

    def __init__(
        self,
        kafka: Kafka,
        topic: str,
        parse: Callable[[bytes], T],
        *,
        from_beginning: bool = False,
        idle_s: float | None = None,
    ) -> None:
        self._reader = TopicReader(kafka, topic, at_end=not from_beginning)
        self._parse = parse
        self._idle_s = idle_s
        self._heard: float | None = None

    def batch(self) -> list[Followed[T]] | None:
        """Return what came, which may be nothing yet; None once it has ended."""
        if self._heard is None:  # who asked for it may have had other things to do before
            self._heard = time.monotonic()
        left = _SLICE_S if self._idle_s is None else self._heard + self._idle_s - time.monotonic()
        if left <= 0:
            return None
        messages = self._reader.read(min(left, _SLICE_S))
        if messages:
            self._heard = time.monotonic()
        return [self._followed(message) for message in messages]

    def close(self) -> None:
        """Let go of the broker."""
        self._reader.close()

    def _followed(self, message: Message) -> Followed[T]:
        place = (message.partition() or 0, message.offset() or 0)
        try:
            return Followed(*place, self._parse(message.value() or b""))
        except DecodeError as error:
            return Followed(*place, None, str(error))

    def iterate(self) -> Iterator[Followed[T]]:
        """Yield the records; close the iterator to let go of the broker."""
        try:
            while (batch := self.batch()) is not None:
                yield from batch
        finally:
            self.close()

    async def iterate_async(self) -> AsyncIterator[Followed[T]]:
        """Yield the records without holding the event loop up; close the iterator, as above."""
        loop = asyncio.get_running_loop()
        # One thread, so that nothing is done to the reader while it reads.
        thread = ThreadPoolExecutor(1, "rendezvous-following")
        try:
            while (batch := await loop.run_in_executor(thread, self.batch)) is not None:
                for each in batch:
                    yield each
        finally:
            thread.submit(self.close)
            thread.shutdown(wait=False)


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
    return Following(kafka, topic, parse, from_beginning=from_beginning, idle_s=idle_s).iterate()
