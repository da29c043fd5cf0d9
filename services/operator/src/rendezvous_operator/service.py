"""The operator's turns as a service of the Faust application, in a thread: back ends block."""

import asyncio

from mode import Service
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.shell.quiet import MODE_LOG
from scoring.v1.status_pb2 import Status

from rendezvous_operator.handler import StatusHandler
from rendezvous_operator.reconciler import Reconciler


class ReconcilerService(Service):  # type: ignore[misc]  # mode has no types
    """Runs *reconciler* while this operator leads and has folded the control log; ends it in order."""

    logger = MODE_LOG

    def __init__(
        self,
        reconciler: Reconciler,
        handler: StatusHandler,
        control: ControlView,
        *,
        every_s: float,
        leave_running: bool,
    ) -> None:
        super().__init__()
        self._reconciler = reconciler
        self._handler = handler
        self._control = control
        self._every_s = every_s
        self._leave_running = leave_running

    def waiting_for(self) -> str | None:
        """Return what stands in the way, or None."""
        return f"the back end: {self._reconciler.trouble}" if self._reconciler.trouble else None

    def describe(self, status: Status) -> None:
        """Add the deployments to *status*; an operator that does not lead says nothing of them."""
        if self._handler.leading:
            status.deployments.extend(self._reconciler.deployments)

    @Service.task  # type: ignore[untyped-decorator]  # as above
    async def _run(self) -> None:
        while not self.should_stop:
            # It leads only once the control log is folded: before that, nothing would be wanted.
            if self._handler.leading:
                state, heard = self._control.state, self._handler.heard
                await asyncio.to_thread(self._reconciler.turn, state, heard)
            await self.sleep(self._every_s)

    async def on_shutdown(self) -> None:
        """Leave what runs, or end it: once the last turn is over."""
        end = not self._leave_running and self._handler.leading
        await asyncio.to_thread(self._reconciler.close, end=end)
