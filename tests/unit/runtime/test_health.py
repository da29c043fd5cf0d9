"""What a service waits for, and what it says of it."""

from typing import ClassVar

from rendezvous_control.state import Refused
from rendezvous_runtime.clock import Now
from rendezvous_runtime.health import Readiness, nothing, readiness
from rendezvous_runtime.settings import ServiceSettings
from rendezvous_runtime.status import build_status


class EchoSettings(ServiceSettings):
    service: ClassVar[str] = "echo"


def test_a_service_that_waits_for_nothing_is_ready() -> None:
    assert readiness([nothing, nothing]) == Readiness(ready=True, detail="")
    assert readiness([]) == Readiness(ready=True, detail="")


def test_the_first_thing_that_is_waited_for_is_said() -> None:
    waits = [nothing, lambda: "the broker", lambda: "the models"]
    assert readiness(waits) == Readiness(ready=False, detail="the broker")


def test_a_status_says_who_how_far_and_what_was_refused() -> None:
    status = build_status(
        EchoSettings(instance="echo-3"),
        readiness=Readiness(ready=False, detail="the models"),
        control_offset=17,
        refusals=[Refused(offset=4, control_id="c4", reason="stale")],
        now=Now(mono=5, wall=1_000),
    )
    assert (status.instance, status.service, status.at_us) == ("echo-3", "echo", 1_000)
    assert (status.control_offset, status.ready, status.detail) == (17, False, "the models")
    assert [(each.offset, each.control_id, each.reason) for each in status.refusals] == [(4, "c4", "stale")]
    assert not status.stopping
