"""
The policy language: routes, models and deployments as people write them, to and from messages.

A text holds YAML documents, each a route, a model or a deployment by its first key:

    route: wine
    sla: 50ms
    schedule:
      - use: wine-forest@3
      - after: 20ms
        use: any
    default: {quality: 5.6}
    ---
    model: wine-forest@3
    type: pmml
    artifact: {path: wine-forest.pmml}
    ---
    deployment: forest
    model: wine-forest@3
    replicas: 2

Nothing here opens a file: the path of an artifact is handed to whoever does. What only the control state can
tell, such as whether a tier's model is registered, is for the fold to refuse.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from scoring.v1.control_pb2 import Deployment, Model, Route

from rendezvous_contracts.policy_deployments import deployment_to_document, read_deployment
from rendezvous_contracts.policy_models import model_to_document, read_model
from rendezvous_contracts.policy_nodes import Place
from rendezvous_contracts.policy_routes import read_route, route_to_document
from rendezvous_contracts.policy_yaml import read_nodes, write_documents

__all__ = [
    "DeploymentDocument",
    "Document",
    "ModelDocument",
    "RouteDocument",
    "deployment_to_document",
    "model_to_document",
    "parse_documents",
    "route_to_document",
    "write_documents",
]


@dataclass(frozen=True, slots=True)
class RouteDocument:
    """A route, and where it was read."""

    source: str
    line: int
    route: Route


@dataclass(frozen=True, slots=True)
class ModelDocument:
    """
    A model, and where it was read.

    *path*: where its artifact lies, relative to the source; the model has no artifact then. None: it has one.
    """

    source: str
    line: int
    model: Model
    path: str | None


@dataclass(frozen=True, slots=True)
class DeploymentDocument:
    """A deployment, and where it was read."""

    source: str
    line: int
    deployment: Deployment


Document = RouteDocument | ModelDocument | DeploymentDocument


def parse_documents(text: str, source: str) -> list[Document]:
    """Return the documents of *text*; raises BadPolicyError, which begins with *source* and the line."""
    return [_parse(Place(source, "the document", node)) for node in read_nodes(text, source)]


def _parse(place: Place) -> Document:
    keys = [key for key, _ in place.items()]
    first = keys[0] if keys else ""
    if first not in _KINDS:
        raise place.error(f"its first key is {first[:40]!r}: begin with {' or '.join(_KINDS)}")
    return _KINDS[first](place)


def _route(place: Place) -> Document:
    return RouteDocument(place.source, place.line, read_route(place))


def _model(place: Place) -> Document:
    read = read_model(place)
    return ModelDocument(place.source, place.line, read.model, read.path)


def _deployment(place: Place) -> Document:
    return DeploymentDocument(place.source, place.line, read_deployment(place))


_KINDS: Final[Mapping[str, Callable[[Place], Document]]] = {
    "route": _route,
    "model": _model,
    "deployment": _deployment,
}
