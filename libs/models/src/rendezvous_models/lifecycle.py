"""
Where an assigned model stands and what is to be done next: pure.

unknown -> fetching -> loading -> warming -> ready -> draining -> unknown, or failed on the way. A model that
was ready goes on serving while its replacement is on the way, and also when that fails. Where not all models
fit, a ready one that is used little becomes idle, until an input asks for it.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from rendezvous_control.state import ModelEntry
from rendezvous_runtime.clock import Now
from scoring.v1.control_pb2 import Model

_FIRST_RETRY_US: Final = 1_000_000
_LAST_RETRY_US: Final = 60_000_000
_ONLY_SAID: Final = ("name", "version", "description", "data_type", "quality", "author")


class Phase(Enum):
    """Where a model stands."""

    UNKNOWN = "not in the control log"
    FETCHING = "fetching and verifying its artifact"
    LOADING = "loading"
    WARMING = "warming up"
    READY = "ready"
    FAILED = "failed"
    IDLE = "unloaded to make room; it is loaded again when an input asks for it"
    DRAINING = "removed, scoring what is still under way"


NEXT: Final[dict[Phase, frozenset[Phase]]] = {
    Phase.UNKNOWN: frozenset({Phase.FETCHING}),
    Phase.FETCHING: frozenset({Phase.LOADING, Phase.FAILED}),
    Phase.LOADING: frozenset({Phase.WARMING, Phase.FAILED}),
    Phase.WARMING: frozenset({Phase.READY, Phase.FAILED}),
    Phase.READY: frozenset({Phase.FETCHING, Phase.IDLE, Phase.DRAINING}),
    Phase.IDLE: frozenset({Phase.FETCHING, Phase.UNKNOWN}),
    Phase.FAILED: frozenset({Phase.FETCHING, Phase.DRAINING, Phase.UNKNOWN}),
    Phase.DRAINING: frozenset({Phase.FETCHING, Phase.UNKNOWN}),
}


class Action(Enum):
    """What the loader is to do with a model now."""

    NOTHING = "nothing"
    LOAD = "load"
    DRAIN = "drain"
    UNLOAD = "unload"


@dataclass(frozen=True, slots=True)
class Course:
    """
    One assigned model (*name* is name@version) and where it stands.

    *since_us* is a wall time; *due* a monotonic one, of the next retry or the end of draining; *descriptor*
    is the one that was last taken up, *failures* how often in a row that has failed.
    """

    name: str
    phase: Phase = Phase.UNKNOWN
    since_us: int = 0
    reason: str = ""
    due: int | None = None
    failures: int = 0
    descriptor: Model | None = None

    def to(self, phase: Phase, now: Now) -> "Course":
        """Return the course in *phase*; one that cannot follow is a defect (ValueError)."""
        if phase not in NEXT[self.phase]:
            raise ValueError(f"{self.name}: {self.phase.name} is not followed by {phase.name}")
        failures = 0 if phase is Phase.READY else self.failures
        return replace(self, phase=phase, since_us=now.wall, reason="", due=None, failures=failures)

    def taken_up(self, descriptor: Model, now: Now) -> "Course":
        """Return the course as *descriptor* begins to be loaded."""
        failures = self.failures if _loads_alike(descriptor, self.descriptor) else 0
        return replace(self.to(Phase.FETCHING, now), descriptor=descriptor, failures=failures)

    def failed(self, reason: str, now: Now, *, passing: bool) -> "Course":
        """Return the course after a load that failed; where that can pass, it is due to be tried again."""
        pause = min(_FIRST_RETRY_US << min(self.failures, 16), _LAST_RETRY_US)
        due = now.mono + pause if passing else None
        course = self.to(Phase.FAILED, now)
        return replace(course, reason=reason, due=due, failures=self.failures + 1)


def next_action(course: Course, entry: ModelEntry | None, now: Now, *, asked: bool = False) -> Action:
    """Return what to do about *course*, by what the control log says and whether an input *asked* for it."""
    if entry is None or entry.removed is not None:
        return _when_gone(course, now)
    if course.phase in {Phase.UNKNOWN, Phase.DRAINING} or not _loads_alike(entry.model, course.descriptor):
        return Action.LOAD
    again = _is_due(course, now) if course.phase is Phase.FAILED else course.phase is Phase.IDLE and asked
    return Action.LOAD if again else Action.NOTHING


def _loads_alike(new: Model, old: Model | None) -> bool:
    """Whether loading *new* would give what loading *old* gave: descriptions and the like may differ."""
    return old is not None and _to_load(new) == _to_load(old)


def _to_load(model: Model) -> Model:
    """Return what *model* says that decides what is loaded, how, and whether it may serve."""
    said = Model()
    said.CopyFrom(model)
    for field in _ONLY_SAID:
        said.ClearField(field)
    return said


def _when_gone(course: Course, now: Now) -> Action:
    if course.phase in {Phase.READY, Phase.FAILED}:
        return Action.DRAIN
    if course.phase is Phase.IDLE:
        return Action.UNLOAD
    return Action.UNLOAD if course.phase is Phase.DRAINING and _is_due(course, now) else Action.NOTHING


def _is_due(course: Course, now: Now) -> bool:
    return course.due is not None and course.due <= now.mono
