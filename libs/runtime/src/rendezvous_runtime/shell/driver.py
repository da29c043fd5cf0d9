"""
Faust's Kafka transport, reading without a consumer group.

Every process reads all of `control` from its beginning. A group would cost its join and the broker's initial
rebalance delay (3 s by default) at each start, and leave an empty group behind; assigned by hand, the same
consumer starts at once, and nothing of it remains in the broker.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from rendezvous_runtime.settings import KafkaSettings
from rendezvous_runtime.shell.credentials import auth_arguments
from rendezvous_runtime.shell.gate import CONTROL_PARTITION
from rendezvous_runtime.shell.quiet import MODE_LOG


def connect(settings: KafkaSettings) -> AIOKafkaConsumer:
    """Return a consumer, not started yet, that belongs to no group and begins at the beginning."""
    return AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # A message of a transaction that was aborted was never sent.
        isolation_level="read_committed",
        # One partition: a parked fetch is released by the first record, so waiting long costs nothing.
        fetch_max_wait_ms=500,
        retry_backoff_ms=100,
        **auth_arguments(settings),
    )


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    logger = MODE_LOG
    settings: KafkaSettings

    def _create_worker_consumer(self, transport: object) -> AIOKafkaConsumer:  # noqa: ARG002 - Faust's hook
        return connect(self.settings)

    async def subscribe(self, topics: Iterable[str]) -> None:  # noqa: ARG002 - there is but one
        """Take the partition of control and tell the application, as a group's coordinator would."""
        await self.call_thread(self._assign)

    async def _assign(self) -> None:
        self._ensure_consumer().assign([CONTROL_PARTITION])
        self.app.on_rebalance_start()
        assigned = {TP(CONTROL_PARTITION.topic, CONTROL_PARTITION.partition)}
        # The application's answer waits for subscribe to return, so it must not be awaited here.
        self._assigning = asyncio.ensure_future(self.on_partitions_assigned(assigned))

    async def seek_to_committed(self) -> Mapping[Any, int]:
        """Leave the position where it is: at the beginning, for nothing is ever committed."""
        return {}

    async def commit(self, tps: Mapping[Any, int]) -> bool:  # noqa: ARG002 - Faust's hook
        """Commit nothing: there is no group to do it for."""
        return True


class _Consumer(driver.Consumer):
    logger = MODE_LOG

    def _new_consumer_thread(self) -> _ConsumerThread:
        thread = _ConsumerThread(self, loop=self.loop, beacon=self.beacon)
        thread.settings = self.app.settings
        return thread


class GrouplessTransport(driver.Transport):
    """Faust's transport over aiokafka, with the consumer of this module."""

    Consumer = _Consumer
