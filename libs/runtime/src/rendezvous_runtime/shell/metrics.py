"""What every service shows of itself: that it is there and ready, and how far it follows the control log."""

from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from scoring.v1.status_pb2 import Status

from rendezvous_runtime.metrics import CONTROL_OFFSET, CONTROL_REFUSED, INFO, PASSED, READY
from rendezvous_runtime.shell.parts import Parts


class ServiceMetrics(Collector):
    """Shows what *parts* say when somebody asks."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        """Yield the families as they are now."""
        parts, follower = self._parts, self._parts.follower
        service = parts.settings.service
        yield INFO.of([((service, parts.settings.instance), 1.0)])
        yield READY.of([((service,), float(parts.readiness().ready))])
        yield CONTROL_OFFSET.of([((service,), float(follower.state.next_offset))])
        yield CONTROL_REFUSED.of([((service,), float(follower.refused))])
        status = Status()
        parts.describe(status)
        yield PASSED.of(
            ((service, each.route, str(each.partition)), float(each.revision)) for each in status.passed
        )
