"""The models: who has them, how they are, and how far they are from the canary. Pure."""

from collections.abc import Iterable, Iterator

from rendezvous_contracts.routes import champions, ranked_models
from rendezvous_control.state import ModelEntry, State
from scoring.v1.control_pb2 import Route
from scoring.v1.status_pb2 import ModelState, ModelStatus

from rendezvous_gateway.screen.facts import Difference, differences
from rendezvous_gateway.screen.markup import Html, join, tag
from rendezvous_gateway.screen.pieces import Row, badge, lines, section, table
from rendezvous_gateway.screen.seen import Snapshot

_STATES = {
    ModelState.MODEL_STATE_LOADING: ("busy", "loading"),
    ModelState.MODEL_STATE_READY: ("good", "ready"),
    ModelState.MODEL_STATE_FAILED: ("bad", "failed"),
    ModelState.MODEL_STATE_DRAINING: ("quiet", "draining"),
}
_COLUMNS = ("Model", "State", "On routes", "Latency of a row", "Rows", "Apart from the canary")


def models_section(state: State, snapshot: Snapshot) -> Html:
    """Return all models that are registered and not removed, and those that somebody holds all the same."""
    held = _held(snapshot)
    registered = {name for name, entry in state.models.items() if entry.removed is None}
    names = sorted(registered | held.keys())
    if not names:
        return section("models", "Models", tag("p", "No model is registered yet."))
    far = {name: list(found) for name, found in _far(state, snapshot)}
    rows = [_model(name, state, held.get(name, []), far.get(name, [])) for name in names]
    text = "Apart from the canary: the mean absolute difference, on the last requests that were seen."
    note = tag("p", text, class_="facts")
    return section("models", "Models", table("Models", _COLUMNS, rows), note)


def _held(snapshot: Snapshot) -> dict[str, list[tuple[str, ModelStatus]]]:
    held: dict[str, list[tuple[str, ModelStatus]]] = {}
    for heard in snapshot.living():
        for each in heard.status.models:
            held.setdefault(each.model, []).append((heard.status.instance, each))
    return held


def _far(state: State, snapshot: Snapshot) -> Iterator[tuple[str, Iterator[tuple[str, Difference]]]]:
    found: dict[str, list[tuple[str, Difference]]] = {}
    for name, made in snapshot.decisions.items():
        entry = state.routes.get(name)
        if entry is not None and entry.current.route.canary:
            for model, all_outputs in differences(made, entry.current.route.canary).items():
                found.setdefault(model, []).extend((name, each) for each in all_outputs)
    return ((name, iter(each)) for name, each in found.items())


def _model(
    name: str, state: State, held: list[tuple[str, ModelStatus]], far: list[tuple[str, Difference]]
) -> Row:
    states = [_STATES.get(each.state, ("quiet", "unknown")) for _, each in held]
    told = ", ".join(sorted({word for _, word in states})) or "held by nobody"
    cells = (
        _state(held) if held else badge("quiet", "held by nobody"),
        lines(_roles(name, (entry.current.route for _, entry in sorted(state.routes.items())))),
        lines(_latency(each) for _, each in held if each.usage.count),
        lines(_rows(each) for _, each in held),
        lines(
            f"{route}, {one.output}: {one.mean_absolute:.4g} ({one.requests} requests)" for route, one in far
        ),
    )
    title = join(tag("code", name), _approval(state.models.get(name)))
    return Row(f"model-{name}", title, cells, f"Model {name}: {told}")


def _approval(entry: ModelEntry | None) -> Html:
    if entry is None:
        return join(" ", badge("bad", "not registered"))
    return join(" ", badge("good", "approved")) if entry.approved else join("")


def _state(held: list[tuple[str, ModelStatus]]) -> Html:
    def one(instance: str, each: ModelStatus) -> Html:
        kind, word = _STATES.get(each.state, ("quiet", "unknown"))
        return join(badge(kind, word), f" {instance}", f": {each.reason}" if each.reason else "")

    return lines(one(instance, each) for instance, each in held)


def _roles(name: str, routes: Iterable[Route]) -> Iterator[str]:
    for route in routes:
        roles = []
        if name in champions(route):
            roles.append("champion")
        elif name in ranked_models(route):
            roles.append("fallback")
        if name in route.shadows:
            roles.append("shadow")
        if name == route.canary:
            roles.append("canary")
        if roles:
            yield f"{route.name}: {', '.join(roles)}"


def _latency(each: ModelStatus) -> str:
    return f"median {each.usage.p50_us / 1000:.3g} ms, p99 {each.usage.p99_us / 1000:.3g} ms"


def _rows(each: ModelStatus) -> str:
    failed = f", {each.usage.failed} failed" if each.usage.failed else ""
    return f"{each.usage.count}{failed}"
