"""Puts the gateway together."""

from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CollectorRegistry
from rendezvous_runtime.clock import Clock, SystemClock
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.shell import ServiceApp, create_service_app
from rendezvous_runtime.tracing import start_tracing

from rendezvous_gateway.admission import Limits
from rendezvous_gateway.asking import Asking
from rendezvous_gateway.desk import Desk
from rendezvous_gateway.exchange import Exchange
from rendezvous_gateway.feed import AnswerFeed
from rendezvous_gateway.inference import Inference
from rendezvous_gateway.metrics import DeskCollector, GatewayMetrics
from rendezvous_gateway.pages import Pages
from rendezvous_gateway.questions import Questions
from rendezvous_gateway.readiness import Readiness
from rendezvous_gateway.screen.endpoints import StatusPage
from rendezvous_gateway.screen.tail import Tail
from rendezvous_gateway.screen.watcher import Watcher
from rendezvous_gateway.server import HttpServer, create_web
from rendezvous_gateway.settings import GatewaySettings
from rendezvous_gateway.streaming import Streaming

if TYPE_CHECKING:
    from rendezvous_runtime.tracing.spans import Tracing


def create_app(
    settings: GatewaySettings, *, clock: Clock | None = None, registry: CollectorRegistry | None = None
) -> ServiceApp:
    """Return the gateway as an application; nothing is connected before it is run."""
    clock = clock or SystemClock()
    registry = registry or CollectorRegistry()
    control = ControlView()
    metrics = GatewayMetrics(registry)
    tracing = start_tracing(settings, rate=settings.traces_rate)
    exchange = make_exchange(Desk(read_limits(settings), metrics.answered), clock, tracing)
    registry.register(DeskCollector(exchange.desk))
    feed = AnswerFeed(exchange, settings.service)
    readiness = Readiness(feed.waiting_for)
    served = endpoints(settings, control, exchange, readiness, clock)
    public = create_web(settings, metrics, served)
    if settings.status_page:
        add_status_page(public, settings, control, clock)
    server = HttpServer(settings, public, exchange)
    app = create_service_app(
        settings,
        feed,
        control,
        clock=clock,
        registry=registry,
        waiting_for=readiness.own,
        services=[server],
        tracing=tracing,
    )
    exchange.connect(app.data_plane)
    readiness.surround(lambda: app.parts.readiness().detail or None)
    return app


def endpoints(
    settings: GatewaySettings,
    control: ControlView,
    exchange: Exchange,
    readiness: Readiness,
    clock: Clock,
) -> list[web.RouteDef]:
    """Return all that the public interface serves."""
    # Partitions are asked for once the control log is folded, and those held last stay in use.
    questions = Questions(control, settings.max_request_bytes, lambda: bool(exchange.desk.partitions))
    return [
        *Pages(questions, status_page=settings.status_page).endpoints(),
        *Asking(questions, exchange, clock).endpoints(),
        *Streaming(questions, exchange, clock, settings.stream_window, settings.max_body_bytes).endpoints(),
        *Inference(questions, exchange, readiness, settings.max_rows).endpoints(),
    ]


def make_exchange(desk: Desk, clock: Clock, tracing: "Tracing | None") -> Exchange:
    """Return the exchange of *desk*; what it does is traced if there is *tracing*."""
    if tracing is None:
        return Exchange(desk, clock)
    from rendezvous_gateway.tracing import TracedExchange  # noqa: PLC0415 - it needs OpenTelemetry

    return TracedExchange(desk, clock, tracing)


def add_status_page(
    public: web.Application, settings: GatewaySettings, control: ControlView, clock: Clock
) -> None:
    """Have *public* serve the status page; nothing is read for it before somebody looks."""
    page = StatusPage(control, Watcher(partial(Tail, settings), clock), clock)
    public.add_routes(page.endpoints())
    public.on_shutdown.append(page.close)


def read_limits(settings: GatewaySettings) -> Limits:
    """Return the limits that *settings* name."""
    return Limits(
        tolerance_us=round(settings.gateway_tolerance_ms * 1000),
        pending=settings.max_pending,
        backlog=settings.max_backlog,
        remember_bytes=settings.remember_bytes,
    )
