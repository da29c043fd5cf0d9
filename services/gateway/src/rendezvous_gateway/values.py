"""JSON values to and from the values that travel in Fields."""

import base64
import binascii
import math
from collections.abc import Mapping
from typing import Final, TypeGuard

from rendezvous_contracts.fields import FieldChecker, FieldProblem, describe
from rendezvous_contracts.values import from_value
from scoring.v1.control_pb2 import Field, FieldType
from scoring.v1.value_pb2 import Fields, Tensor, Value

from rendezvous_gateway.problems import ProblemError

_SHOWN: Final = 20  # field problems in one answer


class RecordReader:
    """
    Turns JSON objects into records that fit *declared* fields.

    Where none are declared, any scalar and any array of numbers fits.
    """

    def __init__(self, declared: tuple[Field, ...]) -> None:
        self._blobs = frozenset(each.name for each in declared if each.type == FieldType.FIELD_TYPE_BLOB)
        self._checker = FieldChecker(declared, extras=False) if declared else None

    def read(self, raw: Mapping[str, object]) -> dict[str, object]:
        """Return *raw* with its bytes and tensors decoded; raises ProblemError that names each bad field."""
        values = {name: self._decode(name, value) for name, value in raw.items()}
        problems = self._checker.problems(values) if self._checker else _unfit(values)
        if problems:
            raise _bad_fields(problems)
        return values

    def _decode(self, name: str, value: object) -> object:
        if isinstance(value, list):
            return _tensor(name, value)
        if name in self._blobs and isinstance(value, str):
            return _blob(name, value)
        return value


def _unfit(values: Mapping[str, object]) -> list[FieldProblem]:
    """Return what cannot travel; used where nothing is declared."""
    return [
        FieldProblem(
            name, "a finite number, an integer of at most 64 bits, a flag or a text", describe(value)
        )
        for name, value in values.items()
        if not (value is None or isinstance(value, bool | str | Tensor) or _is_finite(value))
    ]


def _is_finite(value: object) -> bool:
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return isinstance(value, float) and math.isfinite(value)


def _bad_fields(problems: list[FieldProblem]) -> ProblemError:
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return ProblemError(
        "bad-field",
        f"{first}{more}",
        field=first.field[:80],
        errors=[(each.field[:80], str(each)) for each in problems[:_SHOWN]],
    )


def _blob(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _bad_fields([FieldProblem(name, "bytes in base64", describe(text))]) from None


def _tensor(name: str, rows: list[object]) -> Tensor:
    shape = [len(rows)]
    level = rows
    while level and isinstance(level[0], list):
        lists = [each for each in level if isinstance(each, list)]
        widths = {len(each) for each in lists}
        if len(lists) < len(level) or len(widths) > 1:
            raise _not_a_tensor(name, "rows of different length")
        shape.append(widths.pop())
        level = [number for each in lists for number in each]
    numbers = [float(each) for each in level if _is_number(each)]
    if len(numbers) < len(level):
        raise _not_a_tensor(name, "other values among them")
    return Tensor(shape=shape, numbers=numbers)


def _is_number(value: object) -> TypeGuard[float]:
    return not isinstance(value, bool) and _is_finite(value)


def _not_a_tensor(name: str, got: str) -> ProblemError:
    return _bad_fields([FieldProblem(name, "an array of finite numbers, in rows of equal length", got)])


def plain(value: Value) -> object:
    """Return *value* as JSON: bytes in base64, a tensor as nested arrays, a number that is none as null."""
    found = from_value(value)
    if isinstance(found, float):
        return found if math.isfinite(found) else None
    if isinstance(found, bytes):
        return base64.b64encode(found).decode()
    return _nested(found) if isinstance(found, Tensor) else found


def plain_fields(fields: Fields) -> dict[str, object]:
    """Return *fields* as a JSON object, in the order of their names."""
    return {name: plain(value) for name, value in sorted(fields.values.items())}


def _nested(tensor: Tensor) -> list[object]:
    level: list[object] = [each if math.isfinite(each) else None for each in tensor.numbers]
    for width in reversed(tensor.shape[1:]):
        if width > 0:
            level = [level[start : start + width] for start in range(0, len(level), width)]
    return level
