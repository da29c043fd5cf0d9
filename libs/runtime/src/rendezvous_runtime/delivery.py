"""
Producing in order, and knowing without a callback per record how far everything is acknowledged.

An idempotent producer acknowledges each partition in order, and with enable.gapless.guarantee a record that
fails for good is fatal. So one delivery report on the last record per partition of a batch stands for all
before it. Batches are gathered into windows; a window that is closed carries the offsets that may be
committed once its reports, and those of the windows before it, are all in.

The client sends each record of a quiet stream in a request of its own, and the broker's work is by request.
So records of topics that nobody waits for are gathered until their window is closed.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from rendezvous_runtime.broker_state import is_fatal
from rendezvous_runtime.dead_letters import too_large
from rendezvous_runtime.errors import DataPlaneError, NotSentError, ProducerFullError
from rendezvous_runtime.kafka import MAX_RECORD_BYTES
from rendezvous_runtime.stream import Send, TopicPartition

Offsets = Mapping[TopicPartition, int]
Report = Callable[[KafkaError | None, Message | None], None]

_WHERE: Final = itemgetter(0, 1)
_FULL_WAIT_S: Final = 0.01
# Of more sends at once the client makes few requests by itself.
_FEW: Final = 64


class _Window:
    """Some batches, one after another: what is not acknowledged yet, and the offsets when it was closed."""

    __slots__ = ("failure", "offsets", "pending")

    def __init__(self) -> None:
        self.pending = 0
        self.offsets: Offsets | None = None
        self.failure: KafkaError | None = None

    def delivered(self, error: KafkaError | None, _: Message | None) -> None:
        self.pending -= 1
        if error is not None:
            self.failure = error


class Delivery:
    """
    Sends what a handler returns and tells which offsets are safe to commit.

    One thread uses it; only *send* may be called from others. *give_up* says, while the queue is full,
    whether to stop waiting for room. Records of *unhurried* topics may wait until their window is closed.
    """

    def __init__(
        self,
        producer: Producer,
        service: str,
        give_up: Callable[[], bool],
        unhurried: Collection[str] = (),
    ) -> None:
        self._producer = producer
        self._service = service
        self._give_up = give_up
        self._unhurried = frozenset(unhurried)
        self._gathered: list[Send] = []
        self._open = _Window()
        self._closed: deque[_Window] = deque()
        # One for each thread that produces, for adding up is not safe between threads.
        self._produced: Counter[str] = Counter()
        self._sent: Counter[str] = Counter()

    def produce(self, sends: Sequence[Send]) -> None:
        """
        Produce *sends*, those of each topic in their order, waiting for room where the queue is full.

        Raises DataPlaneError when the broker has no place for one, or when waiting was given up.
        """
        if self._unhurried and len(sends) <= _FEW:
            self._gathered += [send for send in sends if send[0] in self._unhurried]
            self._produce([send for send in sends if send[0] not in self._unhurried])
        else:
            self._produce_gathered()
            self._produce(sends)

    def _produce_gathered(self) -> None:
        gathered, self._gathered = self._gathered, []
        self._produce(gathered)

    def _produce(self, sends: Sequence[Send]) -> None:
        if not sends:
            return
        count = len(sends)
        last = dict(zip(map(_WHERE, sends), range(count), strict=True))
        report = self._open.delivered
        reports: list[Report | None] = [*repeat(None, count)]
        for index in last.values():
            reports[index] = report
        self._open.pending += len(last)
        produce, produced = self._producer.produce, self._produced
        for send, reported in zip(sends, reports, strict=True):
            topic, partition, key, value, headers = send
            produced[topic] += 1
            try:
                if headers:
                    produce(topic, value, key, partition, reported, headers=headers)
                else:
                    produce(topic, value, key, partition, reported)
            except BufferError:
                self._produce_patiently(send, reported)
            except KafkaException as error:
                self._produce_instead(send, reported, error)

    def send(self, sends: Sequence[Send]) -> None:
        """
        Produce *sends* from any thread, without waiting and outside the windows.

        Raises ProducerFullError or NotSentError at the first that was not taken; those before it are sent.
        """
        for topic, partition, key, value, headers in sends:
            try:
                if headers:
                    self._producer.produce(topic, value, key, partition, headers=headers)
                else:
                    self._producer.produce(topic, value, key, partition)
                self._sent[topic] += 1
            except BufferError:
                raise ProducerFullError(
                    f"{topic}[{partition}]: {len(self._producer)} records wait for the broker already"
                ) from None
            except KafkaException as error:
                raise NotSentError(f"{topic}[{partition}]: {error.args[0].str()}") from error

    def mark(self, offsets: Offsets) -> None:
        """Close the window: *offsets* are safe once all that was produced until now is acknowledged."""
        self._produce_gathered()
        self._open.offsets = offsets
        self._closed.append(self._open)
        self._open = _Window()

    def acknowledged(self) -> Offsets | None:
        """
        Return the newest offsets that have become safe since the last call; None if there are none.

        Raises DataPlaneError if a record of a window failed.
        """
        newest = None
        while self._closed and self._closed[0].pending == 0:
            window = self._closed.popleft()
            if window.failure is not None:
                raise DataPlaneError(f"a record could not be delivered: {window.failure.str()}")
            newest = window.offsets
        return newest

    def forget(self) -> None:
        """Drop the windows of an assignment that is over, and what is gathered: its next owner says it."""
        self._gathered.clear()
        self._closed.clear()
        self._open = _Window()

    def produced(self) -> Counter[str]:
        """Return how many records were given to the producer until now, by topic."""
        return self._produced + self._sent

    @property
    def unacknowledged(self) -> int:
        """How many records wait for the broker, or for poll."""
        return len(self._producer)

    def poll(self) -> None:
        """Take in the delivery reports that have come."""
        self._producer.poll(0)

    def flush(self, timeout_s: float) -> bool:
        """
        Wait until all is acknowledged, at most *timeout_s* seconds; return whether it is.

        Raises DataPlaneError when it never will be.
        """
        self._produce_gathered()
        try:
            return bool(self._producer.flush(max(0.0, timeout_s)) == 0)
        except KafkaException as error:
            raise DataPlaneError(f"the producer cannot go on: {error.args[0].str()}") from error

    def _produce_patiently(self, send: Send, reported: Report | None) -> None:
        """Produce *send* once there is room; what comes after it waits, so that the order is kept."""
        while not self._give_up():
            self._producer.poll(_FULL_WAIT_S)
            try:
                self._producer.produce(
                    send.topic,
                    send.value,
                    send.key,
                    send.partition,
                    reported,
                    headers=send.headers or [],
                )
            except BufferError:
                continue
            except KafkaException as error:
                self._produce_instead(send, reported, error)
            return
        raise DataPlaneError(
            f"{len(self._producer)} records wait for the broker, and the time to stop is over"
        )

    def _produce_instead(
        self,
        send: Send,
        reported: Report | None,
        error: KafkaException,
    ) -> None:
        """Send the dead letter of a record that is too large; raise DataPlaneError for any other refusal."""
        why = error.args[0]
        if is_fatal(why):
            raise DataPlaneError(f"the producer cannot go on: {why.str()}") from error
        if why.code() != KafkaError.MSG_SIZE_TOO_LARGE:
            raise DataPlaneError(
                f"cannot produce to {send.topic}[{send.partition}]: {why.str()}; "
                "the per-request topics must exist and have the same number of partitions"
            ) from error
        self._produce([too_large(send, MAX_RECORD_BYTES, service=self._service)])
        if reported is not None:
            self._settle(reported)

    def _settle(self, reported: Report) -> None:
        """Make up for a report that a record did not take: wait for the records that it stood for."""
        while not self.flush(_FULL_WAIT_S):
            if self._give_up():
                raise DataPlaneError(f"{len(self._producer)} records wait for the broker at the end")
        reported(None, None)
