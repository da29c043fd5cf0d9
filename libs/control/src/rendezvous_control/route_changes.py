"""Changes to routes: each returns the next state, or raises ControlError (UnchangedError) with why not."""

from dataclasses import replace
from itertools import pairwise

from rendezvous_contracts.durations import format_duration
from rendezvous_contracts.extraction import check_extractor
from rendezvous_contracts.names import check_name, parse_model_id
from rendezvous_contracts.routes import describe_tier, ranked_models, scoring_models
from scoring.v1.control_pb2 import RollbackRoute, Route, Tier

from rendezvous_control.checks import check_default, check_fields, check_no_repeat
from rendezvous_control.errors import ControlError, UnchangedError
from rendezvous_control.maps import put
from rendezvous_control.model_changes import registered
from rendezvous_control.state import Revision, RouteEntry, Stamp, State


def set_route(state: State, route: Route, expected: int | None, stamp: Stamp) -> State:
    """Make *route* the newest revision of its name. *expected*: the number that has to be the newest now."""
    check_name(route.name, "route name")
    _check_expected(state, route.name, expected)
    check_route(state, route)
    return _append(state, route, stamp)


def rollback_route(state: State, rollback: RollbackRoute, expected: int | None, stamp: Stamp) -> State:
    """Make a new revision that equals an old one, whose models have to be registered still."""
    entry = state.routes.get(rollback.name)
    if entry is None:
        raise ControlError(f"route {rollback.name[:80]!r} is not known")
    _check_expected(state, rollback.name, expected)
    target = entry.revision(rollback.to_revision)
    if target is None:
        raise ControlError(
            f"route {rollback.name} has revisions 1 to {entry.current.number}, not {rollback.to_revision}"
        )
    check_route(state, target.route)
    return _append(state, target.route, stamp)


def check_route(state: State, route: Route) -> None:
    """Raise ControlError or ContractError with the first thing that is wrong with *route*."""
    check_name(route.name, "route name")
    if route.sla_us == 0:
        raise ControlError("the SLA is 0: say how long an asker may wait")
    _check_schedule(route)
    _check_models(state, route)
    check_default(route.default)
    check_fields(route.inputs, "inputs")
    check_extractor(route.extractor)


def _check_schedule(route: Route) -> None:
    for place, tier in enumerate(route.schedule, start=1):
        _check_tier(tier, route, f"tier {place}")
    for earlier, later in pairwise(route.schedule):
        if later.after_us < earlier.after_us:
            raise ControlError(
                f"tier {describe_tier(later)!r} stands behind a later one: order tiers by time"
            )
    check_no_repeat((tier.model or "any" for tier in route.schedule), "in the schedule,")


def _check_tier(tier: Tier, route: Route, where: str) -> None:
    if not (tier.model or tier.any):
        raise ControlError(f"{where} uses nothing: name a model or say any")
    if tier.after_us >= route.sla_us:
        sla = format_duration(route.sla_us)
        raise ControlError(
            f"{where}, {describe_tier(tier)!r}, begins when the SLA of {sla} is over: make it earlier"
        )
    if tier.any and not ranked_models(route):
        raise ControlError(f"{where} uses any, but there is nothing to choose from: name models")


def _check_models(state: State, route: Route) -> None:
    for name in scoring_models(route):
        parse_model_id(name)
        registered(state, name)
    check_no_repeat(route.models, "in models,")
    check_no_repeat(route.shadows, "in shadows,")
    for shadow in route.shadows:
        if shadow in ranked_models(route):
            raise ControlError(
                f"{shadow} is a shadow, which is never chosen, and also in models or the schedule"
            )


def _check_expected(state: State, name: str, expected: int | None) -> None:
    entry = state.routes.get(name)
    current = entry.current.number if entry else 0
    if expected is not None and expected != current:
        raise ControlError(
            f"route {name} is at revision {current}, not {expected}: look at it and decide again"
        )


def _append(state: State, route: Route, stamp: Stamp) -> State:
    entry = state.routes.get(route.name) or RouteEntry(route.name, ())
    if entry.revisions and entry.current.route == route:
        raise UnchangedError(f"route {route.name} is so already, since revision {entry.current.number}")
    copy = Route()
    copy.CopyFrom(route)
    revision = Revision(len(entry.revisions) + 1, copy, stamp)
    changed = replace(entry, revisions=(*entry.revisions, revision))
    return replace(state, routes=put(state.routes, route.name, changed))
