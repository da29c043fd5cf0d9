"""Reads decisions, for as long as a roll-out is under way: without a group, from a time on."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from google.protobuf.message import DecodeError
from rendezvous_contracts.topics import DECISIONS
from rendezvous_runtime.kafka import Config, recovery_config
from rendezvous_runtime.settings import ServiceSettings
from scoring.v1.decision_pb2 import Decision

_BATCH: Final = 10_000
# Of a batch at most so many are looked at, evenly spread: enough to judge by, in bounded time.
_LOOKED_AT: Final = 2_000
_REQUEST_S: Final = 5.0
_WAIT_S: Final = 0.05
# The client finds the broker again by itself.
_AWAY: Final = frozenset(
    {
        KafkaError._TRANSPORT,  # noqa: SLF001 - the client's own constants
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - as above
        KafkaError._RESOLVE,  # noqa: SLF001 - as above
        KafkaError._TIMED_OUT,  # noqa: SLF001 - as above
    }
)
_log = structlog.get_logger(__name__)


class DecisionsError(Exception):
    """Decisions cannot be read now; str() says why."""


class Read(NamedTuple):
    """One decision, and its partition."""

    partition: int
    decision: Decision


class DecisionReader:
    """
    Reads all partitions of `decisions`; one thread uses it.

    *caught_up*: whether all is read that was there when it was last asked. *undecodable* counts records that
    are no decisions: whoever reads them for their own sake has made dead letters of them.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.caught_up = False
        self.undecodable = 0
        self._settings = settings
        self._consumer: Consumer | None = None
        self._unfinished: set[int] = set()

    @property
    def is_open(self) -> bool:
        """Whether it reads."""
        return self._consumer is not None

    def open(self, from_us: int) -> None:
        """
        Begin where decisions were written at *from_us*, microseconds since the epoch.

        Raises DecisionsError.
        """
        self.close()
        consumer = Consumer(_config(self._settings))
        try:
            starts = _starts(consumer, from_us // 1_000)
        except KafkaException as error:
            consumer.close()
            raise DecisionsError(f"no decisions from the broker: {error.args[0].str()}") from error
        consumer.assign(starts)
        self._consumer = consumer
        self._unfinished = {start.partition for start in starts}
        _log.info("reading decisions", partitions=len(starts), from_us=from_us)

    def read(self) -> list[Read]:
        """
        Return what has come, or of much of it a part, evenly spread.

        Raises DecisionsError when they can be read no further; it is closed then.
        """
        if self._consumer is None:
            return []
        messages = self._consumer.consume(_BATCH, _WAIT_S)
        records = [message for message in messages if message.error() is None]
        for message in messages:
            self._take(message.error(), message.partition())
        self.caught_up = not self._unfinished and len(messages) < _BATCH
        every = math.ceil(len(records) / _LOOKED_AT) or 1
        return self._decoded(records[::every])

    def close(self) -> None:
        """Read no more, and forget where it was."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
            self.caught_up = False

    def _decoded(self, records: Sequence[Message]) -> list[Read]:
        found = []
        for record in records:
            try:
                decision = Decision.FromString(record.value() or b"")
            except DecodeError:
                self.undecodable += 1
            else:
                found.append(Read(record.partition() or 0, decision))
        return found

    def _take(self, error: KafkaError | None, partition: int | None) -> None:
        if error is None:
            return
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's own constant
            self._unfinished.discard(partition or 0)
        elif error.fatal() or error.code() not in _AWAY:
            self.close()
            raise DecisionsError(f"no decisions from the broker: {error.str()}")


def _starts(consumer: Consumer, from_ms: int) -> list[TopicPartition]:
    """Return where to begin in each partition."""
    known = consumer.list_topics(DECISIONS, timeout=_REQUEST_S).topics[DECISIONS]
    if known.error is not None:
        raise KafkaException(known.error)
    wanted = [TopicPartition(DECISIONS, number, from_ms) for number in known.partitions]
    found: list[TopicPartition] = consumer.offsets_for_times(wanted, timeout=_REQUEST_S)
    for each in found:
        if each.error is not None:
            raise KafkaException(each.error)
        if each.offset < 0:  # nothing that young is there: what comes is
            _, each.offset = consumer.get_watermark_offsets(
                TopicPartition(DECISIONS, each.partition), timeout=_REQUEST_S
            )
    return found


def _config(settings: ServiceSettings) -> Config:
    return {
        **recovery_config(settings, "decisions"),
        # Nobody waits for a decision: fetch in larger pieces, and keep less of them.
        "fetch.queue.backoff.ms": 50,
        "fetch.wait.max.ms": 100,
        "queued.max.messages.kbytes": 16_384,
    }
