"""Handlers that do next to nothing, to see what the data plane does; run as a program, one in a process."""

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry
from rendezvous_runtime.clock import Now, SystemClock
from rendezvous_runtime.data_plane import DataPlane
from rendezvous_runtime.dead_letters import each_by_itself
from rendezvous_runtime.metrics import PlaneMetrics
from rendezvous_runtime.settings import ServiceSettings
from rendezvous_runtime.stream import Handler, Record, Send, TopicPartition

_TICK_US = 300_000


class RelaySettings(ServiceSettings):
    service = "relay"


class Relay:
    """Copies *source* to *target* in the same partition; b"poison" it cannot handle."""

    def __init__(self, source: str, target: str) -> None:
        self.topics: Sequence[str] = (source,)
        self.held: set[int] = set()
        self.assignments = 0
        self.seen: Counter[bytes | None] = Counter()
        self._target = target

    def on_assign(self, partitions: Collection[int], _: Now) -> None:
        self.held |= set(partitions)
        self.assignments += 1

    def on_records(self, records: Sequence[Record], _: Now) -> Sequence[Send]:
        return each_by_itself(records, self.copy, service="relay")

    def copy(self, record: Record) -> Iterable[Send]:
        value = record.value() or b""
        if record.partition() not in self.held:
            raise RuntimeError(f"a record of partition {record.partition()}, which another process has")
        self.seen[value] += 1
        if value == b"poison":
            raise ValueError("it is poison")
        return [Send(self._target, record.partition(), record.key(), value)]

    def on_time(self, _: Now) -> Sequence[Send]:
        return ()

    def next_time(self) -> int | None:
        return None

    def checkpoint(self) -> Mapping[TopicPartition, int]:
        return {}

    def on_revoke(self, partitions: Collection[int], _: Now) -> None:
        self.held -= set(partitions)


class Ticker(Relay):
    """A relay that also says, some times a second, which of its assignments it speaks under."""

    def __init__(self, source: str, target: str, name: str) -> None:
        super().__init__(source, target)
        self._name = name
        self._next = 0

    def on_time(self, now: Now) -> Sequence[Send]:
        if now.mono < self._next:
            return ()
        self._next = now.mono + _TICK_US
        text = f"{self._name} {self.assignments}".encode()
        return [Send(self._target, number, None, text) for number in self.held]

    def next_time(self) -> int | None:
        return self._next if self.held else None


def plane_of(
    handler: Handler, settings: Mapping[str, object], registry: CollectorRegistry | None = None
) -> DataPlane:
    """Return a plane, not started, for *handler*."""
    return DataPlane(
        handler,
        RelaySettings.model_validate(settings),
        clock=SystemClock(),
        metrics=PlaneMetrics(registry or CollectorRegistry()),
    )


def main(kind: str, source: str, target: str) -> int:
    """Run a relay or a ticker until SIGTERM; return 1 if its plane failed."""
    settings = {name: os.environ[name.upper()] for name in ("bootstrap_servers", "group", "instance")}
    handler = Relay(source, target) if kind == "relay" else Ticker(source, target, settings["instance"])
    plane = plane_of(handler, settings | {"session_timeout_ms": 1_000})
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    plane.start()
    while plane.alive and not stopping.wait(0.1):
        continue
    return 0 if plane.stop(5.0) and plane.failure is None else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
