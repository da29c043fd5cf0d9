"""Faust's web server, on the host and port of the settings."""

import structlog
from aiohttp.web import AppRunner, TCPSite
from faust.web.drivers.aiohttp import Web

from rendezvous_runtime.errors import ServiceError
from rendezvous_runtime.shell.quiet import MODE_LOG

_log = structlog.get_logger(__name__)


class ServiceWeb(Web):
    """Binds any free port if the settings say 0, says which, and explains a port that is taken."""

    logger = MODE_LOG

    async def start_server(self) -> None:
        """Listen; raises ServiceError if the address is taken or not this machine's."""
        settings = self.app.settings
        # No request here takes long; a stop must not wait a minute for a client that keeps its connection.
        self._runner = AppRunner(self.web_app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await TCPSite(self._runner, settings.web_host, settings.web_port).start()
        except OSError as error:
            raise ServiceError(
                f"cannot listen on {settings.web_host}:{settings.web_port}: {error.strerror};"
                " set RENDEZVOUS_WEB_HOST and RENDEZVOUS_WEB_PORT to an address that is free"
            ) from error
        _log.info("listening", host=settings.web_host, port=self.port)

    @property
    def port(self) -> int:
        """The port that it listens on; 0 before the start."""
        addresses = self._runner.addresses
        return int(addresses[0][1]) if addresses else 0
