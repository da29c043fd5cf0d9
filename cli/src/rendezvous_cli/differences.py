"""What policy files would change, told and not done. Pure."""

from dataclasses import dataclass
from difflib import unified_diff

from rendezvous_client.control import new_control
from rendezvous_contracts.policy import (
    deployment_to_document,
    model_to_document,
    route_to_document,
    write_documents,
)
from rendezvous_control.fold import apply
from rendezvous_control.state import Refused, State
from scoring.v1.control_pb2 import Deploy, Deployment, Model, Route, SetRoute

from rendezvous_cli.applying import Wanted, change_for, expected_by
from rendezvous_cli.publishing import REFUSED, UNCHANGED


@dataclass(frozen=True, slots=True)
class Difference:
    """What applying one document would come to: *result* is new, changed, unchanged or refused."""

    kind: str
    name: str
    result: str
    detail: str
    place: str
    diff: str


def find_differences(state: State, wanted: list[Wanted], author: str) -> list[Difference]:
    """Return what becomes of each of *wanted*, applied one after the other to *state* by *author*."""
    found = []
    for each in wanted:
        message = new_control(change_for(each, state), author, expected_revision=expected_by(each, state))
        outcome = apply(state, message, state.next_offset)
        before, after = _text_before(state, each), _text(_thing(each))
        diff = "".join(_lines(each, before, after))
        if isinstance(outcome, Refused):
            result = UNCHANGED if outcome.unchanged else REFUSED
            shown = "" if outcome.unchanged else diff
            found.append(Difference(each.kind, each.name, result, outcome.reason, each.place, shown))
            continue
        state = outcome
        result = "changed" if before else "new"
        found.append(Difference(each.kind, each.name, result, "", each.place, diff))
    return found


def _lines(wanted: Wanted, before: str, after: str) -> list[str]:
    name = f"{wanted.kind} {wanted.name}"
    return list(
        unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            f"{name} (now)" if before else "nothing",
            f"{name} ({wanted.place})",
        )
    )


def _thing(wanted: Wanted) -> Model | Route | Deployment:
    match wanted.thing:
        case SetRoute() as change:
            return change.route
        case Deploy() as change:
            return change.deployment
        case model:
            return model


def _text_before(state: State, wanted: Wanted) -> str:
    match wanted.kind:
        case "model":
            model = state.model(wanted.name)
            return _text(model.model) if model else ""
        case "route":
            route = state.routes.get(wanted.name)
            return _text(route.current.route) if route else ""
        case _:
            deployment = state.deployment(wanted.name)
            return _text(deployment.deployment) if deployment else ""


def _text(thing: Model | Route | Deployment) -> str:
    match thing:
        case Route():
            return write_documents([route_to_document(thing)])
        case Deployment():
            return write_documents([deployment_to_document(thing)])
        case _:
            document = model_to_document(thing)
            # Bytes are nothing to compare by eye: their digest tells.
            document["artifact"] = {"sha256": thing.artifact.sha256.hex(), "size": thing.artifact.size}
            return write_documents([document])
