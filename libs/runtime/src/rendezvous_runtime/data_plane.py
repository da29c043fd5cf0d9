"""One thread that drives one Handler on the per-request topics: read, handle, produce, commit."""

import sys
import threading
import traceback
from collections.abc import Sequence
from typing import Final

import structlog
from confluent_kafka import KafkaException

from rendezvous_runtime.clock import Clock
from rendezvous_runtime.errors import DataPlaneError
from rendezvous_runtime.loop import Loop
from rendezvous_runtime.metrics import PlaneMetrics
from rendezvous_runtime.settings import ServiceSettings
from rendezvous_runtime.stream import Handler, Send
from rendezvous_runtime.tracing import BatchTraces

_LOG: Final = structlog.get_logger(__name__)


class DataPlane:
    """
    Runs *handler* against Kafka in a thread of its own.

    Nothing connects before *start*. *failure* is why the thread ends, if not by *stop*: the process has
    to end then, for nothing else would notice that its partitions stand still. The thread may be there a
    while longer, and for ever where the client library waits for a broker that it has lost.
    """

    def __init__(
        self,
        handler: Handler,
        settings: ServiceSettings,
        *,
        clock: Clock,
        metrics: PlaneMetrics,
        traces: BatchTraces | None = None,
    ) -> None:
        self.failure: Exception | None = None
        self._handler = handler
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._traces = traces
        self._loop: Loop | None = None
        self._thread = threading.Thread(target=self._run, name=f"data-plane-{settings.service}", daemon=True)

    def start(self) -> None:
        """Connect and begin; returns at once. Raises DataPlaneError if the clients' settings cannot be."""
        try:
            self._loop = Loop(self._handler, self._settings, self._clock, self._metrics, self._traces)
        except KafkaException as error:
            raise DataPlaneError(f"the Kafka client refuses its settings: {error.args[0].str()}") from error
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """
        Stop reading new work, finish what is begun, commit and close, in at most *timeout_s* seconds.

        Return whether all was finished and acknowledged. Blocks: not for an event loop's thread.
        """
        if self._loop is None:
            return True
        self._loop.stop(timeout_s)
        self._thread.join(timeout_s + 1.0)
        return not self._thread.is_alive() and self._loop.finished

    def send(self, sends: Sequence[Send]) -> None:
        """
        Produce *sends* from any thread; returns before they are acknowledged.

        Raises ProducerFullError when too much waits for the broker, NotSentError when the broker has no
        place for one, DataPlaneError when the plane does not run.
        """
        if self._loop is None or self.failure is not None:
            raise DataPlaneError("the data plane does not run")
        self._loop.delivery.send(sends)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def turns(self) -> int:
        """How often it has gone round; one that is well does so every few milliseconds."""
        return self._loop.turns if self._loop else 0

    def abandon(self, why: str) -> None:
        """Fail from outside, for *why*, where the thread itself stands still; where it does is logged."""
        stack = traceback.format_stack(sys._current_frames().get(self._thread.ident or 0))  # noqa: SLF001
        _LOG.critical("data plane stands still", why=why, stack="".join(stack))
        self.failure = self.failure or DataPlaneError(why)

    @property
    def assigned(self) -> frozenset[int]:
        """The partitions held now."""
        return self._loop.membership.partitions if self._loop else frozenset()

    @property
    def joined(self) -> bool:
        """Whether its group has dealt out the partitions, be it none to this process, and it is at work."""
        return self._loop.membership.joined if self._loop else False

    @property
    def unacknowledged(self) -> int:
        """How many records wait for the broker."""
        return self._loop.delivery.unacknowledged if self._loop else 0

    @property
    def lag_records(self) -> int:
        """How many records of its topics, over its partitions, were not read yet a second ago or less."""
        return self._loop.lag_records if self._loop else 0

    @property
    def reachable(self) -> bool:
        """Whether the broker answered when it was last asked."""
        return self._loop.broker.reachable if self._loop else False

    def _run(self) -> None:
        if self._loop is None:
            return
        # What failed is told before the broker is let go of: that may take for ever.
        for part in (self._loop.run, self._loop.leave):
            try:
                part()
            except Exception as error:  # noqa: BLE001 - whatever it is, the process has to hear of it
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.failure = self.failure or error
        _LOG.critical("data plane failed", why=str(error), exc_info=not isinstance(error, DataPlaneError))
