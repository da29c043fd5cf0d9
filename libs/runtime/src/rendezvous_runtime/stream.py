"""
What a service's logic sees of the per-request topics: records in, sends out, time as a number.

A Handler is pure: no I/O, no clock, no lock, no await. The data plane (on Kafka) and the in-memory log of
rendezvous_runtime.testing (under virtual time) drive the same object in the same way:

1. on_assign for the partitions that it got, before any of their records;
2. on_records with what has been read, in the order of each topic's partition;
3. on_time after every batch and whenever next_time has come;
4. the sends of 2 and 3 are produced, in order; once they are acknowledged, the offsets that checkpoint
   named at that moment are stored;
5. on_revoke for the partitions that it loses; their state is dropped.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, runtime_checkable

from rendezvous_runtime.clock import Now

Headers = list[tuple[str, bytes]]

END: Final = -1
RECENT: Final = -2


class Record(Protocol):
    """One record of a topic, as confluent_kafka.Message gives it: methods, so that nothing is copied."""

    def topic(self) -> str: ...  # noqa: D102
    def partition(self) -> int: ...  # noqa: D102
    def offset(self) -> int: ...  # noqa: D102
    def key(self) -> bytes | None: ...  # noqa: D102
    def value(self) -> bytes | None: ...  # noqa: D102
    def headers(self) -> Headers | None: ...  # noqa: D102
    def timestamp(self) -> tuple[int, int]:
        """Return the kind of stamp, and milliseconds since the epoch."""
        ...


class Send(NamedTuple):
    """One record to produce."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    headers: Headers | None = None


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class Handler(Protocol):
    """The logic of one service on its per-request topics."""

    @property
    def topics(self) -> Sequence[str]:
        """The topics that it reads, co-partitioned."""
        ...

    def on_assign(self, partitions: Collection[int], now: Now) -> None:
        """Take over *partitions* (their numbers, the same in each of the topics)."""
        ...

    def on_records(self, records: Sequence[Record], now: Now) -> Sequence[Send]:
        """
        Handle what has been read and return what to send.

        Each record is handled by itself: one that cannot be becomes a dead letter (dead_letters.dead_letter)
        and the others go on. Raising is a defect and ends the process.
        """
        ...

    def on_time(self, now: Now) -> Sequence[Send]:
        """Do what is due by *now* and return what to send."""
        ...

    def next_time(self) -> int | None:
        """Return when on_time is wanted next, in monotonic microseconds; None if only records can wake it."""
        ...

    def checkpoint(self) -> Mapping[TopicPartition, int]:
        """
        Return the first offset still needed, of each partition for which it is not the next to be read.

        Asked after every batch. A handler that keeps nothing between batches returns {}.
        """
        ...

    def on_revoke(self, partitions: Collection[int], now: Now) -> None:
        """Let go of *partitions*: another process goes on from the offsets stored."""
        ...


@runtime_checkable
class SupportsBackPressure(Protocol):
    """A handler that may be full for a while, because what it feeds is slower than the log."""

    def saturated(self) -> Collection[str]:
        """
        Return those of its topics of which it can take no more records for now.

        Asked before every read. The plane pauses their partitions, so that the process stays in the group,
        and goes on calling on_time when next_time has come. Resuming reads again what was read ahead, so
        leave some room before asking for more.
        """
        ...


@runtime_checkable
class SupportsUnhurried(Protocol):
    """A handler that writes to topics which nobody waits for."""

    @property
    def unhurried(self) -> Collection[str]:
        """Topics whose records may be gathered for some 20 ms, so that they go to the broker together."""
        ...


@runtime_checkable
class SupportsDrain(Protocol):
    """A handler that can finish what it has begun when its process is asked to stop."""

    @property
    def intake(self) -> Collection[str]:
        """Those of its topics that bring new work: at a graceful stop they are read no further."""
        ...

    def drained(self, now: Now) -> bool:
        """Return whether nothing is left to do; the other topics are read until then, or until time is up."""
        ...


@runtime_checkable
class SupportsRecovery(Protocol):
    """
    A handler that reads back what it, or the process before it, has written.

    After on_assign and before any input record, each assigned partition of *recovery_topic* is read: from
    *recovery_window_us* before the stamp of the first input record to come, to its end. The first of the
    handler's topics is the one whose offsets tell which input that is.

    A window of None: only what was written last, be it long ago. No topic: there is nothing to read back.
    """

    @property
    def recovery_topic(self) -> str:
        """The topic to read back; its stamps are the broker's (LogAppendTime)."""
        ...

    @property
    def recovery_window_us(self) -> int | None:
        """How far before the first input record to begin, in microseconds; None: only the last records."""
        ...

    def on_recovered(self, records: Sequence[Record], now: Now) -> None:
        """Take in what was read back; called any number of times, each partition in its order."""
        ...


@runtime_checkable
class SupportsTail(Protocol):
    """
    A handler that, on some partitions, has to know at once what processes of other groups write to a topic.

    For each partition of tailed(), the records of *tail_topic* are given to on_tail beside those of its own
    topics, from some seconds before it was first named; so some come that are known already.
    """

    @property
    def tail_topic(self) -> str:
        """The topic to follow."""
        ...

    def tailed(self) -> Collection[int]:
        """Return the partitions to follow now; asked every turn."""
        ...

    def on_tail(self, records: Sequence[Record], now: Now) -> Sequence[Send]:
        """Take in what was written, each partition in its order, and return what to send."""
        ...


@runtime_checkable
class SupportsSeek(Protocol):
    """A handler that knows itself where to go on reading."""

    def start_offset(self, where: TopicPartition) -> int | None:
        """
        Return the offset to start at, asked after on_assign; None: where its group has committed.

        END: after all that is there now, for who needs no past. RECENT: where its group has committed, and
        where it has not, some time before now: for who needs no more past than what is still open.
        """
        ...
