"""Python values to and from the Fields of a message."""

import math
from collections.abc import Mapping

from scoring.v1.value_pb2 import Fields, Tensor, Value

from rendezvous_contracts.errors import BadValueError

# What a field can hold, in Python.
Plain = float | int | bool | str | bytes | Tensor | None


def to_value(value: object, name: str = "value") -> Value:
    """
    Return *value* as a message; None becomes a missing value.

    Raises BadValueError, which names the field *name*, for NaN, infinity, an integer that needs more than
    64 bits, or a type that does not travel.
    """
    found = Value()
    _put(found, value, name)
    return found


def _put(target: Value, value: object, name: str) -> None:
    """Set *target*, an empty message, in place: making one and copying it takes three times as long."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise BadValueError(f"{name}: {value} is not a finite number")
        target.number = value
    elif isinstance(value, bool):  # before int: a bool is one
        target.flag = value
    elif isinstance(value, int):
        target.integer = _integer(value, name)
    elif isinstance(value, str):
        target.text = value
    elif isinstance(value, bytes):
        target.blob = value
    elif isinstance(value, Tensor):
        target.tensor.CopyFrom(value)
    elif value is not None:
        raise BadValueError(f"{name}: a {type(value).__name__} is not a number, flag, text, bytes or tensor")


def _integer(value: int, name: str) -> int:
    if not -(2**63) <= value < 2**63:
        raise BadValueError(f"{name}: {value} needs more than 64 bits")
    return value


def from_value(value: Value) -> Plain:
    """Return what *value* holds; None for a missing one."""
    kind = value.WhichOneof("kind")
    return None if kind is None else getattr(value, kind)


def to_fields(values: Mapping[str, object]) -> Fields:
    """Return *values* as a message; raises BadValueError as to_value does."""
    fields = Fields()
    target = fields.values
    for name, value in values.items():
        _put(target[name], value, name)
    return fields


def from_fields(fields: Fields) -> dict[str, Plain]:
    """Return the values of *fields* by name."""
    values = fields.values
    # A number other than 0 can only have been set: three times as fast to see as to ask for the kind.
    return {name: values[name].number or from_value(values[name]) for name in values}
