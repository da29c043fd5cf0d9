"""What an assignment says: which partitions go together, and where to go on reading each."""

from collections.abc import Collection, Mapping
from typing import Final

import structlog
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as KafkaPartition

from rendezvous_runtime.clock import Now
from rendezvous_runtime.errors import DataPlaneError
from rendezvous_runtime.offsets import EARLIEST, LATEST, offsets_at, offsets_since
from rendezvous_runtime.stream import END, RECENT, Handler, SupportsSeek, TopicPartition

_LOG: Final = structlog.get_logger(__name__)
# How far back a group begins that is new and needs no more than what is still open.
_RECENT_US: Final = 60_000_000


def co_partitions(assigned: Collection[KafkaPartition], topics: Collection[str]) -> frozenset[int]:
    """
    Return the partition numbers assigned.

    Raises DataPlaneError if they are not the same in each of *topics*: records that belong together would
    go to different processes.
    """
    by_topic: dict[str, set[int]] = {topic: set() for topic in topics}
    for each in assigned:
        by_topic.setdefault(each.topic, set()).add(each.partition)
    distinct = {frozenset(numbers) for numbers in by_topic.values()}
    if len(distinct) > 1:
        found = {topic: sorted(numbers) for topic, numbers in by_topic.items()}
        raise DataPlaneError(
            f"partitions are not assigned together: {found}; every process of a group must read the same "
            "topics, and these must have the same number of partitions"
        )
    return next(iter(distinct), frozenset())


def starts_of(
    consumer: Consumer, handler: Handler, committed: Mapping[TopicPartition, int], now: Now
) -> dict[TopicPartition, int]:
    """
    Return where to go on: what *handler* says, what is committed, or the beginning of the log.

    *committed* has each partition assigned; below 0: nothing is. Raises DataPlaneError as ask_offsets does.
    """
    places = list(committed)
    lowest = offsets_at(consumer, places, EARLIEST)
    wanted = (
        {where: handler.start_offset(where) for where in places} if isinstance(handler, SupportsSeek) else {}
    )
    highest = offsets_at(consumer, places, LATEST) if END in wanted.values() else {}
    since_ms = (now.wall - _RECENT_US) // 1_000
    recent = offsets_since(consumer, places, since_ms) if RECENT in wanted.values() else {}
    starts = {}
    for where, low in lowest.items():
        asked = wanted.get(where)
        if asked == END:
            offset = highest[where]
        elif asked == RECENT:
            offset = committed[where] if committed[where] >= 0 else recent[where]
        else:
            offset = committed[where] if asked is None else asked
        if 0 <= offset < low:
            _LOG.error("records deleted before they were read", where=where, first=offset, last=low - 1)
        starts[where] = max(offset, low)
    return starts
