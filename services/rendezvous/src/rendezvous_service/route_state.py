"""The routes as the control log has them: revisions, SLAs, shares and roll-outs, shown as metrics."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from rendezvous_contracts.shares import WHOLE
from rendezvous_control.state import Outcome, RolloutEntry
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.histograms import MILLION
from scoring.v1.control_pb2 import Route

from rendezvous_service.metrics import PAUSED, REVISION, ROLLOUT, ROLLOUT_STEP, ROLLOUT_STEPS, SHARE, SLA


class RouteMetrics(Collector):
    """Shows the routes of *control* when somebody asks."""

    def __init__(self, registry: CollectorRegistry, control: ControlView) -> None:
        self._control = control
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics as they are now."""
        routes = self._control.state.routes
        yield REVISION.of(((name,), float(entry.current.number)) for name, entry in routes.items())
        yield SLA.of(((name,), entry.current.route.sla_us / MILLION) for name, entry in routes.items())
        yield PAUSED.of(((name,), float(entry.paused is not None)) for name, entry in routes.items())
        yield SHARE.of(
            ((name, model), share)
            for name, entry in routes.items()
            for model, share in shares(entry.current.route)
        )
        rollouts = {name: entry.rollout for name, entry in routes.items() if entry.rollout}
        yield ROLLOUT_STEP.of(((name, each.plan.to), float(each.step)) for name, each in rollouts.items())
        yield ROLLOUT_STEPS.of(
            ((name, each.plan.to), float(len(each.plan.steps))) for name, each in rollouts.items()
        )
        yield ROLLOUT.of(_outcomes(rollouts))


def shares(route: Route) -> Iterator[tuple[str, float]]:
    """Return what part of the requests the first tier of *route* gives each model that it names."""
    if not route.schedule:
        return
    first = route.schedule[0]
    if first.model:
        yield first.model, 1.0
    for each in first.weighted.shares:
        yield each.model, each.share / WHOLE


def _outcomes(rollouts: dict[str, RolloutEntry]) -> Iterator[tuple[tuple[str, str, str], float]]:
    for name, each in rollouts.items():
        for outcome in Outcome:
            yield (name, each.plan.to, outcome.value), float(each.outcome is outcome)
