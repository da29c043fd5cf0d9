"""The state that the control log folds to: models, routes with their revisions, deployments. Immutable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from immutables import Map
from scoring.v1.control_pb2 import Deployment, Model, Route, SetBuild, StartRollout


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who changed something, when and why: copied from the control message at *offset*."""

    offset: int
    control_id: str
    author: str
    at_us: int
    reason: str


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """
    A registered model. A removed one stays, so that old revisions can be read.

    *writers*: all who ever said what it is. *approvals*: of what it is now, by authors who are none of them.
    """

    model: Model
    stamp: Stamp
    removed: Stamp | None = None
    writers: frozenset[str] = frozenset()
    approvals: tuple[Stamp, ...] = ()

    @property
    def approved(self) -> bool:
        """Whether somebody else than its writers approved it as it is."""
        return bool(self.approvals)


@dataclass(frozen=True, slots=True)
class Revision:
    """
    One immutable state of a route.

    *qualities*: of its models, by name@version, as they were registered when it was made: what is said of a
    model later changes no decision under it.
    """

    number: int
    route: Route
    stamp: Stamp
    qualities: Mapping[str, float] = field(default_factory=dict)


class Outcome(StrEnum):
    """How far a roll-out is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class RolloutEntry:
    """
    The newest roll-out of a route.

    *base*: the revision that it goes back to. *step*: 0 as a shadow, then place n of its plan's steps; it
    began with the message that *stamp* is of, which has ended it where it is not running. *detail*: the
    figures of the last verdict.
    """

    plan: StartRollout
    base: int
    step: int
    outcome: Outcome
    stamp: Stamp
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """
    A route and its course; revision n is revisions[n - 1].

    *paused*: by whom its changes are held, if so. *rollout*: its newest, which may have ended.
    """

    name: str
    revisions: tuple[Revision, ...]
    paused: Stamp | None = None
    rollout: RolloutEntry | None = None

    @property
    def rolling(self) -> RolloutEntry | None:
        """The roll-out that is under way, or None."""
        return self.rollout if self.rollout and self.rollout.outcome is Outcome.RUNNING else None

    @property
    def current(self) -> Revision:
        """The newest revision."""
        return self.revisions[-1]

    def revision(self, number: int) -> Revision | None:
        """Return revision *number*, or None if there is none (yet)."""
        return self.revisions[number - 1] if 0 < number <= len(self.revisions) else None


@dataclass(frozen=True, slots=True)
class DeploymentEntry:
    """
    What is to run under a name, changed *generation* times.

    One that was removed stays, so that its generations go on counting when the name is used again.
    """

    deployment: Deployment
    generation: int
    stamp: Stamp
    removed: Stamp | None = None


@dataclass(frozen=True, slots=True)
class BuildEntry:
    """Which build of a service speaks, and how often that was said; before, the default one does."""

    build: SetBuild
    number: int
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class State:
    """
    All that the control log says up to, and without, *next_offset*.

    Keys: models by name@version, routes and deployments by name, builds by service, and by control id the
    offset at which each was applied.
    """

    next_offset: int = 0
    models: Mapping[str, ModelEntry] = field(default_factory=Map)
    routes: Mapping[str, RouteEntry] = field(default_factory=Map)
    deployments: Mapping[str, DeploymentEntry] = field(default_factory=Map)
    seen: Mapping[str, int] = field(default_factory=Map)
    builds: Mapping[str, BuildEntry] = field(default_factory=Map)

    def model(self, name_at_version: str) -> ModelEntry | None:
        """Return the model registered as *name_at_version*, or None if there is none or it was removed."""
        entry = self.models.get(name_at_version)
        return None if entry is None or entry.removed else entry

    def deployment(self, name: str) -> DeploymentEntry | None:
        """Return what is to run as *name*, or None if nothing is."""
        entry = self.deployments.get(name)
        return None if entry is None or entry.removed else entry

    def build(self, service: str) -> str:
        """Return which build of *service* speaks; empty: the default one."""
        entry = self.builds.get(service)
        return entry.build.build if entry else ""

    def revision(self, route: str, number: int) -> Revision | None:
        """Return revision *number* of *route*, or None if it is not known (yet)."""
        entry = self.routes.get(route)
        return entry.revision(number) if entry else None


@dataclass(frozen=True, slots=True)
class Refused:
    """
    Why a control message changed nothing.

    *unchanged*: because what it asks for is so already, which is no failure for who repeats it. *control_id*
    and *author* are empty where the record is no message, or nobody vouches for what it says.
    """

    offset: int
    control_id: str
    reason: str
    unchanged: bool = False
    author: str = ""
