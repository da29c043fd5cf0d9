"""Asking the broker for offsets, also while it comes back from being away."""

import time
from collections.abc import Callable, Collection
from typing import Final

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from rendezvous_runtime.errors import DataPlaneError
from rendezvous_runtime.stream import TopicPartition

_LOG: Final = structlog.get_logger(__name__)

# How long one request may take, in seconds.
REQUEST_S: Final = 10.0
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


def _checked(partitions: Collection[KafkaPartition]) -> dict[TopicPartition, int]:
    """Return the offsets of *partitions*; raises KafkaException for one that could not be told."""
    for each in partitions:
        if each.error is not None:
            raise KafkaException(each.error)
    return {TopicPartition(each.topic, each.partition): each.offset for each in partitions}
