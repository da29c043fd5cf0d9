"""Sends the status of the instance once a second, and at once when something in it changes."""

import asyncio
from typing import Final, Protocol

import structlog
from faust.types import TopicT
from mode import Service
from rendezvous_control.state import State
from scoring.v1.status_pb2 import Status

from rendezvous_runtime.health import Readiness
from rendezvous_runtime.shell.quiet import MODE_LOG

_LOOK_S: Final = 0.05
_SEND_S: Final = 2.0
_log = structlog.get_logger(__name__)


class Reported(Protocol):
    """What the status is about."""

    @property
    def state(self) -> State:
        """The control state folded so far."""
        ...

    def readiness(self) -> Readiness:
        """Return whether it is ready, and if not, why."""
        ...

    def status(self) -> Status:
        """Return what the instance says of itself now."""
        ...


class Heartbeat(Service):
    """
    Sends the status of *reported* to *topic*, keyed by the instance, every *interval_s* seconds.

    A change of readiness or of the control offset is sent without delay: others wait for it.
    """

    logger = MODE_LOG

    def __init__(self, topic: TopicT, reported: Reported, interval_s: float) -> None:
        super().__init__()
        self._topic = topic
        self._reported = reported
        self._interval_s = interval_s
        self._failing = False

    @Service.task
    async def _beat(self) -> None:
        clock = asyncio.get_running_loop().time
        sent, due = None, clock()
        while not self.should_stop:
            readiness = self._reported.readiness()
            told = (readiness, self._reported.state.next_offset)
            if told != sent or clock() >= due:
                if sent is None or sent[0] != readiness:
                    _log.info(
                        "ready" if readiness.ready else "not ready", waiting_for=readiness.detail or None
                    )
                sent, due = told, clock() + self._interval_s
                await self.try_send(self._reported.status())
            await self.sleep(_LOOK_S)

    async def try_send(self, status: Status) -> None:
        """Send *status*; without a broker the service goes on, and says so once."""
        try:
            await self._send(status)
        except Exception as error:  # noqa: BLE001 - Faust's, aiokafka's and the timeout's have no common root
            if not self._failing:
                _log.warning("status is not sent", why=str(error) or type(error).__name__)
            self._failing = True
        else:
            self._failing = False

    async def _send(self, status: Status) -> None:
        key, value = status.instance.encode(), status.SerializeToString()
        async with asyncio.timeout(_SEND_S):
            sent = await self._topic.send(key=key, value=value, partition=0)
        # Waited for, and never cancelled: Faust's own callback on it would raise.
        done, _ = await asyncio.wait([sent], timeout=_SEND_S)
        if not done:
            raise TimeoutError(f"the broker did not acknowledge it in {_SEND_S:g} s")
        sent.result()
