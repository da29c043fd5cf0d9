"""
Tensors, and how one row becomes a row of one and comes out of one: pure.

An input tensor's row is made of the values of its fields, one after the other; an output tensor's row is
taken apart in the same way.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from scoring.v1.control_pb2 import Field, FieldType
from scoring.v1.value_pb2 import Tensor

from rendezvous_models.contract import Outputs, Row
from rendezvous_models.runtimes.remote_types import DATATYPES, Datatype, RowError

Shape = tuple[int, ...]


class Signature(NamedTuple):
    """One tensor as a server declares it; in *shape*, -1 is any size; None, or no *datatype*: not known."""

    name: str
    datatype: str
    shape: Shape | None


class Filled(NamedTuple):
    """One tensor with its elements in row-major order."""

    name: str
    datatype: str
    shape: Shape
    elements: Sequence[Any]


class InputMapping(NamedTuple):
    """One input tensor and the *fields* that it is made of; *shape* is that of one row."""

    name: str
    datatype: Datatype
    shape: Shape | None
    fields: tuple[str, ...]

    def row(self, row: Row) -> tuple[Shape, list[Any]]:
        """Return the shape and the elements that *row* gives; raises RowError."""
        elements: list[Any] = []
        for name in self.fields:
            value = row.get(name)
            if isinstance(value, Tensor):
                elements.extend(self.datatype.check_number(each, name) for each in value.numbers)
            else:
                elements.append(self.datatype.check(value, name))
        own = row.get(self.fields[0]) if len(self.fields) == 1 else None
        return self._shape(tuple(own.shape) if isinstance(own, Tensor) else None, len(elements)), elements

    @property
    def field(self) -> FieldType.ValueType:
        """The type of each field: a tensor where the one field has to have more than one element."""
        if len(self.fields) > 1 or not self.datatype.number:
            return self.datatype.field
        if self.shape is None:
            return FieldType.FIELD_TYPE_UNSPECIFIED
        return self.datatype.field if all(size == 1 for size in self.shape) else FieldType.FIELD_TYPE_TENSOR

    def _shape(self, own: Shape | None, count: int) -> Shape:
        """Return the shape for *count* elements of a row whose value has the shape *own*."""
        if self.shape is None:
            return own if own is not None else (count,) if len(self.fields) > 1 else ()
        if own is not None and len(own) == len(self.shape) and all(map(_fits, own, self.shape)):
            return own
        known = math.prod(size for size in self.shape if size >= 0)
        free = self.shape.count(-1)
        if free == 0 and known == count:
            return self.shape
        if free == 1 and known and count % known == 0:
            return tuple(count // known if size < 0 else size for size in self.shape)
        raise RowError(
            f"{', '.join(self.fields[:3])}: {count} elements do not make input {self.name} of shape "
            f"{list(self.shape)}"
        )


def _fits(size: int, declared: int) -> bool:
    return declared in {-1, size}


class OutputMapping:
    """One output tensor and the *fields* that it gives."""

    def __init__(self, signature: Signature, fields: tuple[str, ...], *, batched: bool) -> None:
        self.name = signature.name
        self._datatype = DATATYPES.get(signature.datatype)
        self._fields = fields
        self._batched = batched
        row = signature.shape[1 if batched else 0 :] if signature.shape is not None else None
        self._scalar = row is not None and all(size == 1 for size in row)

    def declared(self) -> list[Field]:
        """Return the fields that it gives; a number or a tensor where the server leaves that open."""
        known = self._datatype
        if known is None or (len(self._fields) == 1 and not self._scalar and known.number):
            kind = FieldType.FIELD_TYPE_UNSPECIFIED
        else:
            kind = known.field
        return [Field(name=name, type=kind) for name in self._fields]

    def problem(self, given: Mapping[str, Filled], count: int) -> str:
        """Return why this output cannot be read out of what was *given* for *count* rows; empty if it can."""
        tensor = given.get(self.name)
        if tensor is None:
            return f"the server gave no output {self.name}, but {', '.join(given) or 'nothing'}"
        if tensor.datatype not in DATATYPES:
            return f"output {self.name} is of type {tensor.datatype[:20]!r}, which is not read"
        shape = tensor.shape if self._batched else (1, *tensor.shape)
        if any(size < 0 for size in shape) or math.prod(shape) != len(tensor.elements):
            return f"output {self.name} has {len(tensor.elements)} elements for shape {list(tensor.shape)}"
        if not shape or shape[0] != count:
            return f"output {self.name} has shape {list(tensor.shape)} for {count} rows"
        width = len(tensor.elements) // count
        if width == 0:
            return f"output {self.name} is empty"
        return self._width_problem(width, DATATYPES[tensor.datatype])

    def _width_problem(self, width: int, datatype: Datatype) -> str:
        if len(self._fields) > 1 and width != len(self._fields):
            return f"output {self.name} has {width} elements a row for {len(self._fields)} fields"
        if len(self._fields) == 1 and width > 1 and not datatype.number:
            return f"output {self.name} has {width} elements a row; name a field for each in its document"
        return ""

    def rows(self, tensor: Filled, count: int) -> Iterator[Outputs | RowError]:
        """Yield the fields of each of the *count* rows, or why that row has none."""
        datatype = DATATYPES[tensor.datatype]
        width = len(tensor.elements) // count
        clean = datatype.read_all(tensor.elements)
        for start in range(0, count * width, width):
            if clean is not None:
                yield self._named(clean[start : start + width], tensor.shape)
                continue
            elements = tensor.elements[start : start + width]
            try:
                yield self._named([datatype.reads(each, self.name) for each in elements], tensor.shape)
            except RowError as error:
                yield error

    def _named(self, values: Sequence[Any], shape: Shape) -> Outputs:
        if len(values) == len(self._fields):
            return dict(zip(self._fields, values, strict=True))
        return {self._fields[0]: Tensor(shape=shape[1 if self._batched else 0 :], numbers=values)}
