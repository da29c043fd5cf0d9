"""Puts a model container together."""

from prometheus_client import CollectorRegistry
from rendezvous_models.host import ModelHost
from rendezvous_runtime.clock import Clock, SystemClock
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.shell import ServiceApp, create_service_app

from rendezvous_model_container.metrics import declare_metrics
from rendezvous_model_container.settings import ContainerSettings


def create_app(
    settings: ContainerSettings, *, clock: Clock | None = None, registry: CollectorRegistry | None = None
) -> ServiceApp:
    """Return the application; it connects when it is run."""
    clock = clock or SystemClock()
    registry = registry or CollectorRegistry()
    control = ControlView()
    host = ModelHost(settings, control, clock=clock)
    declare_metrics(registry, host)
    return create_service_app(
        settings,
        host.handler,
        control,
        clock=clock,
        registry=registry,
        waiting_for=host.waiting_for,
        may_start=host.may_start,
        describe=host.describe,
        services=[host],
    )
