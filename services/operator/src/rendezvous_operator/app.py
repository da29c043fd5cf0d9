"""Puts an operator together."""

import os
from functools import partial

from prometheus_client import CollectorRegistry
from rendezvous_runtime.clock import Clock, SystemClock
from rendezvous_runtime.control_keys import read_control_keys
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.errors import SettingsError
from rendezvous_runtime.settings import ENV_PREFIX
from rendezvous_runtime.shell import ServiceApp, create_service_app
from scoring.v1.status_pb2 import Status

from rendezvous_operator.backend import Backend
from rendezvous_operator.decisions import DecisionReader
from rendezvous_operator.handler import StatusHandler
from rendezvous_operator.local import LocalBackend
from rendezvous_operator.metrics import OperatorMetrics
from rendezvous_operator.reconciler import Reconciler
from rendezvous_operator.rollout_driver import RolloutDriver, Voice
from rendezvous_operator.rollout_service import RolloutService
from rendezvous_operator.service import ReconcilerService
from rendezvous_operator.settings import OperatorSettings
from rendezvous_operator.signing import read_signer
from rendezvous_operator.targets import add_targets


def create_app(
    settings: OperatorSettings, *, clock: Clock | None = None, registry: CollectorRegistry | None = None
) -> ServiceApp:
    """Return the application; it connects when it is run."""
    clock = clock or SystemClock()
    registry = registry or CollectorRegistry()
    control, handler = ControlView(), StatusHandler()
    reconciler = Reconciler(create_backend(settings), clock)
    driver = _create_driver(settings, handler, clock)
    rollouts = RolloutService(driver, handler, control, every_s=settings.every_s)
    OperatorMetrics(registry, reconciler, handler, driver)
    service = ReconcilerService(
        reconciler, handler, control, every_s=settings.every_s, leave_running=settings.leave_running
    )

    def describe(status: Status) -> None:
        service.describe(status)
        rollouts.describe(status)

    return create_service_app(
        settings,
        handler,
        control,
        clock=clock,
        registry=registry,
        waiting_for=service.waiting_for,
        describe=describe,
        views=partial(add_targets, settings=settings, control=control),
        services=[service, rollouts],
    )


def _create_driver(settings: OperatorSettings, handler: StatusHandler, clock: Clock) -> RolloutDriver:
    keys = read_control_keys(settings.control_keys)
    voice = Voice(settings.operator_author, read_signer(settings.operator_key), keys, handler.post)
    read_back_us = int(settings.read_back_s * 1e6)
    return RolloutDriver(DecisionReader(settings), voice, clock, read_back_us=read_back_us)


def create_backend(settings: OperatorSettings) -> Backend:
    """Return the back end that *settings* name; it does nothing yet."""
    if settings.backend == "docker":
        # Its client takes a while to import, and only this back end needs it.
        from rendezvous_operator.docker_engine import DockerBackend  # noqa: PLC0415

        return DockerBackend(settings, _forwarded(settings))
    if settings.backend == "kubernetes":
        # As above; its client is an extra of the package besides.
        try:
            from rendezvous_operator.kubernetes_engine import KubernetesBackend  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise SettingsError(
                f"RENDEZVOUS_BACKEND is kubernetes, and {error.name} is not installed: "
                "install rendezvous-operator[kubernetes]"
            ) from error
        return KubernetesBackend(settings)
    environment = {f"{ENV_PREFIX}BOOTSTRAP_SERVERS": settings.bootstrap_servers}
    return LocalBackend(
        settings.data_dir / "containers",
        environment,
        guardian=settings.guardian,
        stop_s=settings.stop_s,
    )


def _forwarded(settings: OperatorSettings) -> dict[str, str]:
    names = (f"{ENV_PREFIX}{name}" for name in settings.docker_forward)
    return {name: os.environ[name] for name in names if os.environ.get(name)}
