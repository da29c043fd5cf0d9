"""Declared fields and values of policy documents, in both directions."""

from collections.abc import Iterable, Mapping
from typing import Final

import yaml
from scoring.v1.control_pb2 import Field, FieldType
from scoring.v1.value_pb2 import Fields, Tensor

from rendezvous_contracts.errors import BadValueError
from rendezvous_contracts.policy_nodes import Place, required
from rendezvous_contracts.policy_yaml import TAG
from rendezvous_contracts.values import Plain, from_fields, to_fields

FIELD_TYPES: Final[Mapping[str, "FieldType.ValueType"]] = {
    "any": FieldType.FIELD_TYPE_UNSPECIFIED,
    "number": FieldType.FIELD_TYPE_NUMBER,
    "integer": FieldType.FIELD_TYPE_INTEGER,
    "flag": FieldType.FIELD_TYPE_FLAG,
    "text": FieldType.FIELD_TYPE_TEXT,
    "blob": FieldType.FIELD_TYPE_BLOB,
    "tensor": FieldType.FIELD_TYPE_TENSOR,
}
TYPE_NAMES: Final[Mapping[int, str]] = {number: name for name, number in FIELD_TYPES.items()}

_FIELD_KEYS: Final = ("type", "optional", "minimum", "maximum", "categories")
_TENSOR_KEYS: Final = ("shape", "numbers")


def read_fields(place: Place) -> list[Field]:
    """Read `name: type` or `name: {type, optional, minimum, maximum, categories}` for each field."""
    return [_read_field(name, spec) for name, spec in place.items()]


def _read_field(name: str, place: Place) -> Field:
    if isinstance(place.node, yaml.ScalarNode):
        return Field(name=name, type=read_type(place))
    spec = place.mapping(_FIELD_KEYS)
    return Field(
        name=name,
        type=read_type(required(spec, "type", place)),
        optional=spec["optional"].flag() if "optional" in spec else False,
        minimum=spec["minimum"].number() if "minimum" in spec else None,
        maximum=spec["maximum"].number() if "maximum" in spec else None,
        categories=spec["categories"].texts() if "categories" in spec else [],
    )


def read_type(place: Place) -> "FieldType.ValueType":
    """Read the name of a type."""
    name = place.text()
    if name not in FIELD_TYPES:
        raise place.error(f"there is no type {name[:40]!r}: use one of {', '.join(FIELD_TYPES)}")
    return FIELD_TYPES[name]


def write_fields(fields: Iterable[Field]) -> dict[str, object]:
    """Return *fields* as read_fields reads them."""
    return {field.name: _write_field(field) for field in fields}


def _write_field(field: Field) -> object:
    spec: dict[str, object] = {"type": TYPE_NAMES.get(field.type, "any")}
    if field.optional:
        spec["optional"] = True
    spec |= {bound: getattr(field, bound) for bound in ("minimum", "maximum") if field.HasField(bound)}
    if field.categories:
        spec["categories"] = list(field.categories)
    return spec if len(spec) > 1 else spec["type"]


def read_values(place: Place) -> Fields:
    """Read `name: value` for each; a tensor is {shape: [...], numbers: [...]}, bytes are !!binary."""
    values = {name: _read_value(at) for name, at in place.items()}
    try:
        return to_fields(values)
    except BadValueError as error:
        raise place.error(str(error)) from error


def _read_value(place: Place) -> Plain:
    match place.node.tag.removeprefix(TAG):
        case "int":
            return place.integer()
        case "float":
            return place.number()
        case "bool":
            return place.flag()
        case "binary":
            return place.data()
        case "null":
            raise place.error("it has no value: give one")
        case "map":
            return _read_tensor(place)
        case _:
            return place.text()


def _read_tensor(place: Place) -> Tensor:
    parts = place.mapping(_TENSOR_KEYS)
    shape = [size.integer() for size in required(parts, "shape", place).sequence()]
    numbers = [number.number() for number in required(parts, "numbers", place).sequence()]
    try:
        return Tensor(shape=shape, numbers=numbers)
    except ValueError as error:
        raise place.error(f"the shape does not travel: {error}") from error


def write_values(fields: Fields) -> dict[str, object]:
    """Return the values of *fields*, in the order of their names, as read_values reads them."""
    return {name: _write_value(value) for name, value in sorted(from_fields(fields).items())}


def _write_value(value: Plain) -> object:
    if isinstance(value, Tensor):
        return {"shape": list(value.shape), "numbers": list(value.numbers)}
    return value
