"""The composition root that every service shares: a Faust application around one handler."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import faust
from faust.app.base import BootStrategy
from faust.tables import TableManager
from mode import Service
from prometheus_client import CollectorRegistry, ProcessCollector
from rendezvous_contracts.topics import CONTROL, STATUS
from yarl import URL

from rendezvous_runtime.clock import Clock, SystemClock
from rendezvous_runtime.control_keys import read_control_keys
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.data_plane import DataPlane
from rendezvous_runtime.health import WaitingFor, nothing
from rendezvous_runtime.metrics import PlaneMetrics
from rendezvous_runtime.settings import ServiceSettings
from rendezvous_runtime.shell.control import ControlFollower
from rendezvous_runtime.shell.credentials import faust_credentials
from rendezvous_runtime.shell.driver import GrouplessTransport, connect
from rendezvous_runtime.shell.gate import BrokerGate
from rendezvous_runtime.shell.heartbeat import Heartbeat
from rendezvous_runtime.shell.metrics import ServiceMetrics
from rendezvous_runtime.shell.parts import Parts
from rendezvous_runtime.shell.plane import PlaneService
from rendezvous_runtime.shell.quiet import MODE_LOG
from rendezvous_runtime.shell.views import views as shell_views
from rendezvous_runtime.shell.web import ServiceWeb
from rendezvous_runtime.status import Describe, undescribed
from rendezvous_runtime.stream import Handler
from rendezvous_runtime.tracing import BatchTraces, start_tracing

if TYPE_CHECKING:
    from rendezvous_runtime.tracing.spans import Tracing

# Of the grace period: the rest is for the service's own parts, the last status and Faust.
_PLANES_SHARE: Final = 0.8


class _Boot(BootStrategy):
    def server(self) -> Iterable[Service]:
        """Start the web server first, so that it can say what the rest waits for; then the broker's gate."""
        app = self.app
        clients = [app.parts.gate, *self.kafka_producer(), app.consumer]
        streams = [*self.agents(), *self.kafka_conductor(), *self.tables()]
        own = [app.parts.plane, app.heartbeat, *app.parts.services]
        return [*self.web_server(), *self.sensors(), *clients, *streams, *own]


class _Tables(TableManager):
    logger = MODE_LOG

    async def on_start(self) -> None:
        """Start at once: Faust waits a second for modules that declare tables late; here none does."""
        await self._update_channels()
        await self.recovery.start()


class ServiceApp(faust.App):
    """A Faust application that runs a data plane; *data_plane* can send from any thread."""

    logger = MODE_LOG

    BootStrategy = _Boot
    settings: ServiceSettings
    data_plane: DataPlane
    parts: Parts
    heartbeat: Heartbeat
    tracing: "Tracing | None"

    @property
    def web_port(self) -> int:
        """The port of its web server, once that listens."""
        return int(self.web.port)

    def _new_web(self) -> ServiceWeb:
        return ServiceWeb(self)

    async def on_first_start(self) -> None:
        """Make the data directory; Faust makes only its last part."""
        self.conf.datadir.mkdir(parents=True, exist_ok=True)
        await super().on_first_start()

    async def on_stop(self) -> None:
        """
        Leave in order.

        1. Not ready any more: nobody sends new work here. 2. The service's own services end, while the plane
        can still send for them. 3. The plane drains. 4. The last status. 5. Faust's own parts.
        """
        self.parts.stopping = True
        for service in reversed(self.parts.services):
            await service.stop()
        await self.parts.plane.stop()
        await self.heartbeat.stop()
        if self.parts.gate.waiting_for() is None:
            status = self.parts.status()
            status.stopping = self.data_plane.failure is None
            await self.heartbeat.try_send(status)
        if self.tracing is not None:
            await asyncio.to_thread(self.tracing.close)
        await super().on_stop()


def create_service_app(
    settings: ServiceSettings,
    handler: Handler,
    control: ControlView,
    *,
    clock: Clock | None = None,
    registry: CollectorRegistry | None = None,
    waiting_for: WaitingFor = nothing,
    may_start: Callable[[], bool] = lambda: True,
    describe: Describe = undescribed,
    views: Callable[[ServiceApp], None] | None = None,
    services: Sequence[Service] = (),
    joins: bool = False,
    tracing: "Tracing | None" = None,
) -> ServiceApp:
    """
    Return the application of a service; nothing is connected before it is run.

    *handler* gets the per-request topics once *control* shows all that the control log held at the start.
    *waiting_for* says what the service itself still needs before it is ready. *may_start* holds the data
    plane back until the service can handle records: who joins its group before takes partitions away from
    one that can. *describe* completes each Status, *views* adds web views, *services* run beside the plane.
    *joins*: scores meet their input in *handler*, which traces show; *tracing* is the service's own, if it
    has one before this.
    """
    clock = clock or SystemClock()
    registry = registry or CollectorRegistry()
    ProcessCollector(registry=registry)
    app = _faust_app(settings)
    follower = ControlFollower(control, read_control_keys(settings.control_keys))
    app.tracing = tracing or start_tracing(settings)
    traces = _hop_traces(app.tracing, clock, joins=joins)
    app.data_plane = DataPlane(handler, settings, clock=clock, metrics=PlaneMetrics(registry), traces=traces)
    app.parts = Parts(
        settings=settings,
        clock=clock,
        registry=registry,
        follower=follower,
        gate=BrokerGate(partial(connect, settings), settings.bootstrap_servers, follower.expect),
        plane=PlaneService(app.data_plane, lambda: follower.caught_up and may_start(), settings.grace_s),
        waiting_for=waiting_for,
        describe=describe,
        services=services,
    )
    registry.register(ServiceMetrics(app.parts))
    _follow_control(app, follower)
    status_topic = app.topic(STATUS, key_serializer="raw", value_serializer="raw")
    app.heartbeat = Heartbeat(status_topic, app.parts, settings.heartbeat_s)
    for path, view in shell_views(app.parts).items():
        app.page(path)(view)
    if views is not None:
        views(app)
    return app


def _hop_traces(tracing: "Tracing | None", clock: Clock, *, joins: bool) -> BatchTraces | None:
    if tracing is None:
        return None
    from rendezvous_runtime.tracing.hops import HopTraces  # noqa: PLC0415 - it needs OpenTelemetry

    return HopTraces(tracing, clock, joins=joins)


def _faust_app(settings: ServiceSettings) -> ServiceApp:
    url = URL(f"kafka://{settings.bootstrap_servers.split(',')[0].strip()}")
    app = ServiceApp(
        settings.group,
        broker=[URL(f"kafka://{server.strip()}") for server in settings.bootstrap_servers.split(",")],
        broker_client_id=settings.instance,
        broker_credentials=faust_credentials(settings),
        datadir=settings.data_dir / "faust" / settings.instance,
        autodiscover=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        producer_acks=-1,
        producer_linger_ms=0,
        web_bind=settings.web_host,
        web_tables_enabled=False,
        web_router_enabled=False,
        web_stats_enabled=False,
        worker_redirect_stdouts=False,
        TableManager=_Tables,
    )
    app.settings = settings
    app.transport = GrouplessTransport([url], app)
    return app


def _follow_control(app: ServiceApp, follower: ControlFollower) -> None:
    topic = app.topic(CONTROL, key_serializer="raw", value_serializer="raw", acks=False)

    async def fold_control(records: faust.Stream) -> None:
        async for event in records.events():
            follower.fold(event.value, event.message.offset)

    app.agent(topic, name="control")(fold_control)
