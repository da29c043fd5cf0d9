"""New revisions of routes, and what has to hold for each: shared by all that changes a route."""

from dataclasses import replace

from rendezvous_contracts.routes import champions, scoring_models
from scoring.v1.control_pb2 import Route

from rendezvous_control.errors import ControlError, UnchangedError
from rendezvous_control.maps import put
from rendezvous_control.model_changes import registered
from rendezvous_control.route_checks import check_route
from rendezvous_control.state import Revision, RouteEntry, Stamp, State


def check_expected(state: State, name: str, expected: int | None) -> None:
    """Raise ControlError unless the route *name* is at the revision that is *expected*, if one is."""
    entry = state.routes.get(name)
    current = entry.current.number if entry else 0
    if expected is not None and expected != current:
        raise ControlError(
            f"route {name} is at revision {current}, not {expected}: look at it and decide again"
        )


def known_route(state: State, name: str) -> RouteEntry:
    """Return the route *name*; raises ControlError if there is none."""
    entry = state.routes.get(name)
    if entry is None:
        raise ControlError(f"route {name[:80]!r} is not known")
    return entry


def check_unpaused(entry: RouteEntry) -> None:
    """Raise ControlError if changes of the route are held."""
    if entry.paused:
        reason = f" ({entry.paused.reason})" if entry.paused.reason else ""
        raise ControlError(
            f"route {entry.name} was paused by {entry.paused.author}{reason}: resume it first, or roll back"
        )


def check_alone(entry: RouteEntry) -> None:
    """Raise ControlError if a roll-out of the route is under way, which has it to itself."""
    if entry.rolling:
        raise ControlError(
            f"a roll-out of {entry.rolling.plan.to} on route {entry.name} is under way, at step "
            f"{entry.rolling.step}: abort it first"
        )


def append_revision(state: State, route: Route, stamp: Stamp) -> State:
    """Make *route* the newest revision of its name; raises ControlError or ContractError with why not."""
    check_route(state, route)
    entry = state.routes.get(route.name) or RouteEntry(route.name, ())
    if entry.revisions:
        _check_step(entry.current, route)
    check_champions(state, entry, route)
    copy = Route()
    copy.CopyFrom(route)
    qualities = {name: registered(state, name).model.quality for name in scoring_models(route)}
    revision = Revision(len(entry.revisions) + 1, copy, stamp, qualities)
    return put_route(state, replace(entry, revisions=(*entry.revisions, revision)))


def _check_step(current: Revision, route: Route) -> None:
    if current.route == route:
        raise UnchangedError(f"route {route.name} is so already, since revision {current.number}")
    if current.route.schedule and not route.schedule:
        raise ControlError(
            f"the last tier of route {route.name} would go, and no model could answer: keep one, or "
            "set a tier that uses another model"
        )


def check_champions(state: State, entry: RouteEntry, route: Route) -> None:
    """Raise ControlError for a champion that is new and not approved, if the route asks for it, or did so."""
    current = entry.current.route if entry.revisions else Route()
    if not (route.requires_approval or current.requires_approval):
        return
    for name in champions(route):
        if name not in champions(current) and not registered(state, name).approved:
            raise ControlError(
                f"route {route.name} asks for approval and {name} has none: somebody who did not write the "
                "model has to approve it first"
            )


def put_route(state: State, entry: RouteEntry) -> State:
    """Return *state* with *entry*."""
    return replace(state, routes=put(state.routes, entry.name, entry))
