"""One thread that drives one Handler on the per-request topics: read, handle, produce, commit."""

import threading
import time
from collections.abc import Collection, Sequence
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka import TopicPartition as KafkaPartition

from rendezvous_runtime.broker_state import BrokerState
from rendezvous_runtime.clock import Clock, Now
from rendezvous_runtime.delivery import Delivery, Offsets
from rendezvous_runtime.errors import DataPlaneError
from rendezvous_runtime.kafka import MAX_BATCH, PAUSE_AT, RESUME_AT, consumer_config, producer_config
from rendezvous_runtime.membership import Membership
from rendezvous_runtime.metrics import PlaneMetrics
from rendezvous_runtime.recovery import recover
from rendezvous_runtime.settings import ServiceSettings
from rendezvous_runtime.stream import Handler, Send, SupportsBackPressure, SupportsDrain, SupportsRecovery

_LOG: Final = structlog.get_logger(__name__)

_MS: Final = 1_000
_IDLE_WAIT_MS: Final = 5
# Near a timer, polling in whole milliseconds is too coarse: this much sleep at a time, in microseconds.
_NAP_US: Final = 200
# A window of acknowledgements: so much work or so much time.
_WINDOW_RECORDS: Final = 200
_WINDOW_US: Final = 20_000
_COMMIT_US: Final = 1_000_000
_PROBE_S: Final = 0.2
_START_PROBE_S: Final = 1.0
# The part of a stop's time that is kept for what has to be acknowledged and committed at the end.
_FLUSH_SHARE: Final = 0.2


class DataPlane:
    """
    Runs *handler* against Kafka in a thread of its own.

    Nothing connects before *start*. *failure* is why the thread ended, if not by *stop*: the process has
    to end then, for nothing else would notice that its partitions stand still.
    """

    def __init__(
        self, handler: Handler, settings: ServiceSettings, *, clock: Clock, metrics: PlaneMetrics
    ) -> None:
        self.failure: Exception | None = None
        self._handler = handler
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._loop: Loop | None = None
        self._thread = threading.Thread(target=self._run, name=f"data-plane-{settings.service}", daemon=True)

    def start(self) -> None:
        """Connect and begin; returns at once."""
        self._loop = Loop(self._handler, self._settings, self._clock, self._metrics)
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
    def reachable(self) -> bool:
        """Whether the broker answered when it was last asked."""
        return self._loop.broker.reachable if self._loop else False

    def _run(self) -> None:
        if self._loop is None:
            return
        try:
            self._loop.run()
        except Exception as error:  # noqa: BLE001 - whatever it is, the process has to hear of it
            self.failure = error
            _LOG.critical("data plane failed", why=str(error), exc_info=not isinstance(error, DataPlaneError))


class Loop:
    """What the thread does; all of it but *stop* and delivery.send happens in that thread."""

    def __init__(
        self, handler: Handler, settings: ServiceSettings, clock: Clock, metrics: PlaneMetrics
    ) -> None:
        self._handler = handler
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self.broker = BrokerState(settings.bootstrap_servers)
        events = {"error_cb": self.broker.on_error}
        self._producer = Producer({**producer_config(settings), **events})
        self._consumer = Consumer({**consumer_config(settings), **events, "on_commit": self._on_commit})
        self.delivery = Delivery(self._producer, settings.service, self._out_of_time)
        self.membership = Membership(
            self._consumer, handler, clock, recover=self._recover, settle=self._settle, forget=self._forget
        )
        self.finished = False
        self._stop_at: int | None = None
        self._drain_until: int | None = None
        self._paused: frozenset[str] = frozenset()
        self._seen_changes = 0
        self._unmarked = 0
        self._marked_at = self._committed_at = self._turned_at = clock.now().mono
        self._safe: Offsets | None = None
        # While a record is read and not yet handled, positions say more than is done.
        self._holding = False

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
        finally:
            self._consumer.close()

    def _wait_for_topics(self) -> bool:
        """Wait for the broker; return False if asked to stop before it came."""
        while self._stop_at is None:
            if self.broker.probe(self._consumer, self._handler.topics, _START_PROBE_S):
                return True
        self.finished = True
        return False

    def _turn(self) -> None:
        """Do one round: read, handle, produce, and now and then commit."""
        batch = self._read()
        now = self._clock.now()
        if now.mono - self._turned_at > self._settings.session_timeout_ms * _MS:
            batch = self._after_a_gap(batch)
            now = self._clock.now()
        if batch and self.membership.partitions:
            self.delivery.produce(self._handler.on_records(batch, now))
            self._unmarked += len(batch)
        self._keep_time(now, handled=bool(batch))
        self.delivery.poll()
        self._look_after(now)
        self._turned_at = now.mono

    def _read(self) -> list[Message]:
        """Wait for a record until a timer is due, then take what else is there."""
        now = self._clock.now().mono
        due = self._handler.next_time()
        left = _IDLE_WAIT_MS * _MS if due is None else due - now
        first = self._consumer.poll(min(_IDLE_WAIT_MS, max(0, left // _MS)) / _MS)
        if first is None:
            if 0 < left < _MS:
                time.sleep(min(left, _NAP_US) / 1e6)
            return []
        before = self.membership.changes
        self._holding = True
        rest = self._consumer.consume(MAX_BATCH, 0)
        self._holding = False
        # A partition that was taken away in between is another's; given back, it is read again.
        batch = rest if self.membership.changes != before else [first, *rest]
        return self._without_errors(batch) if any(map(Message.error, batch)) else batch

    def _without_errors(self, batch: Sequence[Message]) -> list[Message]:
        records = []
        for message in batch:
            error = message.error()
            if error is None:
                records.append(message)
            else:
                self._take_error(error)
        return records

    def _take_error(self, error: KafkaError) -> None:
        """Check the topics where they are in doubt; raise on what needs an operator, else log and go on."""
        _LOG.warning("consumer error", why=error.str())
        if error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):  # noqa: SLF001
            self.broker.probe(self._consumer, self._handler.topics, _START_PROBE_S)
        elif error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
            raise DataPlaneError(f"not allowed: {error.str()}; give {self._settings.service} the right to it")

    def _keep_time(self, now: Now, *, handled: bool) -> None:
        due = self._handler.next_time()
        is_due = due is not None and due <= now.mono
        if is_due:
            self._metrics.late((now.mono - (due or 0)) / 1e6)
        if (handled or is_due) and self.membership.partitions:
            self.delivery.produce(self._handler.on_time(now))
            self._unmarked += 1

    def _after_a_gap(self, batch: list[Message]) -> list[Message]:
        """Speak only if still entitled to: the process stood still for longer than its session."""
        if self.membership.partitions and not self.membership.confirm():
            self.delivery.forget()
            self.membership.rejoin()
            return []
        return batch

    def _look_after(self, now: Now) -> None:
        self.broker.check()
        self._hold_back()
        if self._unmarked >= _WINDOW_RECORDS or (self._unmarked and now.mono - self._marked_at > _WINDOW_US):
            self._mark(now)
        if now.mono - self._committed_at > _COMMIT_US:
            self._committed_at = now.mono
            self._commit(wait=False)
            if not self.broker.reachable:
                self.broker.probe(self._consumer, self._handler.topics, _PROBE_S)

    def _mark(self, now: Now) -> None:
        """Note which offsets are safe once all that was produced until now is acknowledged."""
        self._marked_at = now.mono
        self._unmarked = 0
        if self.membership.partitions:
            self.delivery.mark(self.membership.positions() | dict(self._handler.checkpoint()))

    def _commit(self, *, wait: bool) -> None:
        self._safe = self.delivery.acknowledged() or self._safe
        if self._safe:
            self.membership.commit(self._safe, wait=wait)

    def _hold_back(self) -> None:
        """Pause what must not be read now; new partitions are paused as the old ones were."""
        wanted = frozenset(self._to_pause())
        changed = self._seen_changes != self.membership.changes
        if wanted == self._paused and not (changed and wanted):
            self._seen_changes = self.membership.changes
            return
        self._seen_changes = self.membership.changes
        self._consumer.resume(self.membership.held(self._paused - wanted))
        self._consumer.pause(self.membership.held(wanted))
        self._paused = wanted

    def _to_pause(self) -> Collection[str]:
        waiting = self.delivery.unacknowledged
        if waiting > PAUSE_AT or (self._paused and waiting > RESUME_AT):
            return self._handler.topics
        if isinstance(self._handler, SupportsBackPressure) and self._handler.full():
            return self._handler.topics
        if self._stop_at is not None and isinstance(self._handler, SupportsDrain):
            return self._handler.intake
        return ()

    def _done(self) -> bool:
        if self._stop_at is None or self._drain_until is None:
            return False
        now = self._clock.now()
        if not isinstance(self._handler, SupportsDrain) or not self.membership.partitions:
            return True
        return self._handler.drained(now) or now.mono > self._drain_until

    def _finish(self) -> None:
        """Have all acknowledged and committed, as far as the time allows."""
        drained = not isinstance(self._handler, SupportsDrain) or self._handler.drained(self._clock.now())
        self._settle()
        self.finished = drained and self.delivery.unacknowledged == 0
        if not self.finished:
            _LOG.warning("stopped early", drained=drained, unacknowledged=self.delivery.unacknowledged)

    def _settle(self) -> None:
        """Flush and commit before partitions go to another process, or this one ends."""
        if not self._holding:
            self._mark(self._clock.now())
        limit_s = self._settings.session_timeout_ms / 2_000
        if self._stop_at is not None:
            limit_s = (self._stop_at - self._clock.now().mono) / 1e6
        if not self.delivery.flush(limit_s):
            _LOG.warning("not all acknowledged", unacknowledged=self.delivery.unacknowledged)
        try:
            self._commit(wait=True)
        except KafkaException as error:
            _LOG.warning("offsets not committed", why=error.args[0].str())

    def _forget(self) -> None:
        """Keep nothing of the partitions that are gone."""
        self.delivery.forget()
        self._safe = None
        self._unmarked = 0
        self._metrics.assigned(0)

    def _on_commit(self, error: KafkaError | None, partitions: list[KafkaPartition]) -> None:
        self.membership.on_commit(error, partitions)

    def _recover(self, starts: Offsets) -> None:
        if isinstance(self._handler, SupportsRecovery):
            count = recover(self._handler, self._handler.topics[0], starts, self._settings, self._clock)
            _LOG.info("read back", topic=self._handler.recovery_topic, records=count)

    def _out_of_time(self) -> bool:
        return self._stop_at is not None and self._clock.now().mono > self._stop_at
