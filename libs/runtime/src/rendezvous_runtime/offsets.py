"""Asking the broker for offsets, also while it comes back from being away."""

import time
from collections.abc import Callable, Collection, Iterable
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from rendezvous_runtime.errors import DataPlaneError
from rendezvous_runtime.stream import TopicPartition

_LOG: Final = structlog.get_logger(__name__)

# How long one request may take, in seconds.
REQUEST_S: Final = 10.0
# What Kafka takes for the two ends of a log when it is asked for offsets by time.
EARLIEST: Final = -2
LATEST: Final = -1
_PATIENCE_S: Final = 30.0
_RETRY_S: Final = 0.1
_HOPELESS: Final = frozenset(
    {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.INVALID_REQUEST}
)


def ask_offsets(ask: Callable[[], Collection[KafkaPartition]]) -> dict[TopicPartition, int]:
    """
    Return the offsets that *ask* finds, asking again for a while: a broker that just came back refuses.

    Raises DataPlaneError when that takes too long, or when asking again does not help.
    """
    give_up = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return _checked(ask())
        except KafkaException as error:
            why = error.args[0]
            if why.code() in _HOPELESS or time.monotonic() > give_up:
                raise DataPlaneError(f"no offsets from the broker: {why.str()}") from error
            _LOG.warning("no offsets from the broker yet", why=why.str())
        time.sleep(_RETRY_S)


def offsets_at(
    consumer: Consumer, places: Iterable[tuple[str, int]], when_ms: int
) -> dict[TopicPartition, int]:
    """
    Return the first offset of each of *places*, topic and partition, at *when_ms*.

    That is milliseconds since the epoch, EARLIEST or LATEST; an offset below 0: nothing was written since.
    Raises DataPlaneError as ask_offsets does.
    """
    asked = [KafkaPartition(topic, number, when_ms) for topic, number in places]
    return ask_offsets(lambda: consumer.offsets_for_times(asked, timeout=REQUEST_S))


def offsets_since(
    consumer: Consumer, places: Collection[tuple[str, int]], since_ms: int
) -> dict[TopicPartition, int]:
    """Return what offsets_at does; the end where nothing was written since *since_ms*."""
    # The ends first: what is written between the two questions must not be passed over.
    ends = offsets_at(consumer, places, LATEST)
    found = offsets_at(consumer, places, since_ms)
    return {where: offset if offset >= 0 else ends[where] for where, offset in found.items()}


def _checked(partitions: Collection[KafkaPartition]) -> dict[TopicPartition, int]:
    """Return the offsets of *partitions*; raises KafkaException for one that could not be told."""
    for each in partitions:
        if each.error is not None:
            raise KafkaException(each.error)
    return {TopicPartition(each.topic, each.partition): each.offset for each in partitions}
