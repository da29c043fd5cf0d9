"""Small handlers for the tests of what drives handlers."""

from collections.abc import Collection, Mapping, Sequence

from rendezvous_runtime.clock import Now
from rendezvous_runtime.stream import Record, Send, TopicPartition


class Relay:
    """Sends each record that it reads to *target*, and remembers what was done with it."""

    def __init__(self, *topics: str, target: str = "out") -> None:
        self.topics: Sequence[str] = topics
        self.seen: list[bytes | None] = []
        self.held: set[int] = set()
        self.times: list[int] = []
        self._target = target

    def on_assign(self, partitions: Collection[int], _: Now) -> None:
        self.held |= set(partitions)

    def on_records(self, records: Sequence[Record], now: Now) -> Sequence[Send]:
        self.seen += [record.value() for record in records]
        self.times += [now.mono] * len(records)
        return [
            Send(self._target, record.partition(), record.key(), record.value() or b"") for record in records
        ]

    def on_time(self, _: Now) -> Sequence[Send]:
        return ()

    def next_time(self) -> int | None:
        return None

    def checkpoint(self) -> Mapping[TopicPartition, int]:
        return {}

    def on_revoke(self, partitions: Collection[int], _: Now) -> None:
        self.held -= set(partitions)


class Timer(Relay):
    """Answers each record *after_us* later, by the clock alone, and needs its offset until then."""

    def __init__(self, *topics: str, after_us: int) -> None:
        super().__init__(*topics)
        self._after_us = after_us
        self.pending: list[tuple[int, Record]] = []

    def on_records(self, records: Sequence[Record], now: Now) -> Sequence[Send]:
        self.pending += [(now.mono + self._after_us, record) for record in records]
        return ()

    def on_time(self, now: Now) -> Sequence[Send]:
        due = [record for at, record in self.pending if at <= now.mono]
        self.pending = [each for each in self.pending if each[0] > now.mono]
        return super().on_records(due, now)

    def next_time(self) -> int | None:
        return min((at for at, _ in self.pending), default=None)

    def checkpoint(self) -> Mapping[TopicPartition, int]:
        first: dict[TopicPartition, int] = {}
        for _, record in self.pending:
            where = TopicPartition(record.topic(), record.partition())
            first[where] = min(record.offset(), first.get(where, record.offset()))
        return first


class Draining(Timer):
    """A timer that finishes what it has begun."""

    @property
    def intake(self) -> Collection[str]:
        return self.topics

    def drained(self, _: Now) -> bool:
        return not self.pending


class Recovering(Relay):
    """A relay that reads back what it wrote."""

    def __init__(self, *topics: str, window_us: int) -> None:
        super().__init__(*topics)
        self.recovery_topic = "out"
        self.recovery_window_us = window_us
        self.recovered: list[bytes | None] = []

    def on_recovered(self, records: Sequence[Record], _: Now) -> None:
        self.recovered += [record.value() for record in records]
