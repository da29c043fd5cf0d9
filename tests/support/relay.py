"""A handler that does next to nothing, to see what the data plane does."""

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence

from rendezvous_runtime.clock import Now
from rendezvous_runtime.dead_letters import each_by_itself
from rendezvous_runtime.stream import Record, Send, TopicPartition


class Relay:
    """Copies *source* to *target* in the same partition; b"poison" it cannot handle."""

    def __init__(self, source: str, target: str) -> None:
        self.topics: Sequence[str] = (source,)
        self.events: deque[str] = deque(maxlen=1_000)
        self.seen: Counter[bytes | None] = Counter()
        self._target = target

    def on_assign(self, partitions: Collection[int], _: Now) -> None:
        self.events.append(f"assign {sorted(partitions)}")

    def on_records(self, records: Sequence[Record], _: Now) -> Sequence[Send]:
        return each_by_itself(records, self._copy, service="relay")

    def _copy(self, record: Record) -> Sequence[Send]:
        value = record.value() or b""
        self.seen[value] += 1
        if value == b"poison":
            raise ValueError("poison")
        return [Send(self._target, record.partition(), record.key(), value)]

    def on_time(self, _: Now) -> Sequence[Send]:
        return ()

    def next_time(self) -> int | None:
        return None

    def checkpoint(self) -> Mapping[TopicPartition, int]:
        return {}

    def on_revoke(self, partitions: Collection[int], _: Now) -> None:
        self.events.append(f"revoke {sorted(partitions)}")
