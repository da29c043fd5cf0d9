"""The control log is folded whole before anybody acts on it, and poison does not stop it."""

from rendezvous_control.state import State
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.shell.control import ControlFollower

from tests.support.control import control, model, route

ADD = control("c1", model()).SerializeToString()
SET = control("c2", route("wine-forest@1")).SerializeToString()


def followed() -> tuple[ControlFollower, list[State]]:
    view = ControlView()
    states: list[State] = []
    follower = ControlFollower(view)
    view.subscribe(states.append)
    states.clear()
    return follower, states


def test_nothing_is_published_before_the_end_is_reached() -> None:
    follower, states = followed()
    follower.fold(ADD, 0)
    assert follower.waiting_for() == "the end of the control log is not known yet"
    follower.expect(2)
    assert follower.waiting_for() == "the control log is folded up to 1 of 2"
    assert states == []
    follower.fold(SET, 1)
    assert follower.caught_up
    assert follower.waiting_for() is None
    assert [state.next_offset for state in states] == [2]
    assert states[0].routes["wine"].current.number == 1


def test_an_empty_log_is_caught_up_at_once() -> None:
    follower, states = followed()
    follower.expect(0)
    assert follower.caught_up
    assert [state.next_offset for state in states] == [0]


def test_every_later_message_is_published() -> None:
    follower, states = followed()
    follower.expect(0)
    follower.fold(ADD, 0)
    follower.fold(SET, 1)
    assert [state.next_offset for state in states] == [0, 1, 2]


def test_poison_counts_as_folded_and_is_kept_with_its_reason() -> None:
    follower, _ = followed()
    follower.expect(3)
    for offset, value in enumerate((b"\xff\xff", None, ADD)):
        follower.fold(value, offset)
    assert follower.caught_up
    assert list(follower.state.models) == ["wine-forest@1"]
    assert [refused.offset for refused in follower.refusals] == [0, 1]
    assert "not a Control message" in follower.refusals[0].reason


def test_only_the_newest_refusals_are_kept() -> None:
    follower, _ = followed()
    for offset in range(100):
        follower.fold(b"\xff", offset)
    assert [refused.offset for refused in follower.refusals] == list(range(80, 100))
