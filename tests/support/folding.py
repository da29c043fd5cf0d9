"""Folding messages in tests, with what is expected of each said at once."""

from rendezvous_contracts.changes import Change
from rendezvous_control.fold import apply
from rendezvous_control.state import Refused, State
from scoring.v1.control_pb2 import Control, Model, Route

from tests.support.control import asked, control


def folded(*messages: Control, state: State | None = None) -> State:
    """The state after *messages*, each of which has to be applied."""
    state = state or State()
    for message in messages:
        outcome = apply(state, message, state.next_offset)
        assert isinstance(outcome, State), outcome
        state = outcome
    return state


def decided(*changes: Change) -> State:
    """The state after *changes*, each of which has to be applied."""
    return folded(*(asked(f"c{number}", change) for number, change in enumerate(changes)))


def published(*entries: Model | Route) -> State:
    """The state after *entries* were added and set, one after the other."""
    return folded(*(control(f"c{number}", entry) for number, entry in enumerate(entries)))


def refused(state: State, message: Control) -> Refused:
    """Why *message* is refused, which it has to be."""
    outcome = apply(state, message, state.next_offset)
    assert isinstance(outcome, Refused), "it was applied"
    return outcome


def after(state: State, change: Change, *, author: str = "ada", expected: int | None = None) -> State:
    """The state after *change*, which has to be applied."""
    return folded(asked(f"after-{state.next_offset}", change, author=author, expected=expected), state=state)


def refusal(state: State, change: Change, *, author: str = "ada", expected: int | None = None) -> Refused:
    """Why *change* is refused, which it has to be."""
    return refused(state, asked("refused", change, author=author, expected=expected))
