"""The types of tensor elements, by the names of the Open Inference protocol."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rendezvous_contracts.fields import describe
from scoring.v1.control_pb2 import FieldType

_MOST: Final = 1.7976931348623157e308
_LEAST: Final = -_MOST


class RowError(Exception):
    """One row does not fit; str() names the field."""


@dataclass(frozen=True)
class Datatype:
    """
    One type of elements.

    *code* is that of the module struct, empty where elements have no fixed size; *number*: a tensor of them
    can be an output of one field.
    """

    name: str
    code: str
    field: FieldType.ValueType
    accepts: Callable[[Any], bool]
    kind: tuple[type, ...]
    #: Returns what came for an output (its second argument) as Python's own; raises RowError.
    reads: Callable[[Any, str], Any]
    number: bool = True

    def check(self, value: Any, field: str) -> Any:
        """Return *value* as it is sent; raises RowError, naming *field*, if it is not of this type."""
        if not (type(value) in self.kind and self.accepts(value)):
            raise RowError(f"{field}: expected {self.name}, got {describe(value)}")
        return value

    def check_number(self, value: float, field: str) -> Any:
        """Do as check does for an element of a tensor field, all of which are floats."""
        whole = self.reads is _whole and value.is_integer()
        return self.check(int(value) if whole else value, field)

    def read_all(self, elements: Sequence[Any]) -> Sequence[Any] | None:
        """Return *elements* if all of them are usable as they are; None: each has to be looked at."""
        floats = self.reads is _number and set(map(type, elements)) == {float}
        return elements if floats and all(map(math.isfinite, elements)) else None


def _number(value: Any, output: str) -> float:
    if type(value) not in {int, float}:
        raise RowError(f"output {output} is {describe(value)}, not a number")
    if not _LEAST <= value <= _MOST:  # a comparison that also an integer of any length can stand
        raise RowError(f"output {output} is {describe(value)}: not a finite number")
    return float(value)


def _whole(value: Any, output: str) -> int:
    number = _number(value, output)
    if not number.is_integer() or not -(2**63) <= value < 2**63:
        raise RowError(f"output {output} is {describe(value)}, not an integer of 64 bits")
    return int(value)


def _text(value: Any, output: str) -> str | bytes:
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        raise RowError(f"output {output} is {describe(value)}, not a text")
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _flag(value: Any, output: str) -> bool:
    if not (isinstance(value, bool) or (type(value) is int and value in {0, 1})):
        raise RowError(f"output {output} is {describe(value)}, not a flag")
    return bool(value)


def _within(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: low <= value <= high


def _float(name: str, code: str, largest: float) -> Datatype:
    kinds = (float, int)
    return Datatype(name, code, FieldType.FIELD_TYPE_NUMBER, _within(-largest, largest), kinds, _number)


def _integer(name: str, code: str, bits: int, *, signed: bool) -> Datatype:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return Datatype(name, code, FieldType.FIELD_TYPE_INTEGER, _within(low, high), (int,), _whole)


def _anything(_: object) -> bool:
    return True


DATATYPES: Final[Mapping[str, Datatype]] = {
    each.name: each
    for each in (
        _float("FP16", "e", 65_504.0),
        _float("FP32", "f", 3.4028234663852886e38),
        _float("FP64", "d", _MOST),
        *(
            _integer(f"INT{bits}", code, bits, signed=True)
            for bits, code in zip((8, 16, 32, 64), "bhiq", strict=True)
        ),
        *(
            _integer(f"UINT{bits}", code, bits, signed=False)
            for bits, code in zip((8, 16, 32, 64), "BHIQ", strict=True)
        ),
        Datatype("BOOL", "?", FieldType.FIELD_TYPE_FLAG, _anything, (bool,), _flag, number=False),
        Datatype("BYTES", "", FieldType.FIELD_TYPE_TEXT, _anything, (str, bytes), _text, number=False),
    )
}


def describe_type() -> str:
    """Return, for people, which types there are."""
    return f"which is not one of {', '.join(DATATYPES)}"
