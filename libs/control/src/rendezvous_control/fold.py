"""
The fold of the control log: pure, total, and the same in every service.

A message changes the state or is refused with a reason; a refused one changes nothing but next_offset. Rules:

- An id is applied once: a second message with it changes nothing. A refused id may be tried again.
- Offsets are folded once and in order, so a consumer that reads some again comes to no other state.
- Revisions of a route count 1, 2, 3 ...; expected_revision (0: no such route yet) must be the current one.
"""

from dataclasses import replace
from typing import Final

from google.protobuf.message import DecodeError
from rendezvous_contracts.errors import ContractError
from scoring.v1.control_pb2 import Control

from rendezvous_control.checks import check_text
from rendezvous_control.errors import ControlError, UnchangedError
from rendezvous_control.maps import put
from rendezvous_control.model_changes import add_model, remove_model, update_model
from rendezvous_control.route_changes import rollback_route, set_route
from rendezvous_control.state import Refused, Stamp, State

_ID_LENGTH: Final = 128
_AUTHOR_LENGTH: Final = 128


def apply(state: State, message: Control, offset: int) -> State | Refused:
    """Return *state* with the change that *message*, read at *offset*, makes to it, or why it makes none."""
    if offset < state.next_offset:
        return Refused(offset, message.id, f"offset {offset} is folded already", unchanged=True)
    try:
        _check_envelope(state, message)
        changed = _change(state, message, _stamp(message, offset))
    except UnchangedError as unchanged:
        return Refused(offset, message.id, str(unchanged), unchanged=True)
    except (ControlError, ContractError) as error:
        return Refused(offset, message.id, str(error))
    return replace(changed, next_offset=offset + 1, seen=put(changed.seen, message.id, offset))


def fold_record(state: State, value: bytes | None, offset: int) -> tuple[State, Refused | None]:
    """Return the state after the record *value* (any bytes) at *offset*, and why it was refused, if so."""
    if offset < state.next_offset:
        return state, None
    outcome = _fold(state, value or b"", offset)
    if isinstance(outcome, State):
        return outcome, None
    return replace(state, next_offset=offset + 1), outcome


def _fold(state: State, value: bytes, offset: int) -> State | Refused:
    try:
        message = Control.FromString(value)
    except DecodeError as error:
        return Refused(offset, "", f"not a Control message: {error}")
    return apply(state, message, offset)


def _check_envelope(state: State, message: Control) -> None:
    check_text(message.id, "the id of a control message", maximum=_ID_LENGTH)
    check_text(message.author, "the author of a control message", maximum=_AUTHOR_LENGTH)
    if message.id in state.seen:
        raise UnchangedError(f"id {message.id} was applied already, at offset {state.seen[message.id]}")


def _change(state: State, message: Control, stamp: Stamp) -> State:
    expected = message.expected_revision if message.HasField("expected_revision") else None
    match message.WhichOneof("change"):
        case "set_route":
            return set_route(state, message.set_route.route, expected, stamp)
        case "rollback_route":
            return rollback_route(state, message.rollback_route, expected, stamp)
        case None:
            raise ControlError("it asks for no change that this version knows")
        case _ if expected is not None:
            raise ControlError("expected_revision is a route's and says nothing about a model: leave it out")
        case "add_model":
            return add_model(state, message.add_model.model, stamp)
        case "update_model":
            return update_model(state, message.update_model.model, stamp)
        case "remove_model":
            return remove_model(state, message.remove_model, stamp)


def _stamp(message: Control, offset: int) -> Stamp:
    return Stamp(offset, message.id, message.author, message.at_us, message.reason)
