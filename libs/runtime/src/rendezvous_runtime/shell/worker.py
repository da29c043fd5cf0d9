"""Runs an application until it is told to stop."""

import asyncio
import gc
import sys
from collections.abc import Callable
from typing import Final, NoReturn

import faust
import structlog

from rendezvous_runtime.errors import SettingsError
from rendezvous_runtime.logs import configure_logs
from rendezvous_runtime.settings import Settings, read_settings
from rendezvous_runtime.shell.app import ServiceApp

_log = structlog.get_logger(__name__)

# The default lets the event loop keep the data plane's thread from its timers for 5 ms at a time.
_SWITCH_S: Final = 0.0005
# Every record is some objects: at the default, 700, a collection comes every few hundred records.
_COLLECT_AFTER: Final = 50_000
_USAGE: Final = 2


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
    sys.setswitchinterval(_SWITCH_S)
    # What the imports made stays for ever: no later collection has to look through it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 50)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = _Worker(app, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False)
    worker.spinner = None
    raise SystemExit(worker.execute_from_commandline())


def serve(create_app: Callable[[Settings], ServiceApp], kind: type[Settings]) -> NoReturn:
    """
    Run the application that *create_app* makes of the environment's settings, as run does.

    Settings that are not usable end the process with exit code 2 and the reason: to start again is no use.
    """
    try:
        app = create_app(read_settings(kind))
    except SettingsError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(_USAGE) from None
    run(app)
