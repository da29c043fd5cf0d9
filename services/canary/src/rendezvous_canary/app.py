"""Puts a canary together."""

from faust.web import Request, Response, View
from prometheus_client import CollectorRegistry
from rendezvous_models.host import ModelHost
from rendezvous_runtime.clock import Clock, SystemClock
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.shell import ServiceApp, create_service_app

from rendezvous_canary.comparison import Comparison
from rendezvous_canary.handler import CanaryHandler, create_comparison
from rendezvous_canary.metrics import declare_metrics
from rendezvous_canary.report import comparison_json
from rendezvous_canary.settings import CanarySettings


def create_app(
    settings: CanarySettings, *, clock: Clock | None = None, registry: CollectorRegistry | None = None
) -> ServiceApp:
    """Return the application; it connects when it is run."""
    clock = clock or SystemClock()
    registry = registry or CollectorRegistry()
    control = ControlView()
    host = ModelHost(settings, control, clock=clock)
    comparison = create_comparison(settings, control)
    declare_metrics(registry, host, comparison)
    return create_service_app(
        settings,
        CanaryHandler(host.handler, comparison, service=settings.service),
        control,
        clock=clock,
        registry=registry,
        waiting_for=host.waiting_for,
        may_start=host.may_start,
        describe=host.describe,
        views=lambda app: _add_view(app, comparison),
        services=[host],
    )


def _add_view(app: ServiceApp, comparison: Comparison) -> None:
    async def comparisons(view: View, _: Request) -> Response:
        return view.json(comparison_json(comparison))

    app.page("/state/comparisons")(comparisons)
