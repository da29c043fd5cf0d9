"""The metrics of an operator, besides those that every service has."""

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from rendezvous_runtime.families import Family
from scoring.v1.status_pb2 import DeploymentState, RolloutStatus

from rendezvous_operator.handler import StatusHandler
from rendezvous_operator.reconciler import Reconciler
from rendezvous_operator.rollout_driver import RolloutDriver

LEADING: Final = Family("gauge", "rendezvous_operator_leading", "1 while this operator acts.")
UNDECODABLE: Final = Family("counter", "rendezvous_operator_undecodable", "Records of status that are none.")
ACTIONS: Final = Family("counter", "rendezvous_operator_actions", "What was done to containers.", ("action",))
CONTAINERS: Final = Family(
    "gauge",
    "rendezvous_operator_containers",
    "Containers that are wanted, run, and are ready.",
    ("deployment", "state"),
)
FAILED: Final = Family(
    "gauge", "rendezvous_operator_deployment_failed", "1 while it has failed.", ("deployment",)
)
VERDICTS: Final = Family(
    "counter", "rendezvous_operator_verdicts", "What was said of steps of roll-outs.", ("verdict",)
)
STEP: Final = Family(
    "gauge", "rendezvous_operator_rollout_step", "The step that a roll-out is at.", ("route", "model")
)
STEP_REQUESTS: Final = Family(
    "gauge",
    "rendezvous_operator_rollout_requests",
    "Requests of the current step that count.",
    ("route", "model"),
)
GATE: Final = Family(
    "gauge",
    "rendezvous_operator_rollout_gate",
    "What a gate measures: its value, the ends between which it lies, and the bound.",
    ("route", "model", "metric", "against", "figure"),
)


class OperatorMetrics(Collector):
    """Shows what *reconciler* and *driver* do and *handler* hears when somebody asks."""

    def __init__(
        self,
        registry: CollectorRegistry,
        reconciler: Reconciler,
        handler: StatusHandler,
        driver: RolloutDriver,
    ) -> None:
        self._reconciler = reconciler
        self._driver = driver
        self._handler = handler
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Return all families as they are now."""
        deployments = self._reconciler.deployments
        yield LEADING.of([((), float(self._handler.leading))])
        yield UNDECODABLE.of([((), float(self._handler.undecodable))])
        yield ACTIONS.of(((action,), count) for action, count in self._reconciler.actions.copy().items())
        yield CONTAINERS.of(
            ((each.deployment, state), count)
            for each in deployments
            for state, count in (("wanted", each.wanted), ("running", each.running), ("ready", each.ready))
        )
        yield FAILED.of(
            ((each.deployment,), float(each.state == DeploymentState.DEPLOYMENT_STATE_FAILED))
            for each in deployments
        )
        yield from self._rollouts()

    def _rollouts(self) -> Iterable[Metric]:
        rollouts = self._driver.rollouts
        yield VERDICTS.of(((verdict,), count) for verdict, count in self._driver.verdicts.copy().items())
        yield STEP.of(((each.route, each.to), each.step) for each in rollouts)
        yield STEP_REQUESTS.of(((each.route, each.to), each.requests) for each in rollouts)
        yield GATE.of(sample for each in rollouts for sample in _gates(each))


def _gates(rollout: RolloutStatus) -> Iterator[tuple[tuple[str, ...], float]]:
    for each in rollout.gates:
        labels = (rollout.route, rollout.to, each.gate.metric, each.gate.against)
        yield (*labels, "bound"), each.gate.below
        if each.samples:
            for figure, value in (("value", each.value), ("low", each.low), ("high", each.high)):
                yield (*labels, figure), value
