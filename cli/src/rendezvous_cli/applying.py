"""From policy documents to control messages: what each changes, told before anything is published."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from rendezvous_contracts.changes import Change
from rendezvous_contracts.names import ModelId
from rendezvous_contracts.policy import (
    DeploymentDocument,
    Document,
    ModelDocument,
    RouteDocument,
    parse_documents,
)
from rendezvous_control.state import State
from scoring.v1.control_pb2 import AddModel, Artifact, Deploy, Model, SetRoute, UpdateModel

from rendezvous_cli.errors import CliError
from rendezvous_cli.fields import STDIN
from rendezvous_cli.publishing import DONE, Submitter

# A record holds 1,000,000 bytes; the rest is for what is said about the model.
INLINE_BYTES: Final = 900_000
_ORDER: Final = ("model", "route", "deployment")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One document, ready to be published: *name* is what it is about, *place* where it stands."""

    kind: str
    name: str
    place: str
    thing: Model | SetRoute | Deploy


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of one document: created, updated, unchanged or refused; *offset* is its message's."""

    kind: str
    name: str
    result: str
    detail: str
    place: str
    offset: int | None = None


def read_wanted(text: str, source: str) -> list[Wanted]:
    """Return what *text* asks for; raises BadPolicyError, or CliError for an artifact that cannot be read."""
    folder = Path() if source == STDIN else Path(source).parent
    return [_wanted(document, folder) for document in parse_documents(text, source)]


def in_order(wanted: Iterable[Wanted]) -> list[Wanted]:
    """Return *wanted* in the order in which one names the other; otherwise in its order."""
    return sorted(wanted, key=lambda each: _ORDER.index(each.kind))


def _wanted(document: Document, folder: Path) -> Wanted:
    place = f"{document.source}:{document.line}"
    if isinstance(document, RouteDocument):
        return Wanted("route", document.route.name, place, SetRoute(route=document.route))
    if isinstance(document, DeploymentDocument):
        deploy = Deploy(deployment=document.deployment)
        return Wanted("deployment", document.deployment.name, place, deploy)
    model = _complete(document, folder, place)
    return Wanted("model", str(ModelId(model.name, model.version)), place, model)


def _complete(document: ModelDocument, folder: Path, place: str) -> Model:
    if document.path is None:
        return document.model
    path = folder / document.path
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CliError(f"{place}: the artifact {path} cannot be read: {error.strerror}") from error
    document.model.artifact.CopyFrom(_artifact(path, data))
    return document.model


def _artifact(path: Path, data: bytes) -> Artifact:
    digest = sha256(data).digest()
    if len(data) <= INLINE_BYTES:
        return Artifact(data=data, sha256=digest, size=len(data))
    return Artifact(location=path.resolve().as_uri(), sha256=digest, size=len(data))


def apply_wanted(submitter: Submitter, wanted: Wanted) -> Applied:
    """Publish *wanted* if it changes something that can be changed, and say what became of it."""
    before = submitter.state
    submitted = submitter.submit(change_for(wanted, before), expected_by(wanted, before))
    if submitted.result != DONE:
        return _applied(wanted, submitted.result, submitted.detail, submitted.offset)
    return _done(wanted, before, submitter.state, submitted.offset)


def change_for(wanted: Wanted, state: State) -> Change:
    """Return the change by which *state* comes to what is wanted."""
    if isinstance(wanted.thing, SetRoute | Deploy):
        return wanted.thing
    known = state.model(wanted.name)
    if known is None or known.model == wanted.thing:
        return AddModel(model=wanted.thing)
    return UpdateModel(model=wanted.thing)


def expected_by(wanted: Wanted, state: State) -> int | None:
    """Return the revision that this author sees, so that nobody's later change is overwritten."""
    return None if wanted.kind == "model" else _number(wanted, state)


def _number(wanted: Wanted, state: State) -> int:
    """Return the revision of a route or the generation of a deployment; 0 before there is one."""
    if wanted.kind == "route":
        route = state.routes.get(wanted.name)
        return route.current.number if route else 0
    deployment = state.deployments.get(wanted.name)
    return deployment.generation if deployment else 0


def _done(wanted: Wanted, before: State, after: State, offset: int | None) -> Applied:
    if wanted.kind != "model":
        number = _number(wanted, after)
        what = "revision" if wanted.kind == "route" else "generation"
        return _applied(wanted, "created" if number == 1 else "updated", f"{what} {number}", offset)
    known = before.model(wanted.name) is not None
    return _applied(wanted, "updated" if known else "created", "", offset)


def _applied(wanted: Wanted, result: str, detail: str, offset: int | None = None) -> Applied:
    return Applied(wanted.kind, wanted.name, result, detail, wanted.place, offset)
