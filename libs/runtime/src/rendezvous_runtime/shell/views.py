"""What every service shows on its web server: health, metrics, and the control state that it has folded."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

from faust.web import Request, Response, View
from prometheus_client import CollectorRegistry
from rendezvous_control.state import State
from scoring.v1.status_pb2 import Status

from rendezvous_runtime.exposition import Page
from rendezvous_runtime.health import Readiness
from rendezvous_runtime.shell.state_json import (
    Json,
    approvals_json,
    deployments_json,
    model_json,
    of_data_type,
    plain,
    rollouts_json,
    routes_json,
    schedules_json,
)

_Handler = Callable[..., Awaitable[Response]]


class Shown(Protocol):
    """What the views show."""

    registry: CollectorRegistry

    @property
    def state(self) -> State:
        """The control state folded so far."""
        ...

    @property
    def live(self) -> bool:
        """Whether the process is worth keeping."""
        ...

    def readiness(self) -> Readiness:
        """Return whether it is ready, and if not, why."""
        ...

    def status(self) -> Status:
        """Return what it would say of itself now."""
        ...


def views(shown: Shown) -> dict[str, _Handler]:
    """Return the handler of each path."""
    page = Page(shown.registry)

    async def live(view: View, _: Request) -> Response:
        return view.json({"live": shown.live}, status=200 if shown.live else 503)

    async def ready(view: View, _: Request) -> Response:
        is_ready, detail = shown.readiness()
        return view.json({"ready": is_ready, "waiting_for": detail or None}, status=200 if is_ready else 503)

    async def metrics(view: View, request: Request) -> Response:
        body, content_type = await page.show(request.headers.get("Accept", ""))
        return view.bytes(body, headers={"Content-Type": content_type})

    async def model(view: View, _: Request, name: str, version: str) -> Response:
        entry = shown.state.models.get(f"{name}@{version}")
        if entry is None:
            return view.json({"error": f"no model {name}@{version} is registered"}, status=404)
        status = shown.status()
        here = [plain(each) for each in status.models if each.model == f"{name}@{version}"]
        decided = [plain(each) for each in status.uses if each.model == f"{name}@{version}"]
        return view.json(model_json(entry) | {"here": here, "decided": decided})

    return {
        "/health/live": live,
        "/health/ready": ready,
        "/metrics": metrics,
        "/state/models/{name}/{version}": model,
        **{f"/state/{name}": _state_view(shown, show) for name, show in _STATE.items()},
    }


def _state_view(shown: Shown, show: Callable[[Shown, Request], Json]) -> _Handler:
    async def state(view: View, request: Request) -> Response:
        return view.json({"control_offset": shown.state.next_offset} | show(shown, request))

    return state


def _models(shown: Shown, request: Request) -> Json:
    wanted = of_data_type(shown.state.models, request.query.get("data_type"))
    return {"models": {name: model_json(entry) for name, entry in wanted}}


_STATE: Final[Mapping[str, Callable[[Shown, Request], Json]]] = {
    "routes": lambda shown, _: {"routes": routes_json(shown.state)},
    "models": _models,
    "deployments": lambda shown, _: {"deployments": deployments_json(shown.state, shown.status())},
    "approvals": lambda shown, _: approvals_json(shown.state),
    "schedules": lambda shown, _: {"schedules": schedules_json(shown.state, shown.status())},
    "rollouts": lambda shown, _: {"rollouts": rollouts_json(shown.state, shown.status())},
}
