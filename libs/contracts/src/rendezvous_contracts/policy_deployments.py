"""Deployment documents, in both directions."""

from typing import Final

from scoring.v1.control_pb2 import Deployment

from rendezvous_contracts.names import check_name
from rendezvous_contracts.policy_nodes import Place
from rendezvous_contracts.policy_tiers import read_model_id

HOSTS: Final = ("model", "versions_of", "route")
_KEYS: Final = ("deployment", *HOSTS, "replicas", "image", "options")
_MAX_REPLICAS: Final = 1_000
_PLAIN: Final = frozenset({"an integer", "a number", "a flag"})


def read_deployment(place: Place) -> Deployment:
    """Read one deployment; raises BadPolicyError with the first thing that is wrong."""
    parts = place.mapping(_KEYS)
    deployment = Deployment(
        name=parts["deployment"].checked(lambda text: check_name(text, "deployment name")),
        replicas=_replicas(parts["replicas"]) if "replicas" in parts else 1,
        image=parts["image"].text() if "image" in parts else "",
        options=_options(parts["options"]) if "options" in parts else {},
    )
    hosts = [key for key in HOSTS if key in parts]
    if len(hosts) != 1:
        raise place.error(f"name one of {', '.join(HOSTS)}, and here are {len(hosts)}")
    match hosts[0]:
        case "model":
            deployment.model = read_model_id(parts["model"])
        case "versions_of":
            deployment.versions_of = parts["versions_of"].checked(lambda text: check_name(text, "model name"))
        case _:
            deployment.route = parts["route"].checked(lambda text: check_name(text, "route name"))
    return deployment


def _replicas(place: Place) -> int:
    replicas = place.integer()
    if not 0 <= replicas <= _MAX_REPLICAS:
        raise place.error(f"{replicas} replicas: use 0 to {_MAX_REPLICAS}")
    return replicas


def _options(place: Place) -> dict[str, str]:
    # Options are texts: a number or a flag is one as it is written.
    return {name: at.node.value if at.kind in _PLAIN else at.text() for name, at in place.items()}


def deployment_to_document(deployment: Deployment) -> dict[str, object]:
    """Return *deployment* as plain data that reads back to it; what it leaves unsaid is left out."""
    hosts = deployment.WhichOneof("hosts")
    document: dict[str, object] = {
        "deployment": deployment.name,
        hosts or HOSTS[0]: getattr(deployment, hosts) if hosts else "",
        "replicas": deployment.replicas,
    }
    if deployment.image:
        document["image"] = deployment.image
    if deployment.options:
        document["options"] = dict(sorted(deployment.options.items()))
    return document
