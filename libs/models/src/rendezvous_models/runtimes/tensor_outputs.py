"""The arrays that a model of tensors gives, into the outputs of rows."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from rendezvous_contracts.values import Plain
from scoring.v1.control_pb2 import Field, FieldType
from scoring.v1.value_pb2 import Tensor

from rendezvous_models.contract import Failure, Outputs
from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.batches import RowError, not_finite
from rendezvous_models.runtimes.tensors import Array, TensorSpec

_LARGEST: Final = 2**63 - 1
_NOTHING: Final = Failure("the model has no output for this input")

Column = tuple[str, list[Any]]
Faults = dict[int, Failure]


class Output:
    """
    One output tensor as outputs of rows.

    With *names* each column is an output of that name. Without, a tensor with one element per row is an
    output of the tensor's name, and any other an output that is a tensor itself.
    """

    def __init__(self, spec: TensorSpec, names: Sequence[str], *, as_bytes: bool = False) -> None:
        self.spec = spec
        self._names = tuple(names)
        self._as_bytes = as_bytes
        self._single = spec.shape is None or spec.width == 1
        if self._names and spec.width not in {None, len(self._names)}:
            raise BadModelError(f"output tensor {spec} has no {len(self._names)} columns: {', '.join(names)}")

    @property
    def fields(self) -> tuple[Field, ...]:
        """The outputs' fields."""
        kind = FieldType.FIELD_TYPE_BLOB if self._as_bytes else self.spec.field_type
        if self._names:
            return tuple(Field(name=name, type=kind) for name in self._names)
        if self.spec.shape is None:
            return (Field(name=self.spec.name),)
        return (Field(name=self.spec.name, type=kind if self._single else FieldType.FIELD_TYPE_TENSOR),)

    def columns(self, array: Array, rows: int, faults: Faults) -> Iterator[Column]:
        """Yield the columns of *array*; a row with a value that is none is put into *faults*."""
        if array.ndim == 0 or len(array) != rows:
            raise RowError(f"output tensor {self.spec} came in shape {list(array.shape)} for {rows} rows")
        if array.ndim == 1:
            array = array[:, None]
        if self._names or (self._single and array.shape[1:] == (1,)):
            yield from self._apart(array, faults)
        else:
            yield self.spec.name, self._tensors(array, faults)

    def _apart(self, array: Array, faults: Faults) -> Iterator[Column]:
        names = self._names or (self.spec.name,)
        if array.shape[1:] != (len(names),):
            raise RowError(
                f"output tensor {self.spec} came in shape {list(array.shape)}, not {len(names)} wide"
            )
        for position, name in enumerate(names):
            column = array[:, position]
            yield (
                name,
                self._texts(name, column, faults)
                if column.dtype.kind in "OSU"
                else _numbers(name, column, faults),
            )

    def _tensors(self, array: Array, faults: Faults) -> list[Tensor]:
        if array.dtype.kind in "OSU":
            raise RowError(
                f"output {self.spec} has several texts a row; option fields.{self.spec.name} names them"
            )
        flat = _floats(array).reshape(len(array), -1)
        if not flat.shape[1]:
            raise RowError(f"output {self.spec.name} is empty")
        finite = np.isfinite(flat)
        if not finite.all():
            for row, column in np.argwhere(~finite)[::-1].tolist():
                faults[row] = Failure(not_finite(f"{self.spec.name}[{column}]", flat[row, column]))
        shape = array.shape[1:]
        return [Tensor(shape=shape, numbers=numbers) for numbers in flat.tolist()]

    def _texts(self, name: str, column: Array, faults: Faults) -> list[Plain]:
        values: list[Plain] = column.tolist()
        if self._as_bytes:
            return [value.encode() if isinstance(value, str) else value for value in values]
        for row, value in enumerate(values):
            if isinstance(value, bytes):
                try:
                    values[row] = value.decode()
                except UnicodeDecodeError:
                    faults[row] = Failure(f"output {name} is no UTF-8 text; declare it as bytes")
        return values


def read_outputs(outputs: Iterable[Output], arrays: Iterable[Array], rows: int) -> list[Outputs | Failure]:
    """Return the outputs of each of *rows*; raises RowError if the arrays are not those of so many rows."""
    faults: Faults = {}
    columns: list[Column] = []
    for output, array in zip(outputs, arrays, strict=True):
        columns.extend(output.columns(array, rows, faults))
    found = _joined(columns)
    if any(isinstance(column[0], str | bytes) for _, column in columns):
        faults |= {row: _NOTHING for row, each in enumerate(found) if _is_empty(each)}
    for row, fault in faults.items():
        found[row] = fault
    return found


def _joined(columns: Sequence[Column]) -> list[Outputs | Failure]:
    if len(columns) == 1:  # as most models have it, and half of the time
        [(name, column)] = columns
        return [{name: value} for value in column]
    names = [name for name, _ in columns]
    return [
        dict(zip(names, values, strict=True))
        for values in zip(*(column for _, column in columns), strict=True)
    ]


def _is_empty(outputs: Outputs | Failure) -> bool:
    return isinstance(outputs, dict) and all(value in ("", b"") for value in outputs.values())


def _numbers(name: str, column: Array, faults: Faults) -> list[Any]:
    if column.dtype.kind == "b":
        flags: list[bool] = column.tolist()
        return flags
    if column.dtype.kind in "iu":
        values: list[int] = column.tolist()
        if column.dtype == np.uint64 and max(values) > _LARGEST:
            for row, value in enumerate(values):
                if value > _LARGEST:
                    faults[row] = Failure(f"output {name} is {value}: more than 64 bits with a sign hold")
        return values
    column = _floats(column)
    finite = np.isfinite(column)
    if not finite.all():
        for row in np.flatnonzero(~finite).tolist():
            faults[row] = Failure(not_finite(name, float(column[row])))
    numbers: list[float] = column.tolist()
    return numbers


def _floats(array: Array) -> Array:
    """Return *array* of a type that NumPy itself knows."""
    return array.astype(np.float64) if array.dtype.kind in "Vbiu" else array
