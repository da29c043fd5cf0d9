"""
The fold of the control log: pure, total, and the same in every service.

A message changes the state or is refused with a reason; a refused one changes nothing but next_offset. Rules:

- An id is applied once: a second message with it changes nothing. A refused id may be tried again.
- Offsets are folded once and in order, so a consumer that reads some again comes to no other state.
- Revisions of a route count 1, 2, 3 ...; expected_revision (0: no such route yet) must be the current one.
  Of a deployment it is the generation, of a build how often it was set.
- With a key ring, a message that is not signed by a key of its author is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from rendezvous_contracts.errors import ContractError
from scoring.v1.control_pb2 import Control

from rendezvous_control.build_changes import set_build
from rendezvous_control.checks import check_text
from rendezvous_control.deployment_changes import deploy, scale_deployment, undeploy
from rendezvous_control.envelope import Verifier, open_record
from rendezvous_control.errors import ControlError, UnchangedError
from rendezvous_control.maps import put
from rendezvous_control.model_changes import add_model, approve_model, remove_model, update_model
from rendezvous_control.rollout_changes import abort_rollout, start_rollout, step_rollout
from rendezvous_control.route_changes import pause_route, ramp_route, resume_route, rollback_route, set_route
from rendezvous_control.state import Refused, Stamp, State

_ID_LENGTH: Final = 128
_AUTHOR_LENGTH: Final = 128


def apply(state: State, message: Control, offset: int) -> State | Refused:
    """
    Return *state* with the change that *message*, read at *offset*, makes to it, or why it makes none.

    *message* is what an envelope holds, if it came in one: see open_record.
    """
    if offset < state.next_offset:
        return _refused(message, offset, f"offset {offset} is folded already", unchanged=True)
    try:
        _check_head(state, message)
        changed = _change(state, message, _stamp(message, offset))
    except UnchangedError as unchanged:
        return _refused(message, offset, str(unchanged), unchanged=True)
    except (ControlError, ContractError) as error:
        return _refused(message, offset, str(error))
    return replace(changed, next_offset=offset + 1, seen=put(changed.seen, message.id, offset))


def fold_record(
    state: State, value: bytes | None, offset: int, keys: Verifier | None = None
) -> tuple[State, Refused | None]:
    """
    Return the state after the record *value* (any bytes) at *offset*, and why it was refused, if so.

    *keys*: whose signatures count. Without, signatures are not looked at.
    """
    if offset < state.next_offset:
        return state, None
    outcome = _fold(state, value or b"", offset, keys)
    if isinstance(outcome, State):
        return outcome, None
    return replace(state, next_offset=offset + 1), outcome


def _fold(state: State, value: bytes, offset: int, keys: Verifier | None) -> State | Refused:
    try:
        opened = open_record(value)
        if keys is not None:
            keys.check(opened, offset)
    except ControlError as error:
        return Refused(offset, "", str(error))
    return apply(state, opened.message, offset)


def _refused(message: Control, offset: int, reason: str, *, unchanged: bool = False) -> Refused:
    return Refused(offset, message.id, reason, unchanged=unchanged, author=message.author)


def _check_head(state: State, message: Control) -> None:
    check_text(message.id, "the id of a control message", maximum=_ID_LENGTH)
    check_text(message.author, "the author of a control message", maximum=_AUTHOR_LENGTH)
    if message.id in state.seen:
        raise UnchangedError(f"id {message.id} was applied already, at offset {state.seen[message.id]}")


def _change(state: State, message: Control, stamp: Stamp) -> State:
    expected = message.expected_revision if message.HasField("expected_revision") else None
    kind = message.WhichOneof("change")
    if kind is None:
        raise ControlError("it asks for no change that this version knows")
    change = getattr(message, kind)
    if kind in _COUNTED:
        return _COUNTED[kind](state, change, expected, stamp)
    if expected is not None:
        raise ControlError(
            "expected_revision is a route's or a deployment's and says nothing about a model: leave it out"
        )
    return _UNCOUNTED[kind](state, change, stamp)


def _stamp(message: Control, offset: int) -> Stamp:
    return Stamp(offset, message.id, message.author, message.at_us, message.reason)


# By the member of Control.change; the first ones count what they change, so that it can be expected.
_COUNTED: Final[Mapping[str, Callable[[State, Any, int | None, Stamp], State]]] = {
    "set_route": set_route,
    "rollback_route": rollback_route,
    "ramp_route": ramp_route,
    "pause_route": pause_route,
    "resume_route": resume_route,
    "start_rollout": start_rollout,
    "step_rollout": step_rollout,
    "abort_rollout": abort_rollout,
    "deploy": deploy,
    "undeploy": undeploy,
    "scale_deployment": scale_deployment,
    "set_build": set_build,
}
_UNCOUNTED: Final[Mapping[str, Callable[[State, Any, Stamp], State]]] = {
    "add_model": add_model,
    "update_model": update_model,
    "remove_model": remove_model,
    "approve_model": approve_model,
}
