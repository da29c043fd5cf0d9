"""What other systems publish about their models, as control messages, given the state. Pure."""

from dataclasses import dataclass
from typing import Final

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
from rendezvous_contracts.names import ModelId
from rendezvous_contracts.shares import WHOLE
from scoring.v1.control_pb2 import Control, RampRoute, Share
from scoring.v1.flip23_pb2 import Flip23Model

from rendezvous_control.state import State

# No protobuf message of theirs begins like this.
_JSON: Final = b"{"


@dataclass(frozen=True, slots=True)
class Announced:
    """What a record of the topic `models` says; *location*: where its artifact has to be fetched, if set."""

    said: Flip23Model | JpmmlMessage
    location: str


def read_announcement(value: bytes) -> Announced:
    """Return what *value* says, in whatever form; raises ForeignMessageError if in none that is known."""
    if value.lstrip().startswith(_JSON):
        message = read_jpmml(value)
        return Announced(message, message.path)
    descriptor = read_flip23_model(value)
    return Announced(descriptor, descriptor.location)


def announce(
    announced: Announced, fetched: bytes, record: Foreign, state: State, dialect: Dialect
) -> Control:
    """Return the message that says the same; *fetched*: what lies at its location, if it has one."""
    said = announced.said
    if isinstance(said, JpmmlMessage):
        return jpmml_change(said, fetched, record, newest_us=_newest_us(state, said.model))
    return flip23_add(said, dialect, fetched if announced.location else said.data, record)


def promotion(added: Control, record: Foreign, state: State) -> Control | None:
    """
    Return the message that gives the route of a model's data type to the model, as FLIP-23 has it.

    *added* has registered the model in *state*. None where there is no such route, or no tier in it.
    """
    model = added.add_model.model
    entry = state.routes.get(foreign_name(model.data_type)) if model.data_type.strip() else None
    if entry is None or not entry.current.route.schedule:
        return None
    whole = Share(model=str(ModelId(model.name, model.version)), share=WHOLE)
    message = record.ask(RampRoute(name=entry.name, shares=[whole]))
    message.id += "/promote"
    return message


def speculate(value: bytes, record: Foreign, state: State) -> Control:
    """Return the message that gives a route the timeout that *value*, a SpeculativeDescriptor, asks for."""
    descriptor = read_flip23_speculation(value)
    name = foreign_name(descriptor.data_type)
    entry = state.routes.get(name)
    if entry is None:
        raise ForeignMessageError(f"there is no route {name} for the data type {descriptor.data_type[:80]!r}")
    return flip23_timeout(descriptor, entry.current.route, record)


def _newest_us(state: State, model: ModelId) -> int | None:
    entry = state.models.get(str(model))
    return None if entry is None else (entry.removed or entry.stamp).at_us
