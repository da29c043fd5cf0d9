"""What holds for every model and route by itself, whatever else is registered."""

import math
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from rendezvous_contracts.names import check_name, check_version
from scoring.v1.control_pb2 import Artifact, Field, FieldType, Model
from scoring.v1.value_pb2 import Fields, Tensor

from rendezvous_control.errors import ControlError

_FIELD_LENGTH: Final = 128
_SHA256_LENGTH: Final = 32
_NUMERIC: Final = frozenset(
    {FieldType.FIELD_TYPE_UNSPECIFIED, FieldType.FIELD_TYPE_NUMBER, FieldType.FIELD_TYPE_INTEGER}
)
# Asking the enum itself makes a list each time, for each field of each model.
_TYPES: Final = frozenset(FieldType.values())
_TEXTUAL: Final = frozenset({FieldType.FIELD_TYPE_UNSPECIFIED, FieldType.FIELD_TYPE_TEXT})


def check_text(text: str, what: str, *, maximum: int) -> None:
    """Raise ControlError unless *text* is 1 to *maximum* printable characters."""
    if not (0 < len(text) <= maximum and text.isprintable()):
        raise ControlError(f"{what} is {text[:80]!r}: use 1 to {maximum} printable characters")


def check_model(model: Model) -> None:
    """Raise ControlError or BadNameError with the first thing that is wrong with *model*."""
    check_name(model.name, "model name")
    check_version(model.version)
    check_name(model.type, "model type")
    if not math.isfinite(model.quality):
        raise ControlError(f"quality is {model.quality}: it has to be a finite number")
    _check_artifact(model.artifact)
    check_fields(model.inputs, "inputs")
    check_fields(model.outputs, "outputs")
    _check_golden(model)


def _check_golden(model: Model) -> None:
    if not (math.isfinite(model.golden_tolerance) and model.golden_tolerance >= 0):
        raise ControlError(f"golden_tolerance is {model.golden_tolerance}: it has to be a number from 0 on")
    for number, golden in enumerate(model.golden, start=1):
        if not golden.outputs.values:
            raise ControlError(f"golden record {number} has no outputs: name at least one")


def _check_artifact(artifact: Artifact) -> None:
    if len(artifact.sha256) != _SHA256_LENGTH:
        raise ControlError(f"the artifact's sha256 has {len(artifact.sha256)} bytes instead of 32")
    if artifact.size == 0:
        raise ControlError("the artifact's size is 0")
    match artifact.WhichOneof("source"):
        case "data":
            _check_inline(artifact)
        case "location" if artifact.location:
            pass
        case _:
            raise ControlError("the artifact has neither data nor a location")


def _check_inline(artifact: Artifact) -> None:
    if len(artifact.data) != artifact.size:
        raise ControlError(
            f"the artifact's data has {len(artifact.data)} bytes, its size says {artifact.size}"
        )
    if sha256(artifact.data).digest() != artifact.sha256:
        raise ControlError("the artifact's data does not have the sha256 that it states")


def check_fields(fields: Iterable[Field], what: str) -> None:
    """Raise ControlError with the first thing that is wrong with the declared *fields*."""
    names = []
    for field in fields:
        name = field.name
        names.append(name)
        if not _is_plain(field, name):
            check_text(name, f"the name of a field of {what}", maximum=_FIELD_LENGTH)
            _check_field(field, f"{what}, field {name}")
    check_no_repeat(names, f"{what}, field")


def _is_plain(field: Field, name: str) -> bool:
    """Return whether nothing can be wrong with *field*: where it stands need not be put into words."""
    return (
        0 < len(name) <= _FIELD_LENGTH
        and name.isprintable()
        and field.type in _TYPES
        and not field.categories
        and not (field.HasField("minimum") or field.HasField("maximum"))
    )


def _check_field(field: Field, where: str) -> None:
    if field.type not in _TYPES:
        raise ControlError(f"{where}: type {field.type} is none that this version knows")
    if field.HasField("minimum") or field.HasField("maximum"):
        _check_bounds(field, where)
    if field.categories:
        if field.type not in _TEXTUAL:
            raise ControlError(f"{where}: only a text has categories")
        check_no_repeat(field.categories, f"{where}, category")


def _check_bounds(field: Field, where: str) -> None:
    if field.type not in _NUMERIC:
        raise ControlError(f"{where}: only a number or an integer has a minimum and a maximum")
    bounds = [getattr(field, bound) for bound in ("minimum", "maximum") if field.HasField(bound)]
    if not all(map(math.isfinite, bounds)) or bounds != sorted(bounds):
        raise ControlError(f"{where}: minimum and maximum have to be finite and in this order")


def check_default(default: Fields) -> None:
    """Raise ControlError unless *default* is an answer: at least one value, each present and finite."""
    if not default.values:
        raise ControlError("the route has no default: name the answer to give when no score can be used")
    for name, value in default.values.items():
        check_text(name, "the name of a field of the default", maximum=_FIELD_LENGTH)
        match value.WhichOneof("kind"):
            case None:
                raise ControlError(f"default, field {name} has no value")
            case "number" if not math.isfinite(value.number):
                raise ControlError(f"default, field {name} is {value.number}: it has to be a finite number")
            case "tensor":
                _check_tensor(value.tensor, f"default, field {name}")


def _check_tensor(tensor: Tensor, where: str) -> None:
    if min(tensor.shape, default=0) < 0 or math.prod(tensor.shape) != len(tensor.numbers):
        raise ControlError(f"{where}: shape {list(tensor.shape)} does not fit {len(tensor.numbers)} numbers")
    if not all(map(math.isfinite, tensor.numbers)):
        raise ControlError(f"{where}: all numbers of a tensor have to be finite")


def check_no_repeat(names: Iterable[str], what: str) -> None:
    """Raise ControlError if one of *names* is there twice."""
    given = list(names)
    if len(set(given)) == len(given):  # counting takes several times as long, and a registry is large
        return
    for name, count in Counter(given).items():
        if count > 1:
            raise ControlError(f"{what} {name} is there {count} times")
