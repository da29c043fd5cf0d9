"""What a service tells the others about itself on the topic status."""

from collections.abc import Callable, Iterable

from rendezvous_control.state import Refused
from scoring.v1.status_pb2 import Refusal, Status

from rendezvous_runtime.clock import Now
from rendezvous_runtime.health import Readiness
from rendezvous_runtime.settings import ServiceSettings

# Fills in what only the service knows: the models that it holds, the revisions that passed it.
Describe = Callable[[Status], None]


def undescribed(_: Status) -> None:
    """Add nothing."""


def build_status(
    settings: ServiceSettings,
    *,
    readiness: Readiness,
    control_offset: int,
    refusals: Iterable[Refused],
    now: Now,
    stopping: bool = False,
) -> Status:
    """Return the status of this instance, without what the service itself describes."""
    return Status(
        instance=settings.instance,
        service=settings.service,
        at_us=now.wall,
        control_offset=control_offset,
        ready=readiness.ready,
        detail=readiness.detail,
        refusals=[
            Refusal(offset=each.offset, control_id=each.control_id, reason=each.reason) for each in refusals
        ],
        stopping=stopping,
    )
