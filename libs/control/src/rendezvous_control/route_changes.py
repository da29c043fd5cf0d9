"""Changes to routes: each returns the next state, or raises ControlError (UnchangedError) with why not."""

from dataclasses import replace

from rendezvous_contracts.names import check_name
from rendezvous_contracts.routes import champions, scoring_models
from scoring.v1.control_pb2 import (
    PauseRoute,
    RampRoute,
    ResumeRoute,
    RollbackRoute,
    Route,
    SetRoute,
    Weighted,
)

from rendezvous_control.errors import ControlError, UnchangedError
from rendezvous_control.maps import put
from rendezvous_control.model_changes import registered
from rendezvous_control.route_checks import check_route, check_shares
from rendezvous_control.state import Revision, RouteEntry, Stamp, State


def set_route(state: State, change: SetRoute, expected: int | None, stamp: Stamp) -> State:
    """Make a route the newest revision of its name. *expected*: the number that has to be the newest now."""
    route = change.route
    check_name(route.name, "route name")
    _check_expected(state, route.name, expected)
    _check_running(state.routes.get(route.name))
    return _append(state, route, stamp)


def rollback_route(state: State, rollback: RollbackRoute, expected: int | None, stamp: Stamp) -> State:
    """Make a new revision that equals an old one, whose models have to be registered still."""
    entry = _known(state, rollback.name)
    _check_expected(state, rollback.name, expected)
    target = entry.revision(rollback.to_revision)
    if target is None:
        raise ControlError(
            f"route {rollback.name} has revisions 1 to {entry.current.number}, not {rollback.to_revision}"
        )
    return _append(state, target.route, stamp)


def ramp_route(state: State, ramp: RampRoute, expected: int | None, stamp: Stamp) -> State:
    """Make a new revision in which one tier is divided among models."""
    entry = _known(state, ramp.name)
    _check_expected(state, ramp.name, expected)
    _check_running(entry)
    route = Route()
    route.CopyFrom(entry.current.route)
    if ramp.tier > len(route.schedule) or not route.schedule:
        raise ControlError(f"route {ramp.name} has {len(route.schedule)} tiers, and no tier {ramp.tier or 1}")
    tier = route.schedule[max(ramp.tier, 1) - 1]
    check_shares(ramp.shares, "the ramp")
    if len(ramp.shares) == 1:
        tier.model = ramp.shares[0].model
    else:
        tier.weighted.CopyFrom(Weighted(shares=ramp.shares))
    return _append(state, route, stamp)


def pause_route(state: State, pause: PauseRoute, expected: int | None, stamp: Stamp) -> State:
    """Hold a route at its revision: only a rollback can change it until it is resumed."""
    entry = _known(state, pause.name)
    _check_expected(state, pause.name, expected)
    if entry.paused:
        raise UnchangedError(f"route {pause.name} is paused already, by {entry.paused.author}")
    return _put(state, replace(entry, paused=stamp))


def resume_route(state: State, resume: ResumeRoute, expected: int | None, _: Stamp) -> State:
    """Let a paused route be changed again."""
    entry = _known(state, resume.name)
    _check_expected(state, resume.name, expected)
    if not entry.paused:
        raise UnchangedError(f"route {resume.name} is not paused")
    return _put(state, replace(entry, paused=None))


def _check_expected(state: State, name: str, expected: int | None) -> None:
    entry = state.routes.get(name)
    current = entry.current.number if entry else 0
    if expected is not None and expected != current:
        raise ControlError(
            f"route {name} is at revision {current}, not {expected}: look at it and decide again"
        )


def _known(state: State, name: str) -> RouteEntry:
    entry = state.routes.get(name)
    if entry is None:
        raise ControlError(f"route {name[:80]!r} is not known")
    return entry


def _check_running(entry: RouteEntry | None) -> None:
    if entry and entry.paused:
        reason = f" ({entry.paused.reason})" if entry.paused.reason else ""
        raise ControlError(
            f"route {entry.name} was paused by {entry.paused.author}{reason}: resume it first, or roll back"
        )


def _append(state: State, route: Route, stamp: Stamp) -> State:
    check_route(state, route)
    entry = state.routes.get(route.name) or RouteEntry(route.name, ())
    if entry.revisions:
        _check_step(entry.current, route)
    _check_champions(state, entry, route)
    copy = Route()
    copy.CopyFrom(route)
    qualities = {name: registered(state, name).model.quality for name in scoring_models(route)}
    revision = Revision(len(entry.revisions) + 1, copy, stamp, qualities)
    return _put(state, replace(entry, revisions=(*entry.revisions, revision)))


def _check_step(current: Revision, route: Route) -> None:
    if current.route == route:
        raise UnchangedError(f"route {route.name} is so already, since revision {current.number}")
    if current.route.schedule and not route.schedule:
        raise ControlError(
            f"the last tier of route {route.name} would go, and no model could answer: keep one, or "
            "set a tier that uses another model"
        )


def _check_champions(state: State, entry: RouteEntry, route: Route) -> None:
    """Refuse a champion that is new and not approved, if the route asks for approval, or did until now."""
    current = entry.current.route if entry.revisions else Route()
    if not (route.requires_approval or current.requires_approval):
        return
    for name in champions(route):
        if name not in champions(current) and not registered(state, name).approved:
            raise ControlError(
                f"route {route.name} asks for approval and {name} has none: somebody who did not write the "
                "model has to approve it first"
            )


def _put(state: State, entry: RouteEntry) -> State:
    return replace(state, routes=put(state.routes, entry.name, entry))
