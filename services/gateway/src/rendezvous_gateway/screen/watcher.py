"""Watches while somebody looks at the page: one thread, begun by the first look, which ends by itself."""

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog
from confluent_kafka import KafkaException
from rendezvous_runtime.clock import Clock

from rendezvous_gateway.screen.seen import Seen, Snapshot

_log = structlog.get_logger(__name__)

_EVERY_S: Final = 0.5
# A page asks each second, and less often in a tab that is not shown.
LINGER_S: Final = 10.0
_END_S: Final = 5.0


class Source(Protocol):
    """Where what is seen comes from; used by one thread."""

    def look(self, now_ms: int) -> None:
        """Take in what is new; raises KafkaException where the broker does not answer."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class Watcher:
    """
    Keeps a Snapshot fresh, from *look* until nobody has looked for some seconds.

    *connect* makes the source of what a Seen takes in. look and close belong to one thread, the event loop's.
    """

    def __init__(
        self, connect: Callable[[Seen], Source], clock: Clock, *, linger_s: float = LINGER_S
    ) -> None:
        self.snapshot = Snapshot()
        self.problem = ""
        self._connect = connect
        self._clock = clock
        self._linger_s = linger_s
        self._looked_s = 0.0
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def look(self) -> Snapshot:
        """Return what is known now, and have it kept fresh for a while."""
        self._looked_s = time.monotonic()
        if not self._closing.is_set() and not self.watching:
            self._thread = threading.Thread(target=self._run, name="status-page", daemon=True)
            self._thread.start()
        return self.snapshot

    @property
    def watching(self) -> bool:
        """Whether anything is read now."""
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """End the thread; in a bounded time."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(_END_S)

    def _run(self) -> None:
        seen = Seen()
        source = None
        try:
            source = self._connect(seen)
            while not self._closing.is_set() and time.monotonic() - self._looked_s < self._linger_s:
                self._look(source, seen)
                self._closing.wait(_EVERY_S)
        except Exception as error:  # noqa: BLE001 - whatever it is, the page has to say it
            self.problem = f"the log cannot be watched: {error}"
            _log.exception("status page cannot watch")
        finally:
            if source is not None:
                source.close()

    def _look(self, source: Source, seen: Seen) -> None:
        now_us = self._clock.now().wall
        try:
            source.look(now_us // 1_000)
        except KafkaException as error:
            self.problem = f"the broker does not answer: {error.args[0].str()}"
        else:
            self.problem = ""
        self.snapshot = seen.snapshot(now_us)
