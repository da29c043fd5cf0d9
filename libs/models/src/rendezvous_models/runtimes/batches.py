"""One call for a whole batch, and what to do when it fails. Needs no library of any runtime."""

import math
from collections.abc import Callable, Mapping, Sequence

from rendezvous_contracts.fields import describe
from rendezvous_contracts.values import Plain
from scoring.v1.value_pb2 import Tensor

from rendezvous_models.contract import Failure, Outputs, Row

Batch = Callable[[Sequence[Row]], list[Outputs | Failure]]


class RowError(Exception):
    """A row, or what the model said about it, cannot be used; str() says why, for people."""


def predict_apart(rows: Sequence[Row], batch: Batch) -> list[Outputs | Failure]:
    """
    Return what *batch* says of *rows*, whatever it raises.

    Rows on which it raises are parted into halves until the bad ones stand alone: one bad row among n costs
    about 2 log2(n) more calls. A batch that gives another number of predictions than rows has failed too.
    """
    if not rows:
        return []
    try:
        return _as_many(batch(rows), len(rows))
    except Exception as error:  # noqa: BLE001 - whatever a model's code raises costs its own rows only
        if len(rows) == 1:
            return [Failure(_reason(error))]
    middle = len(rows) // 2
    return predict_apart(rows[:middle], batch) + predict_apart(rows[middle:], batch)


def judged(outputs: Mapping[str, Plain]) -> Outputs | Failure:
    """Return *outputs* unless one is no finite number, or an empty tensor, or there is nothing in any."""
    for name, value in outputs.items():
        if isinstance(value, float) and not math.isfinite(value):
            return Failure(not_finite(name, value))
        if isinstance(value, Tensor) and not (value.numbers and all(map(math.isfinite, value.numbers))):
            return Failure(f"output {name} is {describe(value)} that is empty or not all finite")
    if all(value is None or value in ("", b"") for value in outputs.values()):
        return Failure("the model has no output for this input")
    return outputs


def not_finite(name: str, value: float) -> str:
    """Return why *value* of the output *name* is none."""
    return f"output {name} is {value}: not a finite number"


def _as_many(predictions: list[Outputs | Failure], rows: int) -> list[Outputs | Failure]:
    if len(predictions) != rows:
        raise RowError(f"the model gave {len(predictions)} outputs for {rows} rows")
    return predictions


def _reason(error: Exception) -> str:
    if isinstance(error, RowError):
        return str(error)
    return f"the model failed: {type(error).__name__}: {error}"
