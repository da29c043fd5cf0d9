"""Fields of messages as columns: what a data scientist sees of them."""

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
from rendezvous_contracts.values import from_fields
from scoring.v1.value_pb2 import Fields, Tensor

# Names come from outside: the columns of one file stay few and printable. The JSON column has all of them.
MAX_COLUMNS: Final = 512
_MAX_NAME: Final = 64

# All integers up to here are doubles without loss.
_EXACT: Final = 2**53

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


Named = Mapping[str, object]


def named(fields: Fields) -> Named:
    """Return the values of *fields* by name, in the order of names."""
    return dict(sorted(from_fields(fields).items()))


def to_json(values: Named) -> str:
    """
    Return *values* as JSON, whole.

    A missing value is null, bytes are {"blob": base64}, a tensor is {"shape": [...], "numbers": [...]}; NaN
    and the infinities, which JSON has not, are texts.
    """
    plain = {name: _plain(value) for name, value in values.items()}
    return _ENCODER.encode(plain)


def _plain(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return {"blob": base64.b64encode(value).decode("ascii")}
    if isinstance(value, Tensor):
        return {"shape": list(value.shape), "numbers": [_plain(number) for number in value.numbers]}
    return value


def flatten(prefix: str, rows: Sequence[Named | None]) -> dict[str, pa.Array]:
    """
    Return one column, *prefix* and its name, for each field that one of *rows* has.

    Its type is that of its values: double for numbers and integers, bool, text, bytes, or a list of doubles
    for tensors. Where the rows of one file do not agree, the column is text with the values as JSON. A name
    that is not printable, is longer than 64 characters, or is one too many has no column.
    """
    values = [row or {} for row in rows]
    return {f"{prefix}{name}": _column([row.get(name) for row in values]) for name in _names(values)}


def _names(rows: Iterable[Named]) -> list[str]:
    names = dict.fromkeys(name for row in rows for name in row if _fit(name))
    return sorted(list(names)[:MAX_COLUMNS])


def _fit(name: str) -> bool:
    return 0 < len(name) <= _MAX_NAME and name.isprintable()


def _column(values: Sequence[object]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if not kinds or kinds <= {int, float}:
        return _numbers(values, kinds)
    if len(kinds) == 1:
        (kind,) = kinds
        if kind is Tensor:
            return pa.array([_elements(value) for value in values], pa.list_(pa.float64()))
        return pa.array(values, _TYPES[kind])
    return pa.array([_text(value) for value in values], pa.string())


def _numbers(values: Sequence[Any], kinds: set[type]) -> pa.Array:
    if kinds == {int} and any(abs(value) > _EXACT for value in values if value is not None):
        return pa.array(values, pa.int64())
    return pa.array([None if value is None else float(value) for value in values], pa.float64())


_TYPES: Final[Mapping[type, pa.DataType]] = {bool: pa.bool_(), str: pa.string(), bytes: pa.binary()}


def _elements(value: object) -> list[float] | None:
    return list(value.numbers) if isinstance(value, Tensor) else None


def _text(value: object) -> str | None:
    return None if value is None else _ENCODER.encode(_plain(value))
