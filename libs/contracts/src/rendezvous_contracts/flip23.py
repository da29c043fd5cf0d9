"""
Messages of systems in the manner of Flink's FLIP-23, as control messages. Pure.

They name models without versions. Here a version is what is served: it is made of the artifact's digest, so
the same bytes published again change nothing. An artifact that lies elsewhere has to be fetched by the
caller, for its digest is not in the message.
"""

from collections.abc import Mapping
from typing import Final, Literal

from google.protobuf.message import DecodeError
from scoring.v1.control_pb2 import AddModel, Control, Model, Route, SetRoute
from scoring.v1.flip23_pb2 import Flip23Model, Flip23Speculation

from rendezvous_contracts.errors import ForeignMessageError
from rendezvous_contracts.foreign import Foreign, foreign_artifact, foreign_name

Dialect = Literal["tensorflow-saved-pmml", "tensorflow-pmml"]
# What the numbers of ModelDescriptor.modeltype mean, by the dialect of the system that wrote it.
DIALECTS: Final[Mapping[Dialect, tuple[str, ...]]] = {
    "tensorflow-saved-pmml": ("tensorflow-graph", "tensorflow-savedmodel", "pmml"),
    "tensorflow-pmml": ("tensorflow-graph", "pmml"),
}

_VERSION_DIGITS: Final = 12
_MAX_SLA_MS: Final = (2**32 - 1) // 1000


def read_flip23_model(value: bytes) -> Flip23Model:
    """Return the ModelDescriptor that *value* encodes; raises ForeignMessageError if it is none."""
    try:
        descriptor = Flip23Model.FromString(value)
    except DecodeError as error:
        raise ForeignMessageError(f"not a ModelDescriptor: {error}") from error
    if not (descriptor.data or descriptor.location):
        raise ForeignMessageError("the ModelDescriptor has neither data nor a location")
    return descriptor


def flip23_add(descriptor: Flip23Model, dialect: Dialect, content: bytes, record: Foreign) -> Control:
    """
    Return the message that registers the model of *descriptor*.

    *content*: the artifact, as it is in the descriptor or as its location has it.
    """
    types = DIALECTS[dialect]
    if not 0 <= descriptor.model_type < len(types):
        known = ", ".join(f"{number} {name}" for number, name in enumerate(types))
        raise ForeignMessageError(
            f"model type {descriptor.model_type} is none of the dialect {dialect} ({known}): "
            "is it another dialect?"
        )
    artifact = foreign_artifact(content, descriptor.location)
    model = Model(
        name=foreign_name(descriptor.name),
        version=artifact.sha256.hex()[:_VERSION_DIGITS],
        type=types[descriptor.model_type],
        description=descriptor.description,
        data_type=descriptor.data_type,
        artifact=artifact,
        author=record.author,
    )
    return record.ask(AddModel(model=model))


def read_flip23_speculation(value: bytes) -> Flip23Speculation:
    """Return the SpeculativeDescriptor that *value* encodes; raises ForeignMessageError if it is none."""
    try:
        return Flip23Speculation.FromString(value)
    except DecodeError as error:
        raise ForeignMessageError(f"not a SpeculativeDescriptor: {error}") from error


def flip23_timeout(descriptor: Flip23Speculation, route: Route, record: Foreign) -> Control:
    """Return the message that gives *route*, which is its data type's, the timeout of *descriptor* as SLA."""
    if not 0 < descriptor.timeout_ms <= _MAX_SLA_MS:
        raise ForeignMessageError(f"a timeout of {descriptor.timeout_ms} ms: use 1 to {_MAX_SLA_MS}")
    if descriptor.models:
        raise ForeignMessageError("it names an ensemble: set the models of the route instead")
    changed = Route()
    changed.CopyFrom(route)
    changed.sla_us = descriptor.timeout_ms * 1000
    return record.ask(SetRoute(route=changed))
