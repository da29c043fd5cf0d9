"""
Do the values of a record fit declared fields? Asked of requests at the gateway and of inputs before a model.

The rules are strict, for what is converted silently is scored wrongly: a flag is not a number and a text is
not one either; an integer may stand where a number is declared, but not the other way; NaN and infinity fit
nowhere. A missing value (None) counts as an absent field.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import ge, le
from typing import Any, Final, NamedTuple

from scoring.v1.control_pb2 import Field, FieldType
from scoring.v1.value_pb2 import Tensor

_ONLY_NUMBERS: Final = {float}
_SHOWN: Final = 60  # of a value that does not fit, this many characters are shown


class FieldProblem(NamedTuple):
    """Why one value does not fit; str() is a sentence that names the field."""

    field: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.field}: expected {self.expected}, got {self.got}"


class FieldChecker:
    """
    Checks records against *fields*; compile once, use for every record.

    *extras*: whether fields that are not declared may come along.
    """

    def __init__(self, fields: Iterable[Field], *, extras: bool) -> None:
        declared = tuple(fields)
        self._specs = {field.name: _Spec(field) for field in declared}
        self._extras = extras
        self._are_numbers = _numbers_check(declared)

    @property
    def declared(self) -> tuple[str, ...]:
        """The names of the declared fields, in their order."""
        return tuple(self._specs)

    def problems(self, values: Mapping[str, object]) -> list[FieldProblem]:
        """Return what does not fit in *values* (field name to plain value); empty if all does."""
        if self._are_numbers(values) and (self._extras or values.keys() <= self._specs.keys()):
            return []
        found = [
            FieldProblem(name, spec.expected, describe(values.get(name)))
            for name, spec in self._specs.items()
            if not spec.fits(values.get(name))
        ]
        if not self._extras and not values.keys() <= self._specs.keys():
            found += [self._undeclared(name) for name in values if name not in self._specs]
        return found

    def _undeclared(self, name: str) -> FieldProblem:
        known = ", ".join(self._specs) or "none"
        return FieldProblem(name, f"only the declared fields ({known})", "a field that is not declared")


def describe(value: object) -> str:
    """Return, for people, what *value* is: its type and the beginning of its content."""
    if value is None:
        return "nothing"
    if isinstance(value, Tensor):
        return f"a tensor of shape {list(value.shape)}"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, str):
        return f"text {_shown(value)}"
    if isinstance(value, bool):
        return f"flag {str(value).lower()}"
    if isinstance(value, int):
        # A very long integer has no text in Python.
        return f"integer {value}" if _is_integer(value) else "an integer of more than 64 bits"
    return f"number {value}" if isinstance(value, float) else f"a {type(value).__name__}"


def _shown(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}… ({len(text)} characters)"


class _Spec:
    """One declared field, compiled: *fits* decides, *expected* is for people."""

    __slots__ = ("expected", "fits")

    def __init__(self, field: Field) -> None:
        accepts = _bounded(field, _ACCEPTS.get(field.type, _is_any))
        if field.categories:
            accepts = _one_of(frozenset(field.categories), accepts)
        self.fits = _or_missing(accepts) if field.optional else accepts
        self.expected = _expected(field)


_Accepts = Callable[[object], bool]


def _numbers_check(fields: Sequence[Field]) -> Callable[[Mapping[str, object]], bool]:
    """
    Return what tells at once, of most records that fit *fields*, that they do: all of them numbers.

    It says False where it cannot tell, and takes a third of the time that looking at each value takes.
    """
    if not fields or any(each.type != FieldType.FIELD_TYPE_NUMBER or each.categories for each in fields):
        return lambda _: False
    names = [each.name for each in fields]
    lows = [each.minimum if each.HasField("minimum") else -math.inf for each in fields]
    highs = [each.maximum if each.HasField("maximum") else math.inf for each in fields]
    bounded = any(map(math.isfinite, lows + highs))

    def are_numbers(values: Mapping[str, object]) -> bool:
        found: Any = list(map(values.get, names))
        # A sum that is finite has finite parts.
        if set(map(type, found)) != _ONLY_NUMBERS or not math.isfinite(sum(found)):
            return False
        return not bounded or (all(map(le, lows, found)) and all(map(ge, highs, found)))

    return are_numbers


def _is_integer(value: object) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def _is_number(value: object) -> bool:
    # type() and not isinstance: a bool is an int to Python.
    return (type(value) is float and math.isfinite(value)) or _is_integer(value)


def _is_tensor(value: object) -> bool:
    return (
        isinstance(value, Tensor)
        and math.prod(value.shape) == len(value.numbers)
        and all(map(math.isfinite, value.numbers))
    )


def _is_any(value: object) -> bool:
    return isinstance(value, bool | str | bytes) or _is_number(value) or _is_tensor(value)


_ACCEPTS: Final[Mapping[int, _Accepts]] = {
    FieldType.FIELD_TYPE_UNSPECIFIED: _is_any,
    FieldType.FIELD_TYPE_NUMBER: _is_number,
    FieldType.FIELD_TYPE_INTEGER: _is_integer,
    FieldType.FIELD_TYPE_FLAG: lambda value: isinstance(value, bool),
    FieldType.FIELD_TYPE_TEXT: lambda value: isinstance(value, str),
    FieldType.FIELD_TYPE_BLOB: lambda value: isinstance(value, bytes),
    FieldType.FIELD_TYPE_TENSOR: _is_tensor,
}

_NOUNS: Final[Mapping[int, str]] = {
    FieldType.FIELD_TYPE_UNSPECIFIED: "a value",
    FieldType.FIELD_TYPE_NUMBER: "a number",
    FieldType.FIELD_TYPE_INTEGER: "an integer",
    FieldType.FIELD_TYPE_FLAG: "a flag (true or false)",
    FieldType.FIELD_TYPE_TEXT: "a text",
    FieldType.FIELD_TYPE_BLOB: "bytes",
    FieldType.FIELD_TYPE_TENSOR: "a tensor of finite numbers",
}


def _bounded(field: Field, accepts: _Accepts) -> _Accepts:
    if not (field.HasField("minimum") or field.HasField("maximum")):
        return accepts
    low = field.minimum if field.HasField("minimum") else -math.inf
    high = field.maximum if field.HasField("maximum") else math.inf

    def within(value: object) -> bool:
        if not accepts(value):
            return False
        return not isinstance(value, int | float) or isinstance(value, bool) or low <= value <= high

    return within


def _one_of(categories: frozenset[str], accepts: _Accepts) -> _Accepts:
    return lambda value: accepts(value) and (not isinstance(value, str) or value in categories)


def _or_missing(accepts: _Accepts) -> _Accepts:
    return lambda value: value is None or accepts(value)


def _expected(field: Field) -> str:
    noun = _NOUNS.get(field.type, "a value")
    if field.HasField("minimum") and field.HasField("maximum"):
        noun += f" from {field.minimum:g} to {field.maximum:g}"
    elif field.HasField("minimum"):
        noun += f" of at least {field.minimum:g}"
    elif field.HasField("maximum"):
        noun += f" of at most {field.maximum:g}"
    if field.categories:
        noun += f" out of {', '.join(field.categories)}"
    return f"{noun} or nothing" if field.optional else noun
