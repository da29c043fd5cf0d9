"""Sends the status of the instance once a second, and a last one when it leaves."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from faust.types import TopicT
from mode import Service
from scoring.v1.status_pb2 import Status

from rendezvous_runtime.shell.quiet import MODE_LOG

_LAST_S: Final = 2.0
_log = structlog.get_logger(__name__)


class Heartbeat(Service):
    """Sends what *status* returns to *topic*, keyed by the instance, every *interval_s* seconds."""

    logger = MODE_LOG

    def __init__(self, topic: TopicT, status: Callable[[], Status], interval_s: float) -> None:
        super().__init__()
        self._topic = topic
        self._status = status
        self._interval_s = interval_s

    @Service.task
    async def _beat(self) -> None:
        failing = False
        while not self.should_stop:
            try:
                await self.send(self._status())
                failing = False
            except Exception as error:  # noqa: BLE001 - without a broker the service goes on
                if not failing:
                    _log.warning("status is not sent", error=str(error))
                failing = True
            await self.sleep(self._interval_s)

    async def send(self, status: Status) -> None:
        """Send *status*; raises what the producer raises, and TimeoutError when that takes too long."""
        key, value = status.instance.encode(), status.SerializeToString()
        async with asyncio.timeout(_LAST_S):
            await (await self._topic.send(key=key, value=value, partition=0))
