"""Changes to deployments: each returns the next state, or raises ControlError (UnchangedError), as all do."""

from dataclasses import replace
from typing import Final

from rendezvous_contracts.names import check_name, parse_model_id
from scoring.v1.control_pb2 import Deploy, Deployment, ScaleDeployment, Undeploy

from rendezvous_control.checks import check_text
from rendezvous_control.errors import ControlError, UnchangedError
from rendezvous_control.maps import put
from rendezvous_control.model_changes import registered
from rendezvous_control.state import DeploymentEntry, Stamp, State

MAX_REPLICAS: Final = 1_000
_IMAGE_LENGTH: Final = 512
_OPTION_LENGTH: Final = 128
_VALUE_LENGTH: Final = 4_096
_MAX_OPTIONS: Final = 100


def deploy(state: State, change: Deploy, expected: int | None, stamp: Stamp) -> State:
    """Have a deployment run as described. *expected*: the generation that has to be the newest now."""
    deployment = change.deployment
    check_name(deployment.name, "deployment name")
    _check_expected(state, deployment.name, expected)
    check_deployment(state, deployment)
    return _put(state, deployment, stamp)


def undeploy(state: State, change: Undeploy, expected: int | None, stamp: Stamp) -> State:
    """Have nothing run under a name any more."""
    entry = state.deployments.get(change.name)
    if entry is not None and entry.removed:
        raise UnchangedError(f"{change.name} was undeployed already")
    entry = deployed(state, change.name)
    _check_expected(state, change.name, expected)
    gone = replace(entry, generation=entry.generation + 1, removed=stamp)
    return replace(state, deployments=put(state.deployments, change.name, gone))


def scale_deployment(state: State, change: ScaleDeployment, expected: int | None, stamp: Stamp) -> State:
    """Have another number of replicas run; none is a number too."""
    entry = deployed(state, change.name)
    _check_expected(state, change.name, expected)
    scaled = Deployment()
    scaled.CopyFrom(entry.deployment)
    scaled.replicas = change.replicas
    check_deployment(state, scaled)
    return _put(state, scaled, stamp)


def check_deployment(state: State, deployment: Deployment) -> None:
    """Raise ControlError or ContractError with the first thing that is wrong with *deployment*."""
    match deployment.WhichOneof("hosts"):
        case "model":
            parse_model_id(deployment.model)
            registered(state, deployment.model)
        case "versions_of":
            check_name(deployment.versions_of, "model name")
        case "route" if deployment.route not in state.routes:
            raise ControlError(f"route {deployment.route[:80]!r} is not known: set it first")
        case None:
            raise ControlError("it hosts nothing: name a model, the versions of one, or a route")
    if deployment.replicas > MAX_REPLICAS:
        raise ControlError(f"{deployment.replicas} replicas are asked for: use {MAX_REPLICAS} at most")
    if deployment.image:
        check_text(deployment.image, "the image", maximum=_IMAGE_LENGTH)
    if len(deployment.options) > _MAX_OPTIONS:
        raise ControlError(f"it has {len(deployment.options)} options: use {_MAX_OPTIONS} at most")
    for name, value in deployment.options.items():
        check_text(name, "the name of an option", maximum=_OPTION_LENGTH)
        check_text(value, f"option {name}", maximum=_VALUE_LENGTH)


def deployed(state: State, name: str) -> DeploymentEntry:
    """Return what is to run as *name*; raises ControlError if nothing is."""
    entry = state.deployment(name)
    if entry is None:
        raise ControlError(f"nothing is deployed as {name[:80]!r}: deploy it first")
    return entry


def _check_expected(state: State, name: str, expected: int | None) -> None:
    entry = state.deployments.get(name)
    current = entry.generation if entry else 0
    if expected is not None and expected != current:
        raise ControlError(
            f"deployment {name} is at generation {current}, not {expected}: look at it and decide again"
        )


def _put(state: State, deployment: Deployment, stamp: Stamp) -> State:
    name = deployment.name
    entry = state.deployments.get(name)
    if entry and not entry.removed and entry.deployment == deployment:
        raise UnchangedError(f"{name} is deployed so already, since generation {entry.generation}")
    copy = Deployment()
    copy.CopyFrom(deployment)
    changed = DeploymentEntry(copy, entry.generation + 1 if entry else 1, stamp)
    return replace(state, deployments=put(state.deployments, name, changed))
