from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rendezvous_contracts.errors import ForeignMessageError
from rendezvous_contracts.foreign import Foreign
from rendezvous_control.bridging import announce, promotion, read_announcement, speculate
from rendezvous_control.state import State
from scoring.v1.control_pb2 import Control, SetRoute
from scoring.v1.flip23_pb2 import Flip23Model, Flip23Speculation

from tests.support.control import control, model, route
from tests.support.folding import after, folded, refused

UUID = "123e4567-e89b-12d3-a456-426614174000"
DESCRIPTOR = Flip23Model(name="Forest", data_type="wine", model_type=2, data=b"<PMML/>")
NEW = f"forest@{sha256(b'<PMML/>').hexdigest()[:12]}"


def record(offset: int = 0) -> Foreign:
    return Foreign("models", 0, offset, "the models topic", at_us=5_000)


def announced(value: bytes, state: State, offset: int = 0) -> Control:
    return announce(read_announcement(value), b"fetched", record(offset), state, "tensorflow-saved-pmml")


def jpmml(kind: str, occurred: int) -> bytes:
    path = "" if kind == "DEL" else ', "path": "m.pmml"'
    return f'{{"type": "{kind}", "name": "{UUID}", "version": 1, "occurredOn": {occurred}{path}}}'.encode()


def test_either_form_is_recognised_by_its_bytes() -> None:
    assert read_announcement(DESCRIPTOR.SerializeToString()).location == ""
    assert read_announcement(jpmml("ADD", 1)).location == "m.pmml"


def test_a_model_comes_and_takes_the_route_of_its_data_type_over() -> None:
    state = folded(control("a", model("a")), control("r", route("a@1")))
    added = announced(DESCRIPTOR.SerializeToString(), state)
    state = folded(added, state=state)

    promoted = promotion(added, record(), state)

    assert promoted is not None
    state = folded(promoted, state=state)
    assert state.routes["wine"].current.route.schedule[0].model == NEW
    # Read again, it has no effect.
    assert refused(state, added).unchanged
    assert refused(state, promoted).unchanged


@pytest.mark.parametrize("data_type", ["", "beer", "empty"])
def test_without_a_route_with_a_tier_nothing_is_taken_over(data_type: str) -> None:
    state = folded(control("r", route(name="empty")))
    other = Flip23Model(name="Forest", data_type=data_type, model_type=2, data=b"x")
    added = announced(other.SerializeToString(), state)

    assert promotion(added, record(), folded(added, state=state)) is None


def test_messages_that_come_in_another_order_than_they_occurred_come_too_late() -> None:
    state = folded(announced(jpmml("ADD", 10), State()))
    state = folded(announced(jpmml("DEL", 30), state, 1), state=state)

    with pytest.raises(ForeignMessageError, match=r"UPDATE of .* occurred 10 ms before the last change"):
        announced(jpmml("UPDATE", 20), state, 2)
    assert folded(announced(jpmml("ADD", 40), state, 3), state=state).model(f"{UUID}@1") is not None


def test_a_timeout_reaches_the_route_of_its_data_type() -> None:
    state = after(State(), SetRoute(route=route()))
    wanted = Flip23Speculation(data_type="Wine", timeout_ms=70).SerializeToString()

    assert (
        folded(speculate(wanted, record(), state), state=state).routes["wine"].current.route.sla_us == 70_000
    )
    with pytest.raises(ForeignMessageError, match="there is no route wine"):
        speculate(wanted, record(), State())


@settings(deadline=None)
@given(st.binary(max_size=80) | st.builds(lambda text: f"{{{text}}}".encode(), st.text(max_size=40)))
def test_any_bytes_are_taken_or_refused(value: bytes) -> None:
    state = folded(control("a", model("a")), control("r", route("a@1")))
    with suppress(ForeignMessageError):
        announced(value, state)
    with suppress(ForeignMessageError):
        speculate(value, record(), state)
