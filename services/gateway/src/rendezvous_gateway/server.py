"""The public HTTP server: all endpoints in one application, run as a service beside the data plane."""

from collections.abc import Awaitable, Callable, Iterable

import structlog
from aiohttp import web
from mode import Service
from rendezvous_runtime.errors import ServiceError

from rendezvous_gateway.exchange import Exchange
from rendezvous_gateway.metrics import GatewayMetrics
from rendezvous_gateway.responses import answer_problems
from rendezvous_gateway.settings import GatewaySettings

_log = structlog.get_logger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_LINGER_S = 1.0


def create_web(
    settings: GatewaySettings, metrics: GatewayMetrics, endpoints: Iterable[web.RouteDef]
) -> web.Application:
    """Return the application that serves *endpoints*."""

    @web.middleware
    async def count(request: web.Request, handler: _Handler) -> web.StreamResponse:
        response = await handler(request)
        resource = request.match_info.route.resource
        metrics.responded(resource.canonical if resource else "none", response.status)
        return response

    application = web.Application(
        middlewares=[count, answer_problems], client_max_size=settings.max_body_bytes
    )
    application.add_routes(list(endpoints))
    return application


class HttpServer(Service):
    """
    Listens from its start; at its stop it takes no more requests and lets the pending ones finish.

    Half of the grace period is for that, so that the data plane has the other half.
    """

    def __init__(self, settings: GatewaySettings, application: web.Application, exchange: Exchange) -> None:
        super().__init__()
        self._settings = settings
        self._exchange = exchange
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_LINGER_S)

    @property
    def port(self) -> int:
        """The port that it listens on; 0 before the start."""
        addresses = self._runner.addresses
        return int(addresses[0][1]) if addresses else 0

    async def on_start(self) -> None:
        """Listen; raises ServiceError if the address is taken or not this machine's."""
        settings = self._settings
        self._exchange.start()
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, settings.http_host, settings.http_port).start()
        except OSError as error:
            raise ServiceError(
                f"cannot listen on {settings.http_host}:{settings.http_port}: {error.strerror};"
                " set RENDEZVOUS_HTTP_HOST and RENDEZVOUS_HTTP_PORT to an address that is free"
            ) from error
        _log.info("serving", url=f"http://{settings.http_host}:{self.port}/")

    async def on_stop(self) -> None:
        """Refuse what comes, answer what waits, close."""
        if not await self._exchange.stop(self._settings.grace_s / 2):
            _log.warning("stopped while requests waited", pending=len(self._exchange.desk))
        await self._runner.cleanup()
