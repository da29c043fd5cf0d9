"""The edge of the rendezvous: its handler on the stream."""

from prometheus_client import CollectorRegistry
from rendezvous_runtime.clock import Clock
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.shell import ServiceApp, create_service_app

from rendezvous_service.counting import RendezvousMetrics
from rendezvous_service.handler import Rendezvous
from rendezvous_service.route_state import RouteMetrics
from rendezvous_service.settings import RendezvousSettings


def create_app(
    settings: RendezvousSettings, *, clock: Clock | None = None, registry: CollectorRegistry | None = None
) -> ServiceApp:
    """Return the rendezvous as an application; nothing is connected before it is run."""
    control = ControlView()
    registry = registry or CollectorRegistry()
    handler = Rendezvous(
        control,
        RendezvousMetrics(registry, control),
        settings.limits(),
        recovery_window_us=int(settings.read_back_s * 1e6),
        build=settings.build,
    )
    RouteMetrics(registry, control)
    return create_service_app(
        settings, handler, control, clock=clock, registry=registry, describe=handler.describe, joins=True
    )
