"""Golden records: rows whose outputs are known. Pure."""

import math
from collections.abc import Iterable, Sequence
from typing import Final, TypeGuard

from rendezvous_contracts.fields import describe
from rendezvous_contracts.values import Plain, from_fields
from scoring.v1.control_pb2 import Golden, Model
from scoring.v1.value_pb2 import Tensor

from rendezvous_models.contract import Failure, Outputs, Row

DEFAULT_TOLERANCE: Final = 1e-6
# A relative tolerance says nothing of a number that should be zero.
_NEAR_ZERO: Final = 1e-12


def tolerance_of(model: Model) -> float:
    """Return how far a number may be from a golden one, relative to the larger of the two."""
    return model.golden_tolerance if model.HasField("golden_tolerance") else DEFAULT_TOLERANCE


def golden_rows(golden: Iterable[Golden]) -> list[Row]:
    """Return the inputs of *golden*, in order."""
    return [from_fields(record.inputs) for record in golden]


def disagreements(
    golden: Sequence[Golden], predictions: Sequence[Outputs | Failure], tolerance: float
) -> list[str]:
    """Return where *predictions* are not what *golden* says, for people; records are counted from 1."""
    return [
        f"golden record {number}: {problem}"
        for number, (record, prediction) in enumerate(zip(golden, predictions, strict=True), start=1)
        for problem in _problems(from_fields(record.outputs), prediction, tolerance)
    ]


def _problems(expected: Outputs, prediction: Outputs | Failure, tolerance: float) -> list[str]:
    if isinstance(prediction, Failure):
        return [prediction.reason]
    return [
        f"{name} is {_said(prediction, name)}, expected {describe(value)}"
        for name, value in expected.items()
        if name not in prediction or not agree(value, prediction[name], tolerance)
    ]


def _said(prediction: Outputs, name: str) -> str:
    if name in prediction:
        return describe(prediction[name])
    return f"no output of the model, which has {', '.join(prediction)}"


def agree(expected: Plain, value: Plain, tolerance: float) -> bool:
    """
    Whether *value* is *expected*: numbers within the relative *tolerance*, all else the same.

    An integer and a number can agree; a flag is neither.
    """
    if isinstance(expected, Tensor) and isinstance(value, Tensor):
        alike = expected.shape == value.shape and len(expected.numbers) == len(value.numbers)
        return alike and all(
            _close(one, other, tolerance) for one, other in zip(expected.numbers, value.numbers, strict=True)
        )
    if _is_number(expected) and _is_number(value):
        return _close(expected, value, tolerance)
    return type(expected) is type(value) and expected == value


def _is_number(value: Plain) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _close(one: float, other: float, tolerance: float) -> bool:
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=_NEAR_ZERO)
