"""Runs the data plane as a service of the Faust application; its thread is not the event loop."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from mode import Service

from rendezvous_runtime.data_plane import DataPlane
from rendezvous_runtime.kafka import MAX_POLL_INTERVAL_MS
from rendezvous_runtime.shell.quiet import MODE_LOG

_LOOK_S: Final = 0.02
_WATCH_S: Final = 0.2
# The longest that a turn may take: the group gives up who does not read for as long.
STUCK_AFTER_S: Final = MAX_POLL_INTERVAL_MS / 1_000
_log = structlog.get_logger(__name__)


class PlaneService(Service):
    """
    Starts *plane* once *may_start*, ends the process when it fails, and drains it at a stop.

    A plane that stands still for *stuck_after_s* has failed.
    """

    logger = MODE_LOG

    def __init__(
        self,
        plane: DataPlane,
        may_start: Callable[[], bool],
        grace_s: float,
        stuck_after_s: float = STUCK_AFTER_S,
    ) -> None:
        super().__init__()
        self._plane = plane
        self._may_start = may_start
        self._grace_s = grace_s
        self._stuck_after_s = stuck_after_s
        self._running = False

    def failed(self) -> str | None:
        """Return None, or why the plane failed."""
        failure = self._plane.failure
        return None if failure is None else f"the data plane failed: {failure}"

    def waiting_for(self) -> str | None:
        """Return None while the plane runs and has its partitions, else what it waits for."""
        if not self._running:
            return "the data plane is not started yet"
        if not self._plane.alive:
            return "the data plane has ended"
        return None if self._plane.joined else "its group has not dealt out the partitions yet"

    @property
    def alive(self) -> bool:
        """Whether nothing is wrong with the plane: it runs, or it is not its time."""
        return not self._running or self.should_stop or self._plane.alive

    @property
    def lag_records(self) -> int:
        """How many records the plane has not read yet."""
        return self._plane.lag_records

    @Service.task
    async def _run(self) -> None:
        while not self._may_start() and not self.should_stop:
            await self.sleep(_LOOK_S)
        if self.should_stop:
            return
        self._plane.start()
        self._running = True
        await self._watch()

    async def _watch(self) -> None:
        # In looks, not in time: a process that was stopped for a while has not stood still by itself.
        looks, turns = 0, self._plane.turns
        while not self.should_stop:
            if (failure := self._plane.failure) is not None:
                raise failure
            looks = looks + 1 if turns == self._plane.turns else 0
            turns = self._plane.turns
            if looks * _WATCH_S > self._stuck_after_s:
                self._plane.abandon(f"it has not moved for {self._stuck_after_s:g} s")
            await self.sleep(_WATCH_S)

    async def on_stop(self) -> None:
        """Drain the plane, in a thread, so that the event loop goes on with health and heartbeats."""
        if self._running and self._plane.alive:
            drained = await asyncio.to_thread(self._plane.stop, self._grace_s)
            if not drained:
                _log.warning("stopped before all was drained; the rest is read again", grace_s=self._grace_s)
