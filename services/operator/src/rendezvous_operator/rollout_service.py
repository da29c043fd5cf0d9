"""The driver of roll-outs as a service of the Faust application, in a thread: reading decisions blocks."""

import asyncio

from mode import Service
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.shell.quiet import MODE_LOG
from scoring.v1.status_pb2 import Status

from rendezvous_operator.handler import StatusHandler
from rendezvous_operator.rollout_driver import RolloutDriver


class RolloutService(Service):  # type: ignore[misc]  # mode has no types
    """Runs *driver* while this operator leads and has folded the control log."""

    logger = MODE_LOG

    def __init__(
        self, driver: RolloutDriver, handler: StatusHandler, control: ControlView, *, every_s: float
    ) -> None:
        super().__init__()
        self._driver = driver
        self._handler = handler
        self._control = control
        self._every_s = every_s

    def describe(self, status: Status) -> None:
        """Add the roll-outs to *status*; an operator that does not lead says nothing of them."""
        if self._handler.leading:
            status.rollouts.extend(self._driver.rollouts)

    @Service.task  # type: ignore[untyped-decorator]  # as above
    async def _run(self) -> None:
        while not self.should_stop:
            if self._handler.leading:
                await asyncio.to_thread(self._driver.turn, self._control.state)
            else:
                await asyncio.to_thread(self._driver.close)
            await self.sleep(self._every_s)

    async def on_shutdown(self) -> None:
        """Read no more."""
        await asyncio.to_thread(self._driver.close)
