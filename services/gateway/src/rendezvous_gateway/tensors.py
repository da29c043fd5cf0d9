"""Tensors of the Open Inference protocol to and from the fields of single questions."""

import json
import math
from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Final, NamedTuple

from rendezvous_contracts.values import from_value
from rendezvous_control.state import Revision
from scoring.v1.control_pb2 import FieldType
from scoring.v1.value_pb2 import Fields, Tensor, Value

from rendezvous_gateway.documents import object_member, only_members, text_member
from rendezvous_gateway.problems import ProblemError
from rendezvous_gateway.values import plain

_BITS: Final = (8, 16, 32, 64)
_RANGES: Final[Mapping[str, range]] = {
    f"INT{bits}": range(-(2 ** (bits - 1)), 2 ** (bits - 1)) for bits in _BITS
} | {f"UINT{bits}": range(2**bits) for bits in _BITS}
_FLOATS: Final = frozenset({"FP16", "FP32", "FP64"})
_DATATYPES: Final = ("BOOL", *_RANGES, *sorted(_FLOATS), "BYTES")
_OF_FIELD: Final[Mapping[int, str]] = {
    FieldType.FIELD_TYPE_INTEGER: "INT64",
    FieldType.FIELD_TYPE_FLAG: "BOOL",
    FieldType.FIELD_TYPE_TEXT: "BYTES",
    FieldType.FIELD_TYPE_BLOB: "BYTES",
}
_MAX_DIMENSIONS: Final = 8


class Inference(NamedTuple):
    """An inference request: its rows as JSON records, and what to send back."""

    id: str
    rows: list[dict[str, object]]
    outputs: tuple[str, ...]
    key: str
    model: str

    def row_id(self, number: int) -> str:
        """Return the request id of row *number*, counted from 0."""
        return self.id if len(self.rows) == 1 else f"{self.id}/{number}"


def read_inference(document: Mapping[str, object], request_id: str, max_rows: int) -> Inference:
    """Return what *document* asks; raises ProblemError that names the tensor and what is wrong with it."""
    only_members(document, ("id", "parameters", "inputs", "outputs"), "an inference request")
    columns: dict[str, list[object]] = {}
    for tensor in _objects(document, "inputs"):
        name = text_member(tensor, "name")
        if not name or name in columns:
            raise _bad(
                "inputs",
                f"each tensor has a name of its own, not {name[:80]!r} again"
                if name
                else "a tensor has no name",
            )
        columns[name] = _column(name, tensor, max_rows)
    if len({len(column) for column in columns.values()}) != 1:
        sizes = ", ".join(f"{name[:40]}: {len(column)}" for name, column in columns.items()) or "none"
        raise _bad(
            "inputs", f"one tensor for each field, all with the same number of rows (there are {sizes})"
        )
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    parameters = object_member(document, "parameters") if document.get("parameters") is not None else {}
    return Inference(
        text_member(document, "id") or request_id or token_hex(16),
        rows,
        tuple(text_member(each, "name") for each in _objects(document, "outputs")),
        text_member(parameters, "key"),
        text_member(parameters, "model"),
    )


def write_outputs(rows: Sequence[Fields], wanted: Sequence[str]) -> list[dict[str, object]]:
    """Return the outputs of all *rows* as tensors: the *wanted* ones, or all, by name."""
    names = sorted({name for row in rows for name in row.values})
    missing = [name for name in wanted if name not in names]
    if missing:
        raise _bad(
            "outputs", f"there is no output {missing[0][:80]!r}; there are {', '.join(names) or 'none'}"
        )
    return [_tensor(name, [row.values.get(name, Value()) for row in rows]) for name in wanted or names]


def metadata(revision: Revision) -> dict[str, object]:
    """Return the route of *revision* as a model of the protocol; its outputs are those of its default."""
    route = revision.route
    return {
        "name": route.name,
        "versions": [str(revision.number)],
        "platform": "rendezvous",
        "inputs": [
            {"name": field.name, "datatype": _OF_FIELD.get(field.type, "FP64"), "shape": [-1]}
            for field in route.inputs
        ],
        "outputs": [
            {"name": name, "datatype": _datatype([from_value(value)]), "shape": [-1]}
            for name, value in sorted(route.default.values.items())
        ],
    }


def _objects(document: Mapping[str, object], name: str) -> list[dict[str, object]]:
    listed = document.get(name)
    if listed is None:
        return []
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise _bad(name, f"{name} has to be an array of objects")
    return listed


def _column(name: str, tensor: Mapping[str, object], max_rows: int) -> list[object]:
    """Return one value for each row of *tensor*."""
    only_members(tensor, ("name", "shape", "datatype", "data", "parameters"), f"tensor {name[:40]!r}")
    shape = _shape(name, tensor.get("shape"))
    if shape[0] > max_rows:
        raise ProblemError(
            "too-large", f"{name[:80]}: {shape[0]} rows of {max_rows}", hint="send less at once"
        )
    datatype = tensor.get("datatype")
    if datatype not in _DATATYPES:
        raise _bad(name, f"datatype has to be one of {', '.join(_DATATYPES)}")
    data = _flat(name, tensor.get("data"))
    width = math.prod(shape[1:])
    if len(data) != shape[0] * width:
        raise _bad(name, f"shape {shape} wants {shape[0] * width} elements, data has {len(data)}")
    elements = [_element(name, str(datatype), each) for each in data]
    if shape[1:] in ([], [1]):
        return elements
    return [_row_tensor(name, shape[1:], elements[at * width : (at + 1) * width]) for at in range(shape[0])]


def _shape(name: str, shape: object) -> list[int]:
    if not isinstance(shape, list) or not 0 < len(shape) <= _MAX_DIMENSIONS:
        raise _bad(name, "shape has to be an array like [2] or [2, 1]: the rows first")
    if not all(type(each) is int and 0 < each < 2**31 for each in shape):
        raise _bad(name, "shape has to hold positive integers")
    return shape


def _flat(name: str, data: object) -> list[object]:
    if not isinstance(data, list):
        raise _bad(name, "data has to be an array")
    level: list[object] = data
    for _ in range(_MAX_DIMENSIONS):
        if not any(isinstance(each, list) for each in level):
            return level
        level = [one for each in level for one in (each if isinstance(each, list) else [each])]
    raise _bad(name, "data is nested too deep")


def _element(name: str, datatype: str, value: object) -> object:
    kind = type(value)
    if datatype == "BOOL" and kind is bool:
        return value
    if datatype == "BYTES" and kind is str:
        return value
    if datatype in _FLOATS and isinstance(value, int | float) and kind is not bool:
        return _float(name, value)
    if datatype in _RANGES and isinstance(value, int) and kind is not bool and value in _RANGES[datatype]:
        return value
    raise ProblemError("bad-field", f"{name[:80]}: an element is not {datatype}", field=name[:80])


def _float(name: str, value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ProblemError("bad-field", f"{name[:80]}: an integer is too large", field=name[:80]) from None


def _row_tensor(name: str, shape: list[int], elements: list[object]) -> Tensor:
    numbers = [float(each) for each in elements if isinstance(each, int | float)]
    if len(numbers) < len(elements):
        raise _bad(name, "a tensor of more than one element in a row holds numbers")
    return Tensor(shape=shape, numbers=numbers)


def _tensor(name: str, values: list[Value]) -> dict[str, object]:
    plains = [from_value(value) for value in values]
    found: dict[str, object] = {"name": name, "datatype": _datatype(plains), "shape": [len(values)]}
    shapes = {tuple(each.shape) if isinstance(each, Tensor) else None for each in plains}
    if len(shapes) == 1 and (shape := shapes.pop()) is not None:
        found["shape"] = [len(values), *shape]
        numbers = [number for each in plains if isinstance(each, Tensor) for number in each.numbers]
        found["data"] = [number if math.isfinite(number) else None for number in numbers]
    else:
        found["data"] = [_cell(plain(value), str(found["datatype"])) for value in values]
    return found


def _cell(value: object, datatype: str) -> object:
    """Return *value* as an element of a tensor; among texts, other values stand as their JSON."""
    if datatype != "BYTES" or value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _datatype(values: Sequence[object]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "BOOL"
    if kinds == {int}:
        return "INT64"
    return "FP64" if kinds and kinds <= {int, float, Tensor} else "BYTES"


def _bad(field: str, detail: str) -> ProblemError:
    return ProblemError("bad-document", f"{field[:80]}: {detail}", field=field[:80])
