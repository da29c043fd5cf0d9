"""Roll-outs: each change returns the next state, or raises ControlError (UnchangedError) with why not."""

from dataclasses import replace
from itertools import pairwise
from typing import Final

from rendezvous_contracts.gates import CANARY, check_gate, format_gate
from rendezvous_contracts.names import parse_model_id
from rendezvous_contracts.routes import scoring_models
from rendezvous_contracts.shares import WHOLE, format_share
from scoring.v1.control_pb2 import (
    AbortRollout,
    Route,
    Share,
    StartRollout,
    StepRollout,
    StepVerdict,
    Weighted,
)

from rendezvous_control.checks import check_no_repeat, check_text
from rendezvous_control.errors import ControlError, UnchangedError
from rendezvous_control.model_changes import registered
from rendezvous_control.revisions import (
    append_revision,
    check_alone,
    check_champions,
    check_expected,
    check_unpaused,
    known_route,
    put_route,
)
from rendezvous_control.route_checks import check_route
from rendezvous_control.state import Outcome, RolloutEntry, RouteEntry, Stamp, State

_MAX_STEPS: Final = 100
_DETAIL_LENGTH: Final = 4_000


def start_rollout(state: State, plan: StartRollout, expected: int | None, stamp: Stamp) -> State:
    """Begin to roll a model out, as a shadow; refused unless every step of it can be made."""
    entry = known_route(state, plan.route)
    check_expected(state, plan.route, expected)
    if entry.rolling and entry.rolling.plan == plan:
        raise UnchangedError(f"this roll-out is under way, at step {entry.rolling.step}")
    check_alone(entry)
    check_unpaused(entry)
    _check_plan(state, plan, entry)
    shadowed = _with_shadow(entry.current.route, plan.to)
    if shadowed is not None:
        state = append_revision(state, shadowed, stamp)
    copy = StartRollout()
    copy.CopyFrom(plan)
    rollout = RolloutEntry(copy, entry.current.number, 0, Outcome.RUNNING, stamp)
    return put_route(state, replace(state.routes[plan.route], rollout=rollout))


def step_rollout(state: State, step: StepRollout, expected: int | None, stamp: Stamp) -> State:
    """Do what the verdict on the current step of a roll-out asks for."""
    entry, rollout = _under_way(state, step.route)
    check_expected(state, step.route, expected)
    if step.step != rollout.step:
        raise ControlError(f"the roll-out is at step {rollout.step}, not {step.step}: judge that one")
    if step.detail:
        check_text(step.detail, "the detail of a verdict", maximum=_DETAIL_LENGTH)
    rollout = replace(rollout, detail=step.detail)
    match step.verdict:
        case StepVerdict.STEP_VERDICT_PASS:
            check_unpaused(entry)
            return _go_on(state, entry, rollout, stamp)
        case StepVerdict.STEP_VERDICT_FAIL:
            return _go_back(state, rollout, Outcome.FAILED, stamp)
        case StepVerdict.STEP_VERDICT_INCONCLUSIVE:
            check_unpaused(entry)
            return put_route(state, replace(entry, paused=stamp, rollout=rollout))
        case _:
            raise ControlError("a verdict that this version does not know")


def abort_rollout(state: State, abort: AbortRollout, expected: int | None, stamp: Stamp) -> State:
    """Go back to what the route was before its roll-out."""
    _, rollout = _under_way(state, abort.route)
    check_expected(state, abort.route, expected)
    return _go_back(state, rollout, Outcome.ABORTED, stamp)


def route_at(base: Route, plan: StartRollout, step: int) -> Route:
    """Return *base* as it is at *step*, from 1, of *plan*."""
    share = plan.steps[step - 1]
    route = Route()
    route.CopyFrom(base)
    kept = [shadow for shadow in route.shadows if shadow != plan.to]
    del route.shadows[:]
    route.shadows.extend(kept)
    tier = route.schedule[0]
    if share == WHOLE:
        tier.model = plan.to
    else:
        shares = [Share(model=tier.model, share=WHOLE - share), Share(model=plan.to, share=share)]
        tier.weighted.CopyFrom(Weighted(shares=shares))
    return route


def _under_way(state: State, name: str) -> tuple[RouteEntry, RolloutEntry]:
    entry = known_route(state, name)
    if entry.rolling is None:
        raise ControlError(f"no roll-out of route {name} is under way")
    return entry, entry.rolling


def _check_plan(state: State, plan: StartRollout, entry: RouteEntry) -> None:
    parse_model_id(plan.to)
    registered(state, plan.to)
    base = entry.current.route
    if not base.schedule or not base.schedule[0].model:
        raise ControlError(
            f"the first tier of route {plan.route} has to name one model, whose place is taken"
        )
    if base.schedule[0].model == plan.to:
        raise UnchangedError(f"the first tier of route {plan.route} is {plan.to} already")
    _check_steps(plan)
    for gate in plan.gates:
        check_gate(gate)
        if gate.against == CANARY and not base.canary:
            raise ControlError(f"gate {format_gate(gate)}: route {plan.route} has no canary: set one")
    check_no_repeat((f"{gate.metric}({gate.against})" for gate in plan.gates), "gate")
    for step in range(1, len(plan.steps) + 1):
        route = route_at(base, plan, step)
        check_route(state, route)
        check_champions(state, entry, route)


def _check_steps(plan: StartRollout) -> None:
    if not 1 <= len(plan.steps) <= _MAX_STEPS:
        raise ControlError(f"a roll-out has 1 to {_MAX_STEPS} steps, and here are {len(plan.steps)}")
    if plan.steps[0] == 0 or any(later <= earlier for earlier, later in pairwise(plan.steps)):
        raise ControlError(f"the steps {_shares(plan)} have to rise: the shadow before them has no share")
    if plan.steps[-1] != WHOLE:
        raise ControlError(f"the steps {_shares(plan)} have to end at 100%")
    if plan.every_us == 0:
        raise ControlError("say how long a step lasts before it is judged")


def _shares(plan: StartRollout) -> str:
    return ", ".join(map(format_share, plan.steps))


def _with_shadow(route: Route, model: str) -> Route | None:
    """Return *route* with *model* as a shadow; None if it scores already."""
    if model in scoring_models(route):
        return None
    shadowed = Route()
    shadowed.CopyFrom(route)
    shadowed.shadows.append(model)
    return shadowed


def _go_on(state: State, entry: RouteEntry, rollout: RolloutEntry, stamp: Stamp) -> State:
    base = entry.revisions[rollout.base - 1].route
    step = rollout.step + 1
    state = append_revision(state, route_at(base, rollout.plan, step), stamp)
    outcome = Outcome.DONE if step == len(rollout.plan.steps) else Outcome.RUNNING
    return _put_rollout(state, replace(rollout, step=step, outcome=outcome, stamp=stamp))


def _go_back(state: State, rollout: RolloutEntry, outcome: Outcome, stamp: Stamp) -> State:
    entry = state.routes[rollout.plan.route]
    base = entry.revisions[rollout.base - 1].route
    if entry.current.route != base:
        state = append_revision(state, base, stamp)
    return _put_rollout(state, replace(rollout, outcome=outcome, stamp=stamp))


def _put_rollout(state: State, rollout: RolloutEntry) -> State:
    return put_route(state, replace(state.routes[rollout.plan.route], rollout=rollout))
