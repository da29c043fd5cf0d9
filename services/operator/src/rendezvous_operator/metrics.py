"""The metrics of an operator."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from scoring.v1.status_pb2 import DeploymentState

from rendezvous_operator.handler import StatusHandler
from rendezvous_operator.reconciler import Reconciler
from rendezvous_operator.rollout_driver import RolloutDriver


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
        yield GaugeMetricFamily(
            "rendezvous_operator_leading", "1 while this operator acts.", float(self._handler.leading)
        )
        yield CounterMetricFamily(
            "rendezvous_operator_undecodable",
            "Records of status that are none.",
            float(self._handler.undecodable),
        )
        actions = CounterMetricFamily(
            "rendezvous_operator_actions", "What was done to containers.", labels=["action"]
        )
        for action, count in self._reconciler.actions.copy().items():
            actions.add_metric([action], count)
        yield actions
        yield from self._deployments()
        yield from self._rollouts()

    def _deployments(self) -> Iterable[Metric]:
        containers = GaugeMetricFamily(
            "rendezvous_operator_containers",
            "Containers that are wanted, run, and are ready.",
            labels=["deployment", "state"],
        )
        failed = GaugeMetricFamily(
            "rendezvous_operator_deployment_failed", "1 while it has failed.", labels=["deployment"]
        )
        for each in self._reconciler.deployments:
            for state, count in (("wanted", each.wanted), ("running", each.running), ("ready", each.ready)):
                containers.add_metric([each.deployment, state], count)
            has_failed = each.state == DeploymentState.DEPLOYMENT_STATE_FAILED
            failed.add_metric([each.deployment], float(has_failed))
        return containers, failed

    def _rollouts(self) -> Iterable[Metric]:
        verdicts = CounterMetricFamily(
            "rendezvous_operator_verdicts", "What was said of steps of roll-outs.", labels=["verdict"]
        )
        for verdict, count in self._driver.verdicts.copy().items():
            verdicts.add_metric([verdict], count)
        step = GaugeMetricFamily(
            "rendezvous_operator_rollout_step", "The step that a roll-out is at.", labels=["route", "model"]
        )
        requests = GaugeMetricFamily(
            "rendezvous_operator_rollout_requests",
            "Requests of the current step that count.",
            labels=["route", "model"],
        )
        gates = GaugeMetricFamily(
            "rendezvous_operator_rollout_gate",
            "What a gate measures: its value, the ends between which it lies, and the bound.",
            labels=["route", "model", "metric", "against", "figure"],
        )
        for each in self._driver.rollouts:
            step.add_metric([each.route, each.to], each.step)
            requests.add_metric([each.route, each.to], each.requests)
            for gate in each.gates:
                labels = [each.route, each.to, gate.gate.metric, gate.gate.against]
                gates.add_metric([*labels, "bound"], gate.gate.below)
                if gate.samples:
                    for figure, value in (("value", gate.value), ("low", gate.low), ("high", gate.high)):
                        gates.add_metric([*labels, figure], value)
        return verdicts, step, requests, gates
