"""What the commands that change one thing ask for, given the state that they find. Pure."""

from collections.abc import Sequence

from rendezvous_contracts.changes import Change
from rendezvous_contracts.gates import parse_gate
from rendezvous_contracts.names import parse_model_id
from rendezvous_contracts.shares import WHOLE, parse_share
from rendezvous_control.state import RouteEntry, State
from scoring.v1.control_pb2 import (
    AbortRollout,
    ApproveModel,
    RampRoute,
    RemoveModel,
    RollbackRoute,
    Share,
    StartRollout,
    StepRollout,
    StepVerdict,
)

from rendezvous_cli.errors import CliError, UsageError

# A change, and the revision that its author saw, if it has to be that one still.
Expected = tuple[Change, int | None]


def undo(state: State, route: str, to_revision: int) -> Expected:
    """Go back to *to_revision*; 0: to the one before the current."""
    current = known_route(state, route).current.number
    if not to_revision and current == 1:
        raise CliError(f"route {route} has one revision only: there is nothing to go back to")
    return RollbackRoute(name=route, to_revision=to_revision or current - 1), current


def promote(state: State, route: str, to: str) -> Expected:
    """
    Give all requests of the first tier to the model *to*; empty: to the last one of its ramp.

    While a roll-out is under way, and no model is named: let its step pass, whatever its gates say.
    """
    entry = known_route(state, route)
    if entry.rolling and not to:
        passed = StepRollout(
            route=route,
            step=entry.rolling.step,
            verdict=StepVerdict.STEP_VERDICT_PASS,
            detail="promoted by hand",
        )
        return passed, entry.current.number
    schedule = entry.current.route.schedule
    shares = schedule[0].weighted.shares if schedule else []
    if not (to or shares):
        raise CliError(f"the first tier of route {route} is no ramp: name the model with --to")
    model = to or shares[-1].model
    return RampRoute(name=route, shares=[Share(model=model, share=WHOLE)]), entry.current.number


def ramp(state: State, route: str, shares: Sequence[str], tier: int) -> Expected:
    """Divide a tier of *route* by *shares*, each name@version=percentage."""
    entry = known_route(state, route)
    divided = [_read_share(text) for text in shares]
    return RampRoute(name=route, tier=tier, shares=divided), entry.current.number


def rollout(state: State, plan: StartRollout) -> Expected:
    """Begin the roll-out *plan*."""
    return plan, known_route(state, plan.route).current.number


def read_plan(route: str, to: str, steps: str, every_us: int, gates: Sequence[str]) -> StartRollout:
    """Return the roll-out that options describe: *steps* is percentages with commas between."""
    return StartRollout(
        route=route,
        to=str(parse_model_id(to)),
        steps=[parse_share(text.strip()) for text in steps.split(",")],
        every_us=every_us,
        gates=map(parse_gate, gates),
    )


def abort(state: State, route: str) -> Expected:
    """Go back to what *route* was before its roll-out."""
    return AbortRollout(route=route), known_route(state, route).current.number


def _read_share(text: str) -> Share:
    model, equals, share = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r}: write name@version=percentage, like wine-forest@4=10%")
    return Share(model=str(parse_model_id(model)), share=parse_share(share))


def approve(model: str) -> Expected:
    """Approve *model*, name@version."""
    name, version = parse_model_id(model)
    return ApproveModel(name=name, version=version), None


def remove(model: str) -> Expected:
    """Remove *model*, name@version."""
    name, version = parse_model_id(model)
    return RemoveModel(name=name, version=version), None


def known_route(state: State, route: str) -> RouteEntry:
    """Return *route*; raises CliError that names those that there are."""
    entry = state.routes.get(route)
    if entry is None:
        known = ", ".join(sorted(state.routes)) or "none at all"
        raise CliError(f"there is no route {route}; there are: {known}")
    return entry
