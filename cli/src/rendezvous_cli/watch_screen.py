"""What is on the screen of `rendezvous watch`: pure, from what was read to what is shown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rendezvous_client.status import Heard
from rendezvous_contracts.durations import format_duration
from rendezvous_contracts.routes import describe_tier, ranked_models, scoring_models
from rendezvous_control.state import Outcome, RouteEntry, State
from scoring.v1.control_pb2 import Route
from scoring.v1.status_pb2 import ModelState

from rendezvous_cli.rollouts import rollout_row
from rendezvous_cli.views import passed_partitions, service_rows
from rendezvous_cli.watch_figures import ModelFigures, RouteFigures


@dataclass(frozen=True, slots=True)
class TierLine:
    """One rule of a route, and the share of the answers that it gave."""

    rule: str
    answers: int
    share: float | None


@dataclass(frozen=True, slots=True)
class ModelLine:
    """One model of a route: *role* there, *state* in its containers, and its figures."""

    model: str
    role: str
    state: str
    figures: ModelFigures


@dataclass(frozen=True, slots=True)
class RouteView:
    """One route. *rollout*: as rollouts.rollout_row has it, if there was one."""

    name: str
    revision: int
    sla: str
    paused: str
    passed: str
    answers: int
    in_time: float | None
    p99_ms: float | None
    tiers: Sequence[TierLine]
    models: Sequence[ModelLine]
    rollout: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Screen:
    """One frame: *at* is its time, for people; *window* is over which time the figures are."""

    at: str
    window: str
    control_offset: int
    routes: Sequence[RouteView]
    services: Sequence[Mapping[str, object]]
    trouble: str = ""


def make_screen(
    state: State,
    heard: Mapping[str, Heard],
    figures: Mapping[str, RouteFigures],
    *,
    now_s: float,
    at: str,
    window: str,
    only: str = "",
    trouble: str = "",
) -> Screen:
    """
    Return the frame of what was read.

    *now_s*: seconds since the epoch. *only*: the one route to show; empty: all. *trouble*: why what is
    shown may be old.
    """
    routes = [
        _route_view(entry, state, heard, figures.get(name) or RouteFigures())
        for name, entry in sorted(state.routes.items())
        if only in ("", name)
    ]
    return Screen(
        at=at,
        window=window,
        control_offset=state.next_offset,
        routes=routes,
        services=service_rows(state, heard, now_s),
        trouble=trouble,
    )


def _route_view(
    entry: RouteEntry, state: State, heard: Mapping[str, Heard], figures: RouteFigures
) -> RouteView:
    route = entry.current.route
    answers = figures.answers
    return RouteView(
        name=entry.name,
        revision=entry.current.number,
        sla=format_duration(route.sla_us),
        paused=f"by {entry.paused.author}: {entry.paused.reason}" if entry.paused else "",
        passed=_passed(entry, heard),
        answers=answers,
        in_time=figures.in_time / answers if answers else None,
        p99_ms=figures.quantile_ms(0.99),
        tiers=_tiers(route, figures),
        models=[
            ModelLine(name, role, _model_state(state, heard, name), figures.models.get(name, ModelFigures()))
            for name, role in _roles(route).items()
        ],
        rollout=_rollout(entry, heard),
    )


def _passed(entry: RouteEntry, heard: Mapping[str, Heard]) -> str:
    """Return on how many partitions the newest revision has passed, of those that any has."""
    passed = passed_partitions(entry.name, heard.values())
    if not passed:
        return "no partition yet"
    count = sum(number >= entry.current.number for number in passed.values())
    return f"{count} of {len(passed)} partitions"


def _tiers(route: Route, figures: RouteFigures) -> list[TierLine]:
    rules = [*map(describe_tier, route.schedule), "default"]
    counted = [figures.tiers[place] for place in (*range(1, len(route.schedule) + 1), 0)]
    answers = figures.answers
    return [
        TierLine(rule, count, count / answers if answers else None)
        for rule, count in zip(rules, counted, strict=True)
    ]


def _roles(route: Route) -> dict[str, str]:
    """Return what each model of *route* is there for, in the order of the ranking."""
    roles = dict.fromkeys(ranked_models(route), "ranked")
    for place, model in enumerate(scoring_models(route)):
        roles.setdefault(model, "canary" if model == route.canary else "shadow")
        if place == 0 and route.schedule:
            roles[model] = "champion" if roles[model] == "ranked" else roles[model]
    if route.canary in ranked_models(route):
        roles[route.canary] += ", canary"
    return roles


def _model_state(state: State, heard: Mapping[str, Heard], name: str) -> str:
    entry = state.models.get(name)
    if entry is None or entry.removed:
        return "removed" if entry else "unknown"
    counts = Counter(
        ModelState.Name(model.state).removeprefix("MODEL_STATE_").lower()
        for each in heard.values()
        if not each.status.stopping
        for model in each.status.models
        if model.model == name and model.state in ModelState.values()
    )
    return ", ".join(f"{what} x{count}" for what, count in sorted(counts.items())) or "not loaded"


def _rollout(entry: RouteEntry, heard: Mapping[str, Heard]) -> Mapping[str, object] | None:
    if entry.rollout is None:
        return None
    row = rollout_row(entry, heard)
    return row | {"running": entry.rollout.outcome is Outcome.RUNNING}
