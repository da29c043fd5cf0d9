"""What the data plane's thread does: read, handle, produce, and commit what is acknowledged."""

from collections.abc import Collection
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka import TopicPartition as KafkaPartition

from rendezvous_runtime.broker_state import BrokerState
from rendezvous_runtime.clock import Clock, Now
from rendezvous_runtime.delivery import Delivery, Offsets
from rendezvous_runtime.errors import DataPlaneError
from rendezvous_runtime.figures import Figures
from rendezvous_runtime.kafka import (
    PAUSE_AT,
    RESUME_AT,
    connection_config,
    consumer_config,
    producer_config,
)
from rendezvous_runtime.membership import Membership
from rendezvous_runtime.metrics import PlaneMetrics
from rendezvous_runtime.progress import Progress
from rendezvous_runtime.reader import Reader
from rendezvous_runtime.recovery import recover
from rendezvous_runtime.settings import ServiceSettings
from rendezvous_runtime.stream import (
    Handler,
    SupportsBackPressure,
    SupportsDrain,
    SupportsRecovery,
    SupportsTail,
    SupportsUnhurried,
)
from rendezvous_runtime.tail import Tail
from rendezvous_runtime.tracing import BatchTraces

_LOG: Final = structlog.get_logger(__name__)

_COMMIT_US: Final = 1_000_000
# How often to look at what is not to be read for now: on a quiet stream each record has a turn of its own.
_PAUSE_US: Final = 5_000
_PROBE_S: Final = 0.2
_START_PROBE_S: Final = 1.0
# Beyond this the process ends, and what it could not send ends with it.
_LEFT_OVER_S: Final = 30.0
# The part of a stop's time that is kept for what has to be acknowledged and committed at the end.
_FLUSH_SHARE: Final = 0.2


class Loop:
    """One handler on one consumer and one producer. Only *stop* and delivery.send are for other threads."""

    def __init__(
        self,
        handler: Handler,
        settings: ServiceSettings,
        clock: Clock,
        metrics: PlaneMetrics,
        traces: BatchTraces | None = None,
    ) -> None:
        self._handler = handler
        # Asked once: the check costs more than the call.
        self._drains = handler if isinstance(handler, SupportsDrain) else None
        self._recovers = handler if isinstance(handler, SupportsRecovery) else None
        self._fills = handler if isinstance(handler, SupportsBackPressure) else None
        self._traces = traces
        self._tail = Tail(handler, settings, clock) if isinstance(handler, SupportsTail) else None
        self._settings = settings
        self._clock = clock
        self.broker = BrokerState(settings.bootstrap_servers)
        events = {"error_cb": self.broker.on_error}
        self._consumer = Consumer({**consumer_config(settings), **events, "on_commit": self._on_commit})
        self._producer = Producer({**producer_config(settings), **events})
        unhurried = handler.unhurried if isinstance(handler, SupportsUnhurried) else ()
        self.delivery = Delivery(self._producer, settings.service, self._out_of_time, unhurried)
        self.membership = Membership(self._consumer, handler, clock, self)
        self._progress = Progress(handler, self.membership, self.delivery, clock.now())
        self._reader = Reader(self._consumer, self.membership, self.broker, handler.topics)
        self._figures = Figures(metrics)
        # The group counts silence from the last heartbeat, some time before the process stood still.
        self._doubtful_us = settings.session_timeout_ms * 1_000 // 2
        self.finished = False
        # Read from other threads; the lag is as of the last report.
        self.lag_records = 0
        self.turns = 0
        # After a failure positions and checkpoints say more than is done.
        self._sound = True
        self._stop_at: int | None = None
        self._drain_until = 0
        self._committed_at = self._turned_at = self._paused_at = clock.now().mono

    def stop(self, timeout_s: float) -> None:
        """Ask the thread to finish within *timeout_s* seconds; from any thread."""
        now = self._clock.now().mono
        self._drain_until = now + int(timeout_s * (1 - _FLUSH_SHARE) * 1e6)
        self._stop_at = now + int(timeout_s * 1e6)

    def run(self) -> None:
        """Work until asked to stop; raises whatever makes going on impossible."""
        try:
            if self._wait_for_topics():
                self.membership.join()
                while not self._done():
                    self._turn()
                self._finish()
        except BaseException:
            self._sound = False
            raise

    def leave(self) -> None:
        """Hand over what is held and let go of the broker; a client that has lost it may never return."""
        self.membership.leave()
        if self._tail is not None:
            self._tail.close()

    def before_assigned(self, starts: Offsets) -> None:
        """Read back what the handler wants to know before the first record at *starts*."""
        self._figures.assigned(starts, self._clock.now())
        if self._recovers is not None and self._recovers.recovery_topic:
            self._have_delivered()
            count = recover(self._recovers, self._handler.topics[0], starts, self._settings, self._clock)
            _LOG.info("read back", topic=self._recovers.recovery_topic, records=count)
        # Also where nothing comes for a long time: what was passed over is not lag.
        self.delivery.mark(starts)
        self._turned_at = self._clock.now().mono

    def _have_delivered(self) -> None:
        """
        Wait for what was sent under an assignment that was lost, and for which the broker was away.

        It still arrives: read back without it, it would be said twice.
        """
        if not self.delivery.flush(_LEFT_OVER_S):
            raise DataPlaneError(
                f"{self.delivery.unacknowledged} records of an assignment before this one are not "
                f"acknowledged within {_LEFT_OVER_S:g} s"
            )

    def before_revoked(self) -> None:
        """Flush and commit, in a bounded time, before partitions go to another process or this one ends."""
        if not self._sound:
            return
        if not self._reader.holding:  # else positions say more than is done
            self._progress.mark(self._clock.now())
        limit_s = self._settings.session_timeout_ms / 2_000
        if self._stop_at is not None:
            limit_s = (self._stop_at - self._clock.now().mono) / 1e6
        if not self.delivery.flush(limit_s):
            _LOG.warning("not all acknowledged", unacknowledged=self.delivery.unacknowledged)
        try:
            self._progress.commit(wait=True)
        except KafkaException as error:
            _LOG.warning("offsets not committed", why=error.args[0].str())

    def after_revoked(self) -> None:
        """Keep nothing of the partitions that are gone."""
        self.delivery.forget()
        self._progress.forget()
        self._figures.assigned({}, self._clock.now())
        self.lag_records = 0

    def _wait_for_topics(self) -> bool:
        """Wait for the broker; return False if asked to stop before it came."""
        while self._stop_at is None:
            self.turns += 1
            if self.broker.probe(self._consumer, self._handler.topics, _START_PROBE_S):
                self._turned_at = self._clock.now().mono
                return True
        self.finished = True
        return False

    def _turn(self) -> None:
        """Do one round: read, handle, produce, and now and then commit."""
        due = self._handler.next_time()
        batch = self._reader.read(None if due is None else due - self._clock.now().mono)
        now = self._clock.now()
        if now.mono - self._turned_at > self._doubtful_us:
            batch = self._after_a_gap(batch)
            now = self._clock.now()
        if self.membership.partitions:
            self._handle(batch, now)
            self._follow(now)
        self.delivery.poll()
        self._look_after(now)
        self._turned_at = now.mono
        self.turns += 1

    def _handle(self, batch: list[Message], now: Now) -> None:
        if batch:
            sends = self._handler.on_records(batch, now)
            if self._traces is not None:
                sends = self._traces.on_records(batch, sends, now)
            self.delivery.produce(sends)
            self._figures.handled(batch, now.mono, self._clock.now().mono)
        due = self._handler.next_time()
        if due is not None and due <= now.mono:
            self._figures.late(now.mono - due)
        elif not batch:
            return
        sends = self._handler.on_time(now)
        if self._traces is not None:
            sends = self._traces.on_time(sends, now)
        self.delivery.produce(sends)
        self._progress.add(len(batch) or 1)

    def _follow(self, now: Now) -> None:
        """Hand on what others have written, where the handler wants to know."""
        if self._tail is None:
            return
        records = self._tail.read()
        if records:
            sends = self._tail.handler.on_tail(records, now)
            self.delivery.produce(sends if self._traces is None else self._traces.on_time(sends, now))
            self._progress.add(1)

    def _after_a_gap(self, batch: list[Message]) -> list[Message]:
        """Speak only if still entitled to: the process stood still long enough to have been given up."""
        if self.membership.partitions and not self.membership.confirm():
            self.membership.rejoin()
            return []
        return batch

    def _look_after(self, now: Now) -> None:
        self.broker.check()
        if now.mono - self._paused_at >= _PAUSE_US:
            self._paused_at = now.mono
            self.membership.pause(self._to_pause())
        self._progress.mark_if_due(now)
        if now.mono - self._committed_at > _COMMIT_US:
            self._committed_at = now.mono
            # A commit that waits for the broker to come back can go out under a membership that ended
            # meanwhile. The broker takes it for another process's, and the client for the end.
            if self.broker.reachable:
                self._progress.commit(wait=False)
            self._report(now)
            if not self.broker.reachable:
                self.broker.find_again(
                    self._consumer,
                    self._producer,
                    self._handler.topics,
                    _PROBE_S,
                    connection_config(self._settings),
                )

    def _report(self, now: Now) -> None:
        lag = self.membership.lag(self._progress.positions)
        self.lag_records = sum(lag.values())
        self._figures.report(self._progress.positions, lag, self.delivery, now)

    def _on_commit(self, error: KafkaError | None, partitions: list[KafkaPartition]) -> None:
        self.membership.on_commit(error, partitions)

    def _to_pause(self) -> Collection[str]:
        waiting = self.delivery.unacknowledged
        if waiting > PAUSE_AT or (self.membership.pausing and waiting > RESUME_AT):
            return self._handler.topics
        full = self._fills.saturated() if self._fills is not None else ()
        if self._stop_at is not None and self._drains is not None:
            return {*full, *self._drains.intake}
        return full

    def _done(self) -> bool:
        if self._stop_at is None:
            return False
        if self._drains is None or not self.membership.partitions:
            return True
        now = self._clock.now()
        return self._drains.drained(now) or now.mono > self._drain_until

    def _finish(self) -> None:
        """Have all acknowledged and committed, as far as the time allows."""
        drained = self._drains is None or self._drains.drained(self._clock.now())
        self.before_revoked()
        self.finished = drained and self.delivery.unacknowledged == 0
        if not self.finished:
            _LOG.warning("stopped early", drained=drained, unacknowledged=self.delivery.unacknowledged)

    def _out_of_time(self) -> bool:
        self.turns += 1  # waiting for a broker that is away is no standing still
        return self._stop_at is not None and self._clock.now().mono > self._stop_at
