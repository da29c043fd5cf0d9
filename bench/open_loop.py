"""
Sends at a steady pace, whatever comes back, and notes when what comes back comes.

Latency is counted from when a request was due to be sent, so that a sender that was held up hides nothing.
"""

import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Final, NamedTuple, Self

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from rendezvous_runtime.offsets import REQUEST_S, ask_offsets

from bench.errors import BenchError
from bench.processes import Running
from bench.scale import PARTITIONS, Scale
from bench.stand import Stand

# From a request's id and when it is sent, microseconds since the epoch, to its bytes.
Encode = Callable[[str, int], bytes]

_LATEST: Final = -1
_PROBE_S: Final = 0.1
_CONNECT_S: Final = 60.0
_LAST_S: Final = 10.0
_POLL_S: Final = 0.1
TURN_WARM_UP_S: Final = 0.5
_SWITCH_S: Final = 0.0005


class Arrival(NamedTuple):
    """What came back: when it was asked, when it came (microseconds since the epoch), and its bytes."""

    sent_at_us: int
    at_us: int
    value: bytes


class Pace(NamedTuple):
    """Requests per second; for how many seconds they do not count, and then for how many they do."""

    per_s: int
    warm_up_s: float
    seconds: float

    @classmethod
    def of(cls, per_s: int, scale: Scale) -> Self:
        """Return the pace of a measurement."""
        return cls(per_s, scale.warm_up_s, scale.latency_s)

    @classmethod
    def of_turn(cls, per_s: int, scale: Scale) -> Self:
        """Return the pace of one turn of several: what is measured is warm, but for the first moment."""
        return cls(per_s, TURN_WARM_UP_S, scale.turn_s)


class OpenLoop:
    """One sender and one receiver, each in a thread; a context manager."""

    def __init__(self, stand: Stand, source: str, target: str, encode: Encode) -> None:
        self._source = source
        # An id that was used before would get its old answer, or none.
        self._name = stand.unique("asked")
        self._encode = encode
        client = {"bootstrap.servers": stand.bootstrap_servers, "socket.nagle.disable": True, "log_level": 0}
        # Idempotent: few requests in flight, so that a broker that is held up is sent batches.
        self._producer = Producer({**client, "linger.ms": 0, "enable.idempotence": True})
        self._consumer = Consumer({
            **client, "group.id": self._name, "fetch.queue.backoff.ms": 1,
            "enable.auto.commit": False,
        })  # fmt: skip
        self._assign(target)
        self._sent: dict[bytes, int] = {}
        self._arrived: dict[bytes, Arrival] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._receive, name="receiver")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def connect(self, processes: Sequence[Running]) -> None:
        """Return once a request has come back; raises BenchError if none does, or one of *processes* ends."""
        deadline = time.monotonic() + _CONNECT_S
        while not self._arrived:
            if time.monotonic() > deadline:
                raise BenchError(f"nothing that was sent to {self._source} came back in {_CONNECT_S:g} s")
            for process in processes:
                process.check()
            self._send(time.time_ns() // 1000)
            time.sleep(_PROBE_S)

    def run(self, pace: Pace, is_over: Callable[[], bool] = lambda: False) -> list[Arrival]:
        """
        Send requests at *pace*, or until it *is_over* before that; return what came of those that count.

        Raises BenchError if one did not come back ten seconds after the last was sent.
        """
        with _undisturbed():
            self._send_for(pace.warm_up_s, pace.per_s, is_over)
            counted = self._send_for(pace.seconds, pace.per_s, is_over)
        deadline = time.monotonic() + _LAST_S
        while missing := [key for key in counted if key not in self._arrived]:
            if time.monotonic() > deadline:
                raise BenchError(f"{len(missing)} of {len(counted)} requests did not come back")
            time.sleep(_POLL_S)
        return [self._arrived[key] for key in counted]

    def _send_for(self, seconds: float, per_s: int, is_over: Callable[[], bool]) -> list[bytes]:
        started = time.time_ns() // 1000
        keys: list[bytes] = []
        for number in range(int(per_s * seconds)):
            if is_over():
                break
            due = started + number * 1_000_000 // per_s
            wait = due - time.time_ns() // 1000
            if wait > 0:
                time.sleep(wait / 1e6)
            keys.append(self._send(due))
        return keys

    def _send(self, due: int) -> bytes:
        number = len(self._sent)
        named = f"{self._name}-{number:07d}"
        key = named.encode()
        self._sent[key] = due
        self._producer.produce(self._source, self._encode(named, due), key, number % PARTITIONS)
        self._producer.poll(0)
        return key

    def _receive(self) -> None:
        while not self._stop.is_set():
            message: Message | None = self._consumer.poll(_POLL_S)
            if message is None or message.error() is not None:
                continue
            at_us, key = time.time_ns() // 1000, message.key()
            sent = self._sent.get(key)
            if sent is not None and key not in self._arrived:
                self._arrived[key] = Arrival(sent, at_us, message.value())

    def _assign(self, target: str) -> None:
        """Read *target* from its end as it is now, so that nothing sent from now on is missed."""
        asked = [TopicPartition(target, number, _LATEST) for number in range(PARTITIONS)]
        ends = ask_offsets(lambda: self._consumer.offsets_for_times(asked, timeout=REQUEST_S))
        self._consumer.assign([TopicPartition(*where, offset) for where, offset in ends.items()])


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let neither garbage collection nor the other thread hold up the one that keeps the pace."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        sys.setswitchinterval(interval)
