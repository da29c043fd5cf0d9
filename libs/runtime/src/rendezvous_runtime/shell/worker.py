"""Runs an application until it is told to stop."""

import asyncio
from typing import NoReturn

import faust
import structlog

from rendezvous_runtime.logs import configure_logs
from rendezvous_runtime.shell.app import ServiceApp

_log = structlog.get_logger(__name__)


class _Worker(faust.Worker):
    """Faust's worker without its banner, its spinner and its logging."""

    def _setproctitle(self, info: str, *, ident: str = "") -> None:
        """Leave the process its name: who supervises it knows it by that."""

    async def _sentinel_task(self) -> None:
        """Leave at once; the futures are gathered already."""


def run(app: ServiceApp) -> NoReturn:
    """
    Run *app* until SIGTERM or SIGINT, then exit: 0 after a graceful stop, 1 when something failed.

    Sets up the logs of the process.
    """
    configure_logs(app.settings)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = _Worker(app, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False)
    worker.spinner = None
    raise SystemExit(worker.execute_from_commandline())
