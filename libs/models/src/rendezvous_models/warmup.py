"""Warms a model up with rows made from its fields, so that no real row is the slow first one."""

from collections.abc import Iterable
from typing import Final

from rendezvous_contracts.values import Plain
from rendezvous_runtime.clock import Clock
from scoring.v1.control_pb2 import Field, FieldType

from rendezvous_models.contract import ModelRuntime, Row

# The JVM compiles a forest of some thousand nodes within two to three seconds, and small ones much sooner.
_LONGEST_US: Final = 3_000_000
_ROUNDS: Final = 200
_BATCH: Final = 32


def warm_up(runtime: ModelRuntime, fields: Iterable[Field], clock: Clock) -> None:
    """
    Have *runtime* predict, one by one and in batches, for at most three seconds.

    What it predicts does not matter, for the row is made up; what it raises is the caller's to handle.
    """
    row = sample_row(fields)
    end = clock.now().mono + _LONGEST_US
    for _ in range(_ROUNDS):
        runtime.predict([row])
        runtime.predict([row] * _BATCH)
        if clock.now().mono >= end:
            break


def sample_row(fields: Iterable[Field]) -> Row:
    """Return a row that fits *fields*."""
    return {field.name: _sample(field) for field in fields}


def _sample(field: Field) -> Plain:
    if field.type in {FieldType.FIELD_TYPE_NUMBER, FieldType.FIELD_TYPE_UNSPECIFIED}:
        return _within(field)
    if field.type == FieldType.FIELD_TYPE_INTEGER:
        return int(_within(field))
    if field.type == FieldType.FIELD_TYPE_TEXT:
        return field.categories[0] if field.categories else ""
    return False if field.type == FieldType.FIELD_TYPE_FLAG else None


def _within(field: Field) -> float:
    if field.HasField("minimum"):
        return field.minimum
    return field.maximum if field.HasField("maximum") else 1.0
