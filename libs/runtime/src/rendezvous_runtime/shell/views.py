"""What every service shows on its web server: health, metrics, and the control state that it has folded."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Protocol

from faust.web import Request, Response, View
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry
from rendezvous_control.state import ModelEntry, RouteEntry, State
from scoring.v1.control_pb2 import Model
from scoring.v1.status_pb2 import Status

from rendezvous_runtime.exposition import expose
from rendezvous_runtime.health import Readiness

Json = dict[str, Any]
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

    async def live(view: View, _: Request) -> Response:
        return view.json({"live": shown.live}, status=200 if shown.live else 503)

    async def ready(view: View, _: Request) -> Response:
        is_ready, detail = shown.readiness()
        return view.json({"ready": is_ready, "waiting_for": detail or None}, status=200 if is_ready else 503)

    async def metrics(view: View, request: Request) -> Response:
        body, content_type = await expose(shown.registry, request.headers.get("Accept", ""))
        return view.bytes(body, headers={"Content-Type": content_type})

    async def routes(view: View, _: Request) -> Response:
        named = {name: route_json(entry) for name, entry in sorted(shown.state.routes.items())}
        return view.json({"control_offset": shown.state.next_offset, "routes": named})

    async def models(view: View, _: Request) -> Response:
        named = {name: model_json(entry) for name, entry in sorted(shown.state.models.items())}
        return view.json({"control_offset": shown.state.next_offset, "models": named})

    async def model(view: View, _: Request, name: str, version: str) -> Response:
        entry = shown.state.models.get(f"{name}@{version}")
        if entry is None:
            return view.json({"error": f"no model {name}@{version} is registered"}, status=404)
        held = [each for each in shown.status().models if each.model == f"{name}@{version}"]
        return view.json(model_json(entry) | {"here": [_plain(each) for each in held]})

    return {
        "/health/live": live,
        "/health/ready": ready,
        "/metrics": metrics,
        "/state/routes": routes,
        "/state/models": models,
        "/state/models/{name}/{version}": model,
    }


def route_json(entry: RouteEntry) -> Json:
    """Return the current revision of a route, and how many there are."""
    current = entry.current
    return {
        "revision": current.number,
        "revisions": len(entry.revisions),
        "stamp": asdict(current.stamp),
        "route": _plain(current.route),
    }


def model_json(entry: ModelEntry) -> Json:
    """Return a model without its bytes, which may be many."""
    model = Model()
    model.CopyFrom(entry.model)
    model.artifact.ClearField("data")
    return {
        "model": _plain(model),
        "stamp": asdict(entry.stamp),
        "removed": asdict(entry.removed) if entry.removed else None,
    }


def _plain(message: Message) -> Json:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
