"""Changes to models: each returns the next state, or raises ControlError (UnchangedError) with why not."""

from dataclasses import replace

from rendezvous_contracts.names import ModelId
from rendezvous_contracts.routes import scoring_models
from scoring.v1.control_pb2 import Model, RemoveModel

from rendezvous_control.checks import check_model
from rendezvous_control.errors import ControlError, UnchangedError
from rendezvous_control.maps import put
from rendezvous_control.state import ModelEntry, Stamp, State


def add_model(state: State, model: Model, stamp: Stamp) -> State:
    """Register *model*. One that was removed comes back only with the artifact that it had."""
    check_model(model)
    name = model_name(model)
    known = state.models.get(name)
    if known is None:
        return _put(state, name, ModelEntry(_copy(model), stamp))
    if not known.removed:
        _check_unchanged(known.model, model, name)
    _check_same_artifact(known.model, model, name)
    return _put(state, name, ModelEntry(_copy(model), stamp))


def _check_unchanged(known: Model, model: Model, name: str) -> None:
    if known == model:
        raise UnchangedError(f"model {name} is registered already, with the same content")
    raise ControlError(
        f"model {name} is registered already, with another content: choose a new version, or update_model "
        "to change its description, fields or quality"
    )


def update_model(state: State, model: Model, stamp: Stamp) -> State:
    """Replace what is said about *model*; neither its type nor its artifact's content may change."""
    check_model(model)
    name = model_name(model)
    known = registered(state, name)
    if known.model == model:
        raise UnchangedError(f"model {name} is described so already")
    _check_same_artifact(known.model, model, name)
    return _put(state, name, ModelEntry(_copy(model), stamp))


def remove_model(state: State, removal: RemoveModel, stamp: Stamp) -> State:
    """Remove a model that no route uses now; old revisions can still be read."""
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


def _copy(model: Model) -> Model:
    copy = Model()
    copy.CopyFrom(model)
    return copy


def _put(state: State, name: str, entry: ModelEntry) -> State:
    return replace(state, models=put(state.models, name, entry))
