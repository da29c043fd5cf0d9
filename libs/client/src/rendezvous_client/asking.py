"""Asking over Kafka directly: questions into `requests`, answers out of `answers`."""

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaError, Message, Producer
from google.protobuf.message import DecodeError
from rendezvous_contracts.topics import ANSWERS, REQUESTS
from scoring.v1.answer_pb2 import Answer

from rendezvous_client.answers import Answered, from_message
from rendezvous_client.errors import BadQuestionError, ClientError, TimedOutError, TooLargeError
from rendezvous_client.kafka import MAX_RECORD_BYTES, Kafka
from rendezvous_client.questions import Question, partition_of, to_request
from rendezvous_client.reading import TopicReader

_IN_FLIGHT: Final = 1_000
_SLICE_S: Final = 0.1


class Asker:
    """
    Asks and waits for the answers; close it. For one thread.

    It follows all partitions of `answers` from its start on, so one for many questions is cheaper than one
    for each.
    """

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._reader = TopicReader(kafka, ANSWERS, at_end=True)
        self._producer = Producer(kafka.producer_config())
        self._failures: list[KafkaError] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the broker."""
        self._producer.flush(0)
        self._reader.close()

    def ask(self, question: Question, *, timeout_s: float = 10.0) -> Answered:
        """Return the answer to *question*; raises TimedOutError if none comes in *timeout_s* seconds."""
        return next(self.ask_all([question], timeout_s=timeout_s))

    def ask_all(self, questions: Iterable[Question], *, timeout_s: float = 10.0) -> Iterator[Answered]:
        """
        Yield the answer to each of *questions* as it comes; at most 1,000 are under way at a time.

        Raises TimedOutError once no answer has come for *timeout_s* seconds while some are missing.
        """
        coming = iter(questions)
        open_ids: set[str] = set()
        heard = time.monotonic()
        while True:
            for question in islice(coming, _IN_FLIGHT - len(open_ids)):
                if question.id in open_ids:
                    raise BadQuestionError(
                        f"id {question.id} is under way already: give each question its own"
                    )
                self._send(question)
                open_ids.add(question.id)
            if not open_ids:
                return
            answers = self._answers(open_ids)
            if answers:
                heard = time.monotonic()
            elif time.monotonic() - heard > timeout_s:
                raise TimedOutError(_missing(open_ids, timeout_s))
            yield from answers

    def _send(self, question: Question) -> None:
        request = to_request(question, time.time_ns() // 1000)
        value = request.SerializeToString()
        if len(value) > MAX_RECORD_BYTES:
            raise TooLargeError(
                f"question {question.id} has {len(value)} bytes; brokers take {MAX_RECORD_BYTES}"
            )
        partition = partition_of(request.id, self._reader.partitions)
        self._producer.produce(
            REQUESTS, value, key=request.id, partition=partition, on_delivery=self._delivered
        )

    def _delivered(self, error: KafkaError | None, record: Message) -> None:
        del record
        if error is not None:
            self._failures.append(error)

    def _answers(self, open_ids: set[str]) -> list[Answered]:
        """Return what has come for *open_ids*, and take those out of it."""
        self._producer.poll(0)
        if self._failures:
            raise self._kafka.explain(self._failures.pop(), REQUESTS)
        answers = []
        for message in self._reader.read(_SLICE_S):
            # Its key tells whose it is: the answers of all others need not be parsed.
            request_id = (message.key() or b"").decode(errors="replace")
            if request_id in open_ids:
                answers.append(_parse(message))
                open_ids.discard(request_id)
        return answers


def _parse(message: Message) -> Answered:
    try:
        return from_message(Answer.FromString(message.value() or b""), message.partition())
    except DecodeError as error:
        place = f"{ANSWERS}, partition {message.partition()}, offset {message.offset()}"
        raise ClientError(f"{place}: not an Answer: {error}") from error


def _missing(open_ids: set[str], timeout_s: float) -> str:
    shown = ", ".join(sorted(open_ids)[:3])
    which = f"question {shown}" if len(open_ids) == 1 else f"{len(open_ids)} questions, such as {shown}"
    return f"no answer within {timeout_s:g} s to {which}: are the services up?"
