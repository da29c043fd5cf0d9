import json
from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rendezvous_contracts.errors import ForeignMessageError
from rendezvous_contracts.flip23 import (
    Dialect,
    flip23_add,
    flip23_timeout,
    read_flip23_model,
    read_flip23_speculation,
)
from rendezvous_contracts.foreign import Foreign, foreign_name
from rendezvous_contracts.jpmml import JpmmlMessage, jpmml_change, read_jpmml
from rendezvous_contracts.names import ModelId, check_name
from rendezvous_control.fold import apply
from rendezvous_control.state import State
from scoring.v1.control_pb2 import AddModel, Control
from scoring.v1.flip23_pb2 import Flip23Speculation

from tests.support.control import route

RECORD = Foreign("models", 0, 17, "the models topic", at_us=5_000)
NEW: Dialect = "tensorflow-saved-pmml"
OLD: Dialect = "tensorflow-pmml"
UUID = "123e4567-e89b-12d3-a456-426614174000"

# As another system encodes them: field numbers and wire types, byte by byte.
DATA = b"\x0a\x0cWine Quality\x12\x08A forest\x1a\x04wine\x20\x02\x2a\x07<PMML/>"
LOCATED = b"\x0a\x01w\x1a\x04wine\x32\x0bfile:///w.p"


def applied(message: Control, state: State | None = None) -> State:
    state = state or State()
    outcome = apply(state, message, state.next_offset)
    assert isinstance(outcome, State), outcome
    return outcome


def test_a_model_descriptor_is_taken_as_it_is() -> None:
    descriptor = read_flip23_model(DATA)

    message = flip23_add(descriptor, NEW, descriptor.data, RECORD)

    version = sha256(b"<PMML/>").hexdigest()[:12]
    model = applied(message).models[f"wine-quality@{version}"].model
    assert (model.type, model.description, model.data_type) == ("pmml", "A forest", "wine")
    assert model.artifact.data == b"<PMML/>"
    assert (message.id, message.author, message.at_us) == ("models/0/17", "the models topic", 5_000)


def test_a_descriptor_with_a_location_is_completed_by_what_lies_there() -> None:
    descriptor = read_flip23_model(LOCATED)

    model = flip23_add(descriptor, NEW, b"graph", RECORD).add_model.model

    assert (model.type, model.artifact.location) == ("tensorflow-graph", "file:///w.p")
    assert (model.artifact.sha256, model.artifact.size) == (sha256(b"graph").digest(), 5)
    applied(Control(id="a", author="a", add_model=AddModel(model=model)))


@pytest.mark.parametrize(
    ("number", "dialect", "type_"),
    [
        (0, NEW, "tensorflow-graph"),
        (1, NEW, "tensorflow-savedmodel"),
        (2, NEW, "pmml"),
        (0, OLD, "tensorflow-graph"),
        (1, OLD, "pmml"),
    ],
)
def test_the_dialect_says_what_a_type_s_number_means(number: int, dialect: Dialect, type_: str) -> None:
    descriptor = read_flip23_model(DATA)
    descriptor.model_type = number

    assert flip23_add(descriptor, dialect, b"x", RECORD).add_model.model.type == type_


@pytest.mark.parametrize(("number", "dialect"), [(2, OLD), (3, NEW), (-1, NEW)])
def test_a_number_that_the_dialect_does_not_have_is_refused(number: int, dialect: Dialect) -> None:
    descriptor = read_flip23_model(DATA)
    descriptor.model_type = number

    with pytest.raises(ForeignMessageError, match=f"model type {number} is none of the dialect {dialect}"):
        flip23_add(descriptor, dialect, b"x", RECORD)


def test_a_record_read_again_has_no_second_effect() -> None:
    descriptor = read_flip23_model(DATA)
    message = flip23_add(descriptor, NEW, descriptor.data, RECORD)
    state = applied(message)

    again = apply(state, flip23_add(descriptor, NEW, descriptor.data, RECORD), state.next_offset)

    assert not isinstance(again, State)
    assert again.unchanged


@pytest.mark.parametrize(
    ("value", "problem"),
    [(b"", "neither data nor a location"), (b"\xff", "not a ModelDescriptor"), (DATA[:-9], "neither data")],
)
def test_what_is_no_model_descriptor_is_refused(value: bytes, problem: str) -> None:
    with pytest.raises(ForeignMessageError, match=problem):
        read_flip23_model(value)


def test_a_speculation_changes_how_long_its_route_waits() -> None:
    speculation = read_flip23_speculation(b"\x0a\x04wine\x10\x96\x01")
    assert speculation == Flip23Speculation(data_type="wine", timeout_ms=150)

    state = applied(flip23_timeout(speculation, route(), RECORD))

    assert state.routes["wine"].current.route.sla_us == 150_000


@pytest.mark.parametrize(
    ("speculation", "problem"),
    [
        (Flip23Speculation(timeout_ms=0), "a timeout of 0 ms"),
        (Flip23Speculation(timeout_ms=-5), "a timeout of -5 ms"),
        (Flip23Speculation(timeout_ms=2**40), "use 1 to 4294967"),
        (Flip23Speculation(timeout_ms=5, models=["a"]), "it names an ensemble"),
    ],
)
def test_a_speculation_that_cannot_be_is_refused(speculation: Flip23Speculation, problem: str) -> None:
    with pytest.raises(ForeignMessageError, match=problem):
        flip23_timeout(speculation, route(), RECORD)


def said(kind: str = "ADD", **changed: object) -> bytes:
    message = {"type": kind, "name": UUID, "version": 3, "path": "file:///m.pmml", "occurredOn": 7}
    if kind == "DEL":
        del message["path"]
    return json.dumps({key: value for key, value in (message | changed).items() if value is not ...}).encode()


def test_a_model_comes_changes_and_goes() -> None:
    name = f"{UUID}@3"
    state = applied(jpmml_change(read_jpmml(said()), b"<PMML/>", RECORD))
    assert (state.models[name].model.type, state.models[name].stamp.at_us) == ("pmml", 7_000)

    update = jpmml_change(
        read_jpmml(said("UPDATE", path="file:///n.pmml")),
        b"<PMML/>",
        Foreign("models", 0, 18, "the models topic", 0),
    )
    state = applied(update, state)
    assert state.models[name].model.artifact.location == "file:///n.pmml"

    removal = jpmml_change(read_jpmml(said("DEL")), b"", Foreign("models", 0, 19, "the models topic", 0))
    assert applied(removal, state).model(name) is None


def test_what_occurred_before_the_last_change_comes_too_late() -> None:
    message = read_jpmml(said(occurredOn=7))
    jpmml_change(message, b"x", RECORD, newest_us=7_000)

    with pytest.raises(ForeignMessageError, match="occurred 1 ms before the last change to it"):
        jpmml_change(message, b"x", RECORD, newest_us=8_000)


def test_both_together_name_a_model_too() -> None:
    text = said(name=..., version=..., modelId=f"{UUID}_3")

    assert read_jpmml(text) == JpmmlMessage("ADD", ModelId(UUID, "3"), "file:///m.pmml", 7_000)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"\xff", "not JSON"),
        (b"[]", "expected an object"),
        (said("PUT"), "type is 'PUT'"),
        (said(name="wine"), "expected a UUID in lower case"),
        (said(name=UUID.upper()), "expected a UUID in lower case"),
        (said(version="x"), "expected an integer from 0 on"),
        (said(version=True), "expected an integer from 0 on"),
        (said(path=...), "ADD and UPDATE have the path"),
        (said("DEL", path="x"), "DEL has none"),
        (said(occurredOn=...), "occurredOn is 'None'"),
        (said(occurredOn=-1), "expected milliseconds since the epoch"),
        (said(occurredOn=10**30), "expected milliseconds since the epoch"),
    ],
)
def test_what_is_no_such_message_is_refused(value: bytes, problem: str) -> None:
    with pytest.raises(ForeignMessageError, match=problem):
        read_jpmml(value)


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(value: bytes) -> None:
    for read in (read_flip23_model, read_flip23_speculation, read_jpmml):
        with suppress(ForeignMessageError):
            read(value)


@settings(deadline=None)
@given(st.text(max_size=100))
def test_a_foreign_name_is_one_of_ours_or_refused(text: str) -> None:
    try:
        name = foreign_name(text)
    except ForeignMessageError:
        return
    check_name(name, "model name")
    assert foreign_name(name) == name
