"""Asking over Kafka directly: questions into `requests`, answers out of `answers`."""

import threading
import time
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Final

from confluent_kafka import KafkaError, Message, Producer
from google.protobuf.message import DecodeError
from rendezvous_contracts.topics import ANSWERS, REQUESTS
from scoring.v1.answer_pb2 import Answer

from rendezvous_client.answers import Answered, from_message
from rendezvous_client.closing import Closing
from rendezvous_client.errors import BadQuestionError, ClientError, TimedOutError, TooLargeError
from rendezvous_client.kafka import MAX_RECORD_BYTES, Kafka
from rendezvous_client.questions import Question, partition_of, to_request
from rendezvous_client.reading import TopicReader

_IN_FLIGHT: Final = 1_000
_SLICE_S: Final = 0.1

# One answer to come; who cancels it does not wait for it any more.
Reply = Future[Answered]


class Asker(Closing):
    """
    Asks, from any thread, and has each answer as a future; close it.

    A thread of its own follows all partitions of `answers` from the start of this on, so one for many
    questions is cheaper than one for each.
    """

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._reader = TopicReader(kafka, ANSWERS, at_end=True)
        self._producer = Producer(kafka.producer_config())
        self._open: dict[str, Reply] = {}
        self._guard = threading.Lock()
        self._ended: ClientError | None = None
        self._thread = threading.Thread(target=self._listen, name="rendezvous-answers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let go of the broker; who still waits for an answer gets an error."""
        self._end(ClientError("the asker was closed"))
        self._thread.join()

    def ask(self, question: Question, *, timeout_s: float = 10.0) -> Answered:
        """Return the answer to *question*; raises TimedOutError if none comes in *timeout_s* seconds."""
        reply = self.submit(question)
        try:
            return reply.result(timeout_s)
        except TimeoutError:
            reply.cancel()
            raise TimedOutError(_missing([question.id], timeout_s)) from None

    def submit(self, question: Question) -> Reply:
        """Ask *question* and return its answer to come; raises BadQuestionError if it cannot be asked."""
        value = self._encoded(question)
        reply: Reply = Future()
        with self._guard:
            if self._ended is not None:
                raise self._ended
            if question.id in self._open:
                raise BadQuestionError(f"id {question.id} is under way already: give each question its own")
            self._open[question.id] = reply
        reply.add_done_callback(lambda done: self._forget(question.id, done))
        try:
            self._produce(question.id, value)
        except BaseException:
            reply.cancel()
            raise
        return reply

    def ask_all(self, questions: Iterable[Question], *, timeout_s: float = 10.0) -> Iterator[Answered]:
        """
        Yield the answer to each of *questions* as it comes; at most 1,000 are under way at a time.

        Raises TimedOutError once no answer has come for *timeout_s* seconds while some are missing.
        """
        coming = iter(questions)
        waiting: dict[Reply, str] = {}
        done: SimpleQueue[Reply] = SimpleQueue()
        try:
            while True:
                for question in islice(coming, _IN_FLIGHT - len(waiting)):
                    reply = self.submit(question)
                    waiting[reply] = question.id
                    reply.add_done_callback(done.put)
                if not waiting:
                    return
                try:
                    reply = done.get(timeout=timeout_s)
                except Empty:
                    raise TimedOutError(_missing(waiting.values(), timeout_s)) from None
                del waiting[reply]
                yield reply.result()
        finally:
            for reply in waiting:
                reply.cancel()

    def _encoded(self, question: Question) -> bytes:
        # In one order of the fields, whichever process asks: who reads them learns it once.
        value = to_request(question, time.time_ns() // 1000).SerializeToString(deterministic=True)
        if len(value) > MAX_RECORD_BYTES:
            raise TooLargeError(
                f"question {question.id} has {len(value)} bytes; brokers take {MAX_RECORD_BYTES}"
            )
        return value

    def _forget(self, request_id: str, reply: Reply) -> None:
        """Let go of what is not waited for any more; the same id may have been asked again meanwhile."""
        with self._guard:
            if self._open.get(request_id) is reply:
                del self._open[request_id]

    def _produce(self, request_id: str, value: bytes) -> None:
        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                _fail(self._open.pop(request_id, None), self._kafka.explain(error, REQUESTS))

        partition = partition_of(request_id, self._reader.partitions)
        try:
            self._producer.produce(
                REQUESTS, value, key=request_id, partition=partition, on_delivery=delivered
            )
        except BufferError as error:
            raise ClientError("too many questions are under way: wait for some answers first") from error

    # What the thread does

    def _listen(self) -> None:
        try:
            while self._ended is None:
                self._producer.poll(0)
                for message in self._reader.read(_SLICE_S):
                    self._hear(message)
        except ClientError as error:
            self._end(error)
        finally:
            self._producer.flush(0)
            self._reader.close()

    def _hear(self, message: Message) -> None:
        # Its key tells whose it is: the answers of others need not be parsed. Who takes it out settles it.
        reply = self._open.pop((message.key() or b"").decode(errors="replace"), None)
        if reply is None or not reply.set_running_or_notify_cancel():
            return
        try:
            reply.set_result(from_message(Answer.FromString(message.value() or b""), message.partition()))
        except DecodeError as error:
            place = f"{ANSWERS}, partition {message.partition()}, offset {message.offset()}"
            reply.set_exception(ClientError(f"{place}: not an Answer: {error}"))

    def _end(self, error: ClientError) -> None:
        with self._guard:
            self._ended = self._ended or error
            waiting = [self._open.pop(request_id) for request_id in list(self._open)]
        for reply in waiting:
            _fail(reply, error)


def _fail(reply: Reply | None, error: ClientError) -> None:
    if reply is not None and reply.set_running_or_notify_cancel():
        reply.set_exception(error)


def _missing(open_ids: Collection[str], timeout_s: float) -> str:
    shown = ", ".join(sorted(open_ids)[:3])
    which = f"question {shown}" if len(open_ids) == 1 else f"{len(open_ids)} questions, such as {shown}"
    return f"no answer within {timeout_s:g} s to {which}: are the services up?"
