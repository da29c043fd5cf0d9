"""The state that the control log folds to: models, and routes with all their revisions. Immutable."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from immutables import Map
from scoring.v1.control_pb2 import Model, Route


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
    """A registered model. A removed one stays, so that old revisions can be read."""

    model: Model
    stamp: Stamp
    removed: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """One immutable state of a route."""

    number: int
    route: Route
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """A route and its course; revision n is revisions[n - 1]."""

    name: str
    revisions: tuple[Revision, ...]

    @property
    def current(self) -> Revision:
        """The newest revision."""
        return self.revisions[-1]

    def revision(self, number: int) -> Revision | None:
        """Return revision *number*, or None if there is none (yet)."""
        return self.revisions[number - 1] if 0 < number <= len(self.revisions) else None


@dataclass(frozen=True, slots=True)
class State:
    """
    All that the control log says up to, and without, *next_offset*.

    Keys: models by name@version, routes by name, and by control id the offset at which each was applied.
    """

    next_offset: int = 0
    models: Mapping[str, ModelEntry] = field(default_factory=Map)
    routes: Mapping[str, RouteEntry] = field(default_factory=Map)
    seen: Mapping[str, int] = field(default_factory=Map)

    def model(self, name_at_version: str) -> ModelEntry | None:
        """Return the model registered as *name_at_version*, or None if there is none or it was removed."""
        entry = self.models.get(name_at_version)
        return None if entry is None or entry.removed else entry

    def revision(self, route: str, number: int) -> Revision | None:
        """Return revision *number* of *route*, or None if it is not known (yet)."""
        entry = self.routes.get(route)
        return entry.revision(number) if entry else None


@dataclass(frozen=True, slots=True)
class Refused:
    """
    Why a control message changed nothing.

    *unchanged*: because what it asks for is so already, which is no failure for who repeats it.
    """

    offset: int
    control_id: str
    reason: str
    unchanged: bool = False
