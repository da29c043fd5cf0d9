"""The parts of a service around its handler, and how they depend on each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from mode import Service
from prometheus_client import CollectorRegistry
from rendezvous_control.state import State
from scoring.v1.status_pb2 import Status

from rendezvous_runtime.clock import Clock
from rendezvous_runtime.health import Readiness, WaitingFor, readiness
from rendezvous_runtime.settings import ServiceSettings
from rendezvous_runtime.shell.control import ControlFollower
from rendezvous_runtime.shell.gate import BrokerGate
from rendezvous_runtime.shell.plane import PlaneService
from rendezvous_runtime.status import Describe, build_status


@dataclass
class Parts:
    """What a service is made of; *services* are its own, started last and stopped first."""

    settings: ServiceSettings
    clock: Clock
    registry: CollectorRegistry
    follower: ControlFollower
    gate: BrokerGate
    plane: PlaneService
    waiting_for: WaitingFor
    describe: Describe
    services: Sequence[Service]
    stopping: bool = False

    @property
    def state(self) -> State:
        """The control state folded so far."""
        return self.follower.state

    @property
    def live(self) -> bool:
        """Whether the process is worth keeping; that it answers at all shows that its event loop is."""
        return self.plane.alive

    def readiness(self) -> Readiness:
        """Return whether it is ready, and if not, the first thing that it waits for."""
        conditions = [
            self.plane.failed,
            lambda: "it is stopping" if self.stopping else None,
            self.gate.waiting_for,
            self.follower.waiting_for,
            self.waiting_for,  # before the plane, which may wait for the same
            self.plane.waiting_for,
        ]
        return readiness(conditions)

    def status(self) -> Status:
        """Return what the instance says of itself now."""
        status = build_status(
            self.settings,
            readiness=self.readiness(),
            control_offset=self.follower.state.next_offset,
            refusals=self.follower.refusals,
            now=self.clock.now(),
        )
        status.lag_records = self.plane.lag_records
        self.describe(status)
        return status
