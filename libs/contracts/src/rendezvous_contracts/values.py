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
    if value is None:
        return Value()
    if isinstance(value, bool):  # before int: a bool is one
        return Value(flag=value)
    if isinstance(value, int):
        return _integer(value, name)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise BadValueError(f"{name}: {value} is not a finite number")
        return Value(number=value)
    if isinstance(value, str):
        return Value(text=value)
    if isinstance(value, bytes):
        return Value(blob=value)
    if isinstance(value, Tensor):
        return Value(tensor=value)
    raise BadValueError(f"{name}: a {type(value).__name__} is not a number, flag, text, bytes or tensor")


def _integer(value: int, name: str) -> Value:
    if not -(2**63) <= value < 2**63:
        raise BadValueError(f"{name}: {value} needs more than 64 bits")
    return Value(integer=value)


def from_value(value: Value) -> Plain:
    """Return what *value* holds; None for a missing one."""
    kind = value.WhichOneof("kind")
    return None if kind is None else getattr(value, kind)


def to_fields(values: Mapping[str, object]) -> Fields:
    """Return *values* as a message; raises BadValueError as to_value does."""
    return Fields(values={name: to_value(value, name) for name, value in values.items()})


def from_fields(fields: Fields) -> dict[str, Plain]:
    """Return the values of *fields* by name."""
    return {name: from_value(value) for name, value in fields.values.items()}
