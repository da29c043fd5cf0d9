"""Changes to routes: each returns the next state, or raises ControlError (UnchangedError) with why not."""

from dataclasses import replace

from rendezvous_contracts.names import check_name
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
from rendezvous_control.revisions import (
    append_revision,
    check_alone,
    check_expected,
    check_unpaused,
    known_route,
    put_route,
)
from rendezvous_control.route_checks import check_shares
from rendezvous_control.state import Outcome, RouteEntry, Stamp, State


def set_route(state: State, change: SetRoute, expected: int | None, stamp: Stamp) -> State:
    """Make a route the newest revision of its name. *expected*: the number that has to be the newest now."""
    route = change.route
    check_name(route.name, "route name")
    check_expected(state, route.name, expected)
    entry = state.routes.get(route.name)
    if entry and entry.current.route != route:
        _check_free(entry)
    return append_revision(state, route, stamp)


def rollback_route(state: State, rollback: RollbackRoute, expected: int | None, stamp: Stamp) -> State:
    """
    Make a new revision that equals an old one, whose models have to be registered still.

    A roll-out that is under way is aborted by it, and a pause does not hold it: it is the way out.
    """
    entry = known_route(state, rollback.name)
    check_expected(state, rollback.name, expected)
    target = entry.revision(rollback.to_revision)
    if target is None:
        raise ControlError(
            f"route {rollback.name} has revisions 1 to {entry.current.number}, not {rollback.to_revision}"
        )
    changed = append_revision(state, target.route, stamp)
    if entry.rolling is None:
        return changed
    aborted = replace(entry.rolling, outcome=Outcome.ABORTED, stamp=stamp)
    return put_route(changed, replace(changed.routes[rollback.name], rollout=aborted))


def ramp_route(state: State, ramp: RampRoute, expected: int | None, stamp: Stamp) -> State:
    """Make a new revision in which one tier is divided among models."""
    entry = known_route(state, ramp.name)
    check_expected(state, ramp.name, expected)
    _check_free(entry)
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
    return append_revision(state, route, stamp)


def pause_route(state: State, pause: PauseRoute, expected: int | None, stamp: Stamp) -> State:
    """Hold a route at its revision: only a rollback can change it until it is resumed."""
    entry = known_route(state, pause.name)
    check_expected(state, pause.name, expected)
    if entry.paused:
        raise UnchangedError(f"route {pause.name} is paused already, by {entry.paused.author}")
    return put_route(state, replace(entry, paused=stamp))


def resume_route(state: State, resume: ResumeRoute, expected: int | None, stamp: Stamp) -> State:
    """Let a paused route be changed again; the step of a roll-out begins anew."""
    entry = known_route(state, resume.name)
    check_expected(state, resume.name, expected)
    if not entry.paused:
        raise UnchangedError(f"route {resume.name} is not paused")
    rollout = replace(entry.rolling, stamp=stamp) if entry.rolling else entry.rollout
    return put_route(state, replace(entry, paused=None, rollout=rollout))


def _check_free(entry: RouteEntry) -> None:
    check_alone(entry)
    check_unpaused(entry)
