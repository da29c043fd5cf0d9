"""What has been seen of `status` and of `decisions`, in bounded memory: pure."""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError
from scoring.v1.decision_pb2 import Decision
from scoring.v1.status_pb2 import Status

# One instance says something each second; one that has been silent for so long is shown as silent.
SILENT_US: Final = 6_000_000
_FORGET_US: Final = 60_000_000
_MAX_INSTANCES: Final = 1_000
_MAX_ROUTES: Final = 200
_MAX_DECISION: Final = 65_536
RECENT: Final = 50  # decisions of one route


class Heard(NamedTuple):
    """The newest word of one instance, and when it was said by the broker's record, in microseconds."""

    status: Status
    at_us: int


class Made(NamedTuple):
    """One decision, and where it stands in the topic."""

    partition: int
    offset: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is known at one moment: immutable, so that any thread may read it. Newest decisions last."""

    instances: Mapping[str, Heard] = field(default_factory=dict)
    decisions: Mapping[str, tuple[Made, ...]] = field(default_factory=dict)
    at_us: int = 0

    def living(self) -> list[Heard]:
        """Return who can be expected to go on talking, by name."""
        return [each for _, each in sorted(self.instances.items()) if not self.is_silent(each)]

    def is_silent(self, heard: Heard) -> bool:
        """Return whether *heard* is too old to be counted on, or its last word was that it stops."""
        return heard.status.stopping or self.at_us - heard.at_us > SILENT_US


class Seen:
    """
    Takes records in and gives snapshots. Not thread-safe.

    At most 1,000 instances, 200 routes, 50 decisions of each and *max_bytes* of decisions are kept: the
    oldest give way. *too_large* counts decisions that were not kept, *undecodable* records that are none.
    """

    def __init__(self, max_bytes: int = 8 << 20) -> None:
        self.too_large = 0
        self.undecodable = 0
        self._max_bytes = max_bytes
        self._heard: dict[str, Heard] = {}
        self._made: OrderedDict[str, deque[Made]] = OrderedDict()
        self._bytes = 0

    def hear(self, key: bytes | None, value: bytes | None, at_us: int) -> None:
        """Take in a record of `status`."""
        if value is None:
            self._heard.pop((key or b"").decode(errors="replace"), None)
            return
        try:
            status = Status.FromString(value)
        except DecodeError:
            self.undecodable += 1
            return
        if status.instance and (status.instance in self._heard or len(self._heard) < _MAX_INSTANCES):
            self._heard[status.instance] = Heard(status, at_us)

    def decide(self, partition: int, offset: int, value: bytes | None) -> None:
        """Take in a record of `decisions`."""
        if value is None or len(value) > _MAX_DECISION:
            self.too_large += value is not None
            return
        try:
            decision = Decision.FromString(value)
        except DecodeError:
            self.undecodable += 1
            return
        made = self._made.setdefault(decision.answer.route, deque())
        self._made.move_to_end(decision.answer.route)
        made.append(Made(partition, offset, decision))
        self._bytes += decision.ByteSize()
        if len(made) > RECENT:
            self._forget(made)
        while self._bytes > self._max_bytes or len(self._made) > _MAX_ROUTES:
            route, oldest = next(iter(self._made.items()))
            self._forget(oldest)
            if not oldest:
                del self._made[route]

    def snapshot(self, now_us: int) -> Snapshot:
        """Return what is known, and forget instances that have long been silent."""
        self._heard = {
            name: heard for name, heard in self._heard.items() if now_us - heard.at_us < _FORGET_US
        }
        decisions = {route: tuple(made) for route, made in self._made.items()}
        return Snapshot(self._heard.copy(), decisions, now_us)

    def _forget(self, made: deque[Made]) -> None:
        self._bytes -= made.popleft().decision.ByteSize()
