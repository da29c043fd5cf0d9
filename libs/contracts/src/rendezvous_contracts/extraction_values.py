"""What the steps of an extraction read from fields, and how they say that they cannot."""

from collections.abc import Mapping
from math import isfinite
from typing import Final

from scoring.v1.value_pb2 import Tensor

from rendezvous_contracts.values import Plain

_EXACT: Final = 2**53
_KINDS: Final[Mapping[type, str]] = {
    bool: "a flag",
    int: "an integer",
    float: "a number",
    str: "text",
    bytes: "bytes",
    Tensor: "a tensor",
    type(None): "a missing value",
}


class FieldError(Exception):
    """A step has no result for this input because of *field*; the extraction turns it into a Problem."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"field {field[:80]!r} {reason}")
        self.field = field
        self.reason = reason


def kind_of(value: object) -> str:
    """Return what *value* is, for people."""
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def value_of(values: Mapping[str, Plain], field: str) -> Plain:
    """Return the value of *field*; raises FieldError if there is none."""
    try:
        return values[field]
    except KeyError:
        raise FieldError(field, "is not there") from None


def number_of(values: Mapping[str, Plain], field: str) -> float:
    """Return the value of *field* for arithmetic; raises FieldError if it is not a finite number."""
    value = value_of(values, field)
    if type(value) is float:
        if not isfinite(value):
            raise FieldError(field, f"is {value}, which is not a finite number")
        return value
    if type(value) is int:
        return exact_float(field, value)
    raise FieldError(field, f"is {kind_of(value)}, not a number")


def exact_float(field: str, value: int) -> float:
    """Return *value* as a float; raises FieldError where that could change it."""
    if not -_EXACT <= value <= _EXACT:
        raise FieldError(field, "is an integer of more than 53 bits, which arithmetic would round")
    return float(value)
