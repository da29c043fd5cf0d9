"""Reading back, at an assignment, what was written before: see stream.SupportsRecovery."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, Message
from confluent_kafka import TopicPartition as KafkaPartition

from rendezvous_runtime.clock import Clock
from rendezvous_runtime.errors import DataPlaneError
from rendezvous_runtime.kafka import MAX_BATCH, recovery_config
from rendezvous_runtime.offsets import EARLIEST, LATEST, REQUEST_S, ask_offsets, offsets_at
from rendezvous_runtime.settings import ServiceSettings
from rendezvous_runtime.stream import SupportsRecovery, TopicPartition

# Reading 1,000,000 records takes a few seconds; what takes longer than this does not come.
_TIME_LIMIT_S: Final = 60.0
_POLL_S: Final = 0.05
# More than one, for the last offset may be no record but the mark of a transaction.
_LAST_RECORDS: Final = 8


def recover(
    handler: SupportsRecovery,
    first_topic: str,
    starts: Mapping[TopicPartition, int],
    settings: ServiceSettings,
    clock: Clock,
) -> int:
    """
    Read back the recovery topic for the partitions in *starts*, the offsets where reading begins.

    Return how many records there were. Raises DataPlaneError if the end is not reached in a minute.
    """
    partitions = {where.partition: offset for where, offset in starts.items() if where.topic == first_topic}
    window_us = handler.recovery_window_us
    with _reader(settings) as consumer:
        if window_us is None:
            places = _last(consumer, handler.recovery_topic, partitions)
        else:
            stamps = _stamps(consumer, first_topic, partitions, clock)
            wanted = [
                KafkaPartition(handler.recovery_topic, number, max(0, ms - window_us // 1000))
                for number, ms in stamps.items()
            ]
            places = _places(ask_offsets(lambda: consumer.offsets_for_times(wanted, timeout=REQUEST_S)))
        count = 0
        for batch in _read(consumer, places, clock):
            handler.on_recovered(batch, clock.now())
            count += len(batch)
        return count


def _last(consumer: Consumer, topic: str, partitions: Iterable[int]) -> list[KafkaPartition]:
    """Return where the last records begin, of each partition that has any."""
    places = [(topic, number) for number in partitions]
    lowest = offsets_at(consumer, places, EARLIEST)
    return [
        KafkaPartition(*where, max(lowest[where], end - _LAST_RECORDS))
        for where, end in offsets_at(consumer, places, LATEST).items()
        if end > lowest[where]
    ]


def _places(found: Mapping[TopicPartition, int]) -> list[KafkaPartition]:
    """Return where to read; a partition with no record after the time asked for has none."""
    return [KafkaPartition(*where, offset) for where, offset in found.items() if offset != OFFSET_END]


@contextmanager
def _reader(settings: ServiceSettings) -> Iterator[Consumer]:
    consumer = Consumer(recovery_config(settings))
    try:
        yield consumer
    finally:
        consumer.close()


def _stamps(consumer: Consumer, topic: str, partitions: Mapping[int, int], clock: Clock) -> dict[int, int]:
    """Return the stamp of the record at each offset, in milliseconds; now where the log ends before it."""
    stamps = dict.fromkeys(partitions, clock.now().wall // 1000)
    missing = set(partitions)

    def first(message: Message) -> None:
        if message.partition() in missing:
            missing.discard(message.partition())
            stamps[message.partition()] = min(stamps[message.partition()], message.timestamp()[1])

    starts = [
        KafkaPartition(topic, number, offset if offset >= 0 else OFFSET_BEGINNING)
        for number, offset in partitions.items()
    ]
    for batch in _read(consumer, starts, clock, lambda: not missing):
        for message in batch:
            first(message)
    return stamps


def _read(
    consumer: Consumer,
    starts: Collection[KafkaPartition],
    clock: Clock,
    enough: Callable[[], bool] = lambda: False,
) -> Iterator[list[Message]]:
    """Yield what there is from *starts* to the end of each partition, or until *enough*."""
    consumer.assign(list(starts))
    unfinished = {each.partition for each in starts}
    give_up = clock.now().mono + int(_TIME_LIMIT_S * 1e6)
    while unfinished and not enough():
        if clock.now().mono > give_up:
            raise DataPlaneError(f"recovery: partitions {sorted(unfinished)} not read in {_TIME_LIMIT_S:g} s")
        head = consumer.poll(_POLL_S)
        messages = [] if head is None else [head, *consumer.consume(MAX_BATCH, 0)]
        records = []
        for message in messages:
            error = message.error()
            if error is None:
                records.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's own constant
                unfinished.discard(message.partition())
            elif not error.retriable():
                raise DataPlaneError(f"recovery of {message.topic()}: {error.str()}")
        if records:
            yield records
    consumer.unassign()
