"""Reading: the next batch until a timer is due, and the errors among it."""

import time
from collections.abc import Sequence
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, Message

from rendezvous_runtime.broker_state import BrokerState, is_fatal
from rendezvous_runtime.errors import DataPlaneError
from rendezvous_runtime.kafka import MAX_BATCH
from rendezvous_runtime.membership import Membership

_LOG: Final = structlog.get_logger(__name__)

_MS: Final = 1_000
_IDLE_WAIT_MS: Final = 5
# Near a timer, polling in whole milliseconds is too coarse: this much sleep at a time, in microseconds.
_NAP_US: Final = 200
_PROBE_S: Final = 1.0
_NOT_ALLOWED: Final = frozenset(
    {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED}
)
_NO_TOPIC: Final = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})  # noqa: SLF001


class Reader:
    """The reading side of the consumer. *holding* tells that something is read and not yet handed on."""

    def __init__(
        self, consumer: Consumer, membership: Membership, broker: BrokerState, topics: Sequence[str]
    ) -> None:
        self._consumer = consumer
        self._membership = membership
        self._broker = broker
        self._topics = topics
        self.holding = False

    def read(self, left_us: int | None) -> list[Message]:
        """Wait for a record for at most *left_us* microseconds, or a moment; then take what else is there."""
        left = _IDLE_WAIT_MS * _MS if left_us is None else left_us
        first = self._consumer.poll(min(_IDLE_WAIT_MS, max(0, left // _MS)) / _MS)
        if first is None:
            if 0 < left < _MS:
                time.sleep(min(left, _NAP_US) / 1e6)
            return []
        before = self._membership.changes
        self.holding = True
        rest = self._consumer.consume(MAX_BATCH - 1, 0)
        self.holding = False
        # A partition that was taken away in between is another's; given back, it is read again.
        batch = rest if self._membership.changes != before else [first, *rest]
        return self._without_errors(batch) if any(map(Message.error, batch)) else batch

    def _without_errors(self, batch: Sequence[Message]) -> list[Message]:
        records = []
        for message in batch:
            error = message.error()
            if error is None:
                records.append(message)
            else:
                self._take(error)
        return records

    def _take(self, error: KafkaError) -> None:
        """Check the topics where they are in doubt; raise on what needs an operator, else log and go on."""
        if is_fatal(error):
            self._broker.on_error(error)
            return
        _LOG.warning("consumer error", why=error.str())
        if error.code() in _NO_TOPIC:
            self._broker.probe(self._consumer, self._topics, _PROBE_S)
        elif error.code() in _NOT_ALLOWED:
            raise DataPlaneError(f"not allowed: {error.str()}; give this service's principal the right to it")
