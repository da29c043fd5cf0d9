"""Rows into the arrays that a model of tensors takes, one array for each input tensor."""

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any, Final, Protocol

import numpy as np
from rendezvous_contracts.fields import describe
from scoring.v1.control_pb2 import Field, FieldType
from scoring.v1.value_pb2 import Tensor

from rendezvous_models.contract import Row
from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.batches import RowError
from rendezvous_models.runtimes.tensors import Array, TensorSpec, fits, shape_text

_TENSOR: Final = FieldType.FIELD_TYPE_TENSOR
_TEXTS: Final = frozenset({FieldType.FIELD_TYPE_TEXT, FieldType.FIELD_TYPE_BLOB})
# What NumPy may make of the values for a tensor of this kind: never a number from a text, nor a whole
# number from a fraction. A flag becomes a number only where the descriptor declares a flag.
_ACCEPTED: Final = {"f": "fiub", "V": "fiub", "i": "iub", "u": "iub", "b": "b"}
# Up to here each whole number is a float.
_EXACT: Final = 2.0**53
_NOUNS: Final = {"f": "a number", "V": "a number", "i": "an integer", "u": "an integer", "b": "a flag"}


@lru_cache(maxsize=1_024)  # a batch has any number of rows
def _packer(count: int) -> struct.Struct:
    return struct.Struct(f"{count}d")


def _packed(table: list[tuple[Any, ...]]) -> Array | None:
    """Return what np.array would, in half the time; None where it has to decide what the values are."""
    width = len(table[0])
    try:
        packed = _packer(len(table) * width).pack(*chain.from_iterable(table))
    except (struct.error, OverflowError):
        return None
    found = np.frombuffer(packed).reshape(len(table), width)
    # Beyond it a float is not every whole number, and one of more than 64 bits is refused.
    return None if (np.abs(found) >= _EXACT).any() else found


class _UnfitError(RowError):
    """Some value is not of the tensor's type."""


class Input(Protocol):
    """Where the array of one input tensor comes from."""

    spec: TensorSpec
    fields: tuple[Field, ...]

    def array(self, rows: Sequence[Row]) -> Array:
        """Return the array for *rows*; raises RowError that names the field that does not fit."""


class Constant:
    """The same array in every call."""

    fields: tuple[Field, ...] = ()

    def __init__(self, spec: TensorSpec, value: Any) -> None:
        self.spec = spec
        try:
            self._array = np.array(value, dtype=spec.dtype)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadModelError(f"option constant.{spec.name} does not fit tensor {spec}: {error}") from error

    def array(self, _rows: Sequence[Row]) -> Array:
        """Return it."""
        return self._array


class Columns:
    """One column for each field."""

    def __init__(self, spec: TensorSpec, fields: Iterable[Field], fills: Mapping[str, Any]) -> None:
        self.spec = spec
        self.fields = tuple(fields)
        self._names = tuple(field.name for field in self.fields)
        self._flat = spec.shape is not None and len(spec.shape) == 1
        self._numeric = spec.dtype.kind != "O"
        self._fills = {name: fills[name] for name in self._names if name in fills}
        self._check()
        pick = itemgetter(*self._names)
        self._pick = pick if len(self._names) > 1 else lambda row: (pick(row),)

    def _check(self) -> None:
        for field in self.fields:
            texts = field.type in _TEXTS
            if field.type == _TENSOR or (field.type and texts == self._numeric):
                kind = FieldType.Name(field.type).removeprefix("FIELD_TYPE_").lower()
                raise BadModelError(
                    f"field {field.name} is declared as {kind}, which cannot fill {self.spec}"
                )
        for name, fill in self._fills.items():
            try:
                self._check_value(name, fill)
            except RowError as error:
                reason = f"option missing.{name} does not fit tensor {self.spec}: {error}"
                raise BadModelError(reason) from error

    def array(self, rows: Sequence[Row]) -> Array:
        """Return the values of the fields, one row for each of *rows*."""
        try:
            found = self._array(list(map(self._pick, rows)), self._names)
        except (KeyError, _UnfitError):  # a missing value, or one that does not fit
            found = self._filled([tuple(self._value(row, field) for field in self.fields) for row in rows])
        return found[:, 0] if self._flat else found

    def _filled(self, table: list[tuple[Any, ...]]) -> Array:
        try:
            return self._array(table, self._names)
        except _UnfitError:
            for values in table:
                for name, value in zip(self._names, values, strict=True):
                    self._check_value(name, value)
            raise

    def _array(self, table: list[tuple[Any, ...]], names: Sequence[str]) -> Array:
        if not self._numeric:
            return self._texts(table)
        found = _packed(table) if self.spec.dtype.kind == "f" else None
        if found is None:
            found = np.array(table)  # of the type that the values have: given one, NumPy would read texts
        if found.ndim != 2 or found.dtype.kind not in _ACCEPTED[self.spec.dtype.kind]:  # noqa: PLR2004
            raise _UnfitError(f"{', '.join(names)}: values of several types for tensor {self.spec}")
        return cast(found, self.spec.dtype, names)

    def _texts(self, table: list[tuple[Any, ...]]) -> Array:
        if not all(isinstance(value, str | bytes) for values in table for value in values):
            raise _UnfitError(f"{', '.join(self._names)}: values that are not all texts")
        found = np.empty((len(table), len(table[0])), dtype=object)
        found[:] = table
        return found

    def _check_value(self, name: str, value: Any) -> None:
        try:
            self._array([(value,)], (name,))
        except _UnfitError as error:
            noun = _NOUNS.get(self.spec.dtype.kind, "a text")
            raise RowError(
                f"{name}: expected {noun} for tensor {self.spec}, got {describe(value)}"
            ) from error

    def _value(self, row: Row, field: Field) -> Any:
        """Return the value of *field*, or what stands for it where it is missing."""
        value = row.get(field.name)
        if value is not None:
            return value
        if field.name in self._fills:
            return self._fills[field.name]
        if field.optional and self.spec.dtype.kind in "fV":
            return math.nan
        remedy = f"option missing.{field.name} gives what stands for it"
        raise RowError(f"{field.name}: missing, and tensor {self.spec} has no missing values; {remedy}")


class TensorColumn:
    """A tensor of its own in each row, in one field."""

    def __init__(self, spec: TensorSpec, field: Field) -> None:
        self.spec = spec
        self.fields: tuple[Field, ...] = (field,)
        self._name = field.name
        if spec.dtype.kind == "O":
            raise BadModelError(f"field {field.name} is a tensor of numbers and cannot fill {spec}")

    def array(self, rows: Sequence[Row]) -> Array:
        """Return the rows' tensors under each other; they must have one shape, that of the spec."""
        tensors = [self._tensor(row) for row in rows]
        shape = tuple(tensors[0].shape)
        if any(tuple(each.shape) != shape for each in tensors):
            raise RowError(f"{self._name}: tensors of several shapes")
        found = np.array([each.numbers for each in tensors], dtype=np.float64).reshape(len(rows), *shape)
        if self.spec.dtype.kind in "iub" and not np.array_equal(found, np.trunc(found)):
            raise RowError(f"{self._name}: fractions, where tensor {self.spec} takes integers")
        return cast(found, self.spec.dtype, (self._name,))

    def _tensor(self, row: Row) -> Tensor:
        value = row.get(self._name)
        if not isinstance(value, Tensor):
            raise RowError(f"{self._name}: expected a tensor, got {describe(value)}")
        shape = tuple(value.shape)
        if math.prod(shape) != len(value.numbers) or min(shape, default=1) < 0:
            raise RowError(f"{self._name}: {len(value.numbers)} numbers in a tensor of shape {list(shape)}")
        if self.spec.shape is not None and not fits(shape, self.spec.shape[1:]):
            wanted = shape_text(self.spec.shape[1:])
            raise RowError(f"{self._name}: expected a tensor of shape {wanted}, got {describe(value)}")
        return value


def cast(found: Array, dtype: np.dtype[Any], names: Sequence[str]) -> Array:
    """Return *found* as *dtype*; raises RowError naming the column of *names* whose number is too large."""
    if found.dtype == dtype:
        return found
    with np.errstate(over="ignore", invalid="ignore"):
        made = found.astype(dtype)
    wrong = np.isinf(made) if dtype.kind in "fV" else made != found
    if wrong.any() and (dtype.kind not in "fV" or (wrong := wrong & ~np.isinf(found)).any()):
        column = int(np.nonzero(wrong)[1][0]) if len(names) > 1 else 0
        raise RowError(f"{names[column]}: a number that is too large for {dtype}")
    return made
