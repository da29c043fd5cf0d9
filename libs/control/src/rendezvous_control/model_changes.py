"""Changes to models: each returns the next state, or raises ControlError (UnchangedError) with why not."""

from dataclasses import replace

from rendezvous_contracts.names import ModelId
from rendezvous_contracts.routes import scoring_models
from scoring.v1.control_pb2 import AddModel, ApproveModel, Model, RemoveModel, UpdateModel

from rendezvous_control.checks import check_model
from rendezvous_control.errors import ControlError, UnchangedError
from rendezvous_control.maps import put
from rendezvous_control.state import ModelEntry, Stamp, State


def add_model(state: State, change: AddModel, stamp: Stamp) -> State:
    """Register a model. One that was removed comes back only with the artifact that it had."""
    model = change.model
    check_model(model)
    name = model_name(model)
    known = state.models.get(name)
    if known is not None:
        if not known.removed:
            _check_unchanged(known.model, model, name)
        _check_same_artifact(known.model, model, name)
    return _write(state, name, model, stamp)


def _check_unchanged(known: Model, model: Model, name: str) -> None:
    if known == model:
        raise UnchangedError(f"model {name} is registered already, with the same content")
    raise ControlError(
        f"model {name} is registered already, with another content: choose a new version, or update_model "
        "to change its description, fields or quality"
    )


def update_model(state: State, change: UpdateModel, stamp: Stamp) -> State:
    """Replace what is said about a model; neither its type nor its artifact's content may change."""
    model = change.model
    check_model(model)
    name = model_name(model)
    known = registered(state, name)
    if known.model == model:
        raise UnchangedError(f"model {name} is described so already")
    _check_same_artifact(known.model, model, name)
    return _write(state, name, model, stamp)


def approve_model(state: State, approval: ApproveModel, stamp: Stamp) -> State:
    """Let a model become champion where a route asks for approval: not for its writers to say."""
    name = str(ModelId(approval.name, approval.version))
    known = registered(state, name)
    if stamp.author in known.writers or stamp.author == known.model.author:
        raise ControlError(f"{stamp.author} wrote model {name}: somebody else has to approve it")
    if stamp.author in {approved.author for approved in known.approvals}:
        raise UnchangedError(f"{stamp.author} approved model {name} already")
    return _put(state, name, replace(known, approvals=(*known.approvals, stamp)))


def remove_model(state: State, removal: RemoveModel, stamp: Stamp) -> State:
    """Remove a model that no route and no deployment uses now; old revisions can still be read."""
    name = str(ModelId(removal.name, removal.version))
    known = state.models.get(name)
    if known is not None and known.removed:
        raise UnchangedError(f"model {name} was removed already")
    known = registered(state, name)
    users = sorted(
        route.name for route in state.routes.values() if name in scoring_models(route.current.route)
    )
    if users:
        raise ControlError(
            f"model {name} is used by route {', '.join(users)}: set the route without it first"
        )
    hosts = sorted(
        entry.deployment.name
        for entry in state.deployments.values()
        if not entry.removed and entry.deployment.model == name
    )
    if hosts:
        raise ControlError(f"model {name} is deployed as {', '.join(hosts)}: undeploy it first")
    return _put(state, name, replace(known, removed=stamp))


def registered(state: State, name: str) -> ModelEntry:
    """Return the model *name* (name@version); raises ControlError if it is not registered, or removed."""
    known = state.models.get(name)
    if known is None:
        raise ControlError(f"model {name[:160]} is not registered: add it first")
    if known.removed:
        raise ControlError(f"model {name} was removed: add it again first")
    return known


def model_name(model: Model) -> str:
    """Return name@version of *model*."""
    return str(ModelId(model.name, model.version))


def _check_same_artifact(known: Model, model: Model, name: str) -> None:
    same = known.type == model.type and known.artifact.sha256 == model.artifact.sha256
    if not same:
        raise ControlError(f"model {name} had another type or artifact: choose a new version")


def _write(state: State, name: str, model: Model, stamp: Stamp) -> State:
    """Put *model* as its author says it is now: earlier approvals were of something else."""
    known = state.models.get(name)
    copy = Model()
    copy.CopyFrom(model)
    writers = known.writers if known else frozenset()
    return _put(state, name, ModelEntry(copy, stamp, writers=writers | {stamp.author}))


def _put(state: State, name: str, entry: ModelEntry) -> State:
    return replace(state, models=put(state.models, name, entry))
