"""Waits for the broker before anything else needs it, so that a broker that is away crashes nobody."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError
from mode import Service
from rendezvous_contracts.topics import CONTROL

from rendezvous_runtime.errors import ServiceError
from rendezvous_runtime.shell.quiet import MODE_LOG

_RETRY_S: Final = 0.25
_REMIND_S: Final = 10.0
_log = structlog.get_logger(__name__)

CONTROL_PARTITION: Final = TopicPartition(CONTROL, 0)


class MissingTopicError(ServiceError):
    """The broker is there, and the topic control is not."""


class BrokerGate(Service):
    """
    Lets the start go on once the broker answers and the topic control is there.

    *found* is called with the offset at which that topic ends. Until then *waiting_for* says what is wrong.
    """

    logger = MODE_LOG

    def __init__(
        self, connect: Callable[[], AIOKafkaConsumer], servers: str, found: Callable[[int], None]
    ) -> None:
        super().__init__()
        self._connect = connect
        self._servers = servers
        self._found = found
        self._detail: str | None = f"no answer yet from the broker at {servers}"

    def waiting_for(self) -> str | None:
        """Return None once the broker has answered."""
        return self._detail

    async def on_start(self) -> None:
        """Ask the broker until it answers or the service is to stop."""
        reminded = -_REMIND_S
        while not self.should_stop:
            try:
                end = await self._end_of_control()
            except KafkaConnectionError:
                self._detail = f"no answer from the broker at {self._servers}"
            except (KafkaError, OSError, MissingTopicError) as error:
                self._detail = f"the broker at {self._servers}: {error}"
            else:
                self._detail = None
                self._found(end)
                return
            if (now := asyncio.get_running_loop().time()) - reminded >= _REMIND_S:
                reminded = now
                _log.warning("waiting for the broker", detail=self._detail)
            await self.sleep(_RETRY_S)

    async def _end_of_control(self) -> int:
        """Return the offset after the last record; raises if the broker or the topic is not there."""
        consumer = self._connect()
        try:
            await consumer.start()
            if CONTROL not in await consumer.topics():
                raise MissingTopicError(f"it has no topic {CONTROL}; create the topics")
            consumer.assign([CONTROL_PARTITION])
            return await self._after_last_record(consumer)
        finally:
            await consumer.stop()

    async def _after_last_record(self, consumer: AIOKafkaConsumer) -> int:
        """Look from the end back: the last offsets may hold no record but the marks of transactions."""
        begin = (await consumer.beginning_offsets([CONTROL_PARTITION]))[CONTROL_PARTITION]
        end = (await consumer.end_offsets([CONTROL_PARTITION]))[CONTROL_PARTITION]
        back = 1
        while begin < end and not self.should_stop:
            start = max(begin, end - back)
            if last := await self._last_record(consumer, start, end):
                return last
            if start == begin:
                break
            back *= 8
        return 0

    async def _last_record(self, consumer: AIOKafkaConsumer, start: int, end: int) -> int | None:
        consumer.seek(CONTROL_PARTITION, start)
        after = None
        while await consumer.position(CONTROL_PARTITION) < end and not self.should_stop:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                after = records[-1].offset + 1
        return after
