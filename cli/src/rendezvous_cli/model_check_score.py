"""Scores records with a loaded model, as a container would: checked, in batches, timed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from rendezvous_contracts.errors import BadValueError
from rendezvous_contracts.values import to_fields
from rendezvous_models.contract import Failure, ModelRuntime, Outputs, Row
from rendezvous_models.records import Record
from rendezvous_models.validation import InputValidator


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    Why a row has no outputs.

    *kind* is unreadable (the table), invalid_input (the declared fields) or failed (the model); *fields* are
    name, expected and got of each that does not fit.
    """

    kind: str
    message: str
    fields: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RowResult:
    """What came of one row; *number* counts from 1, without the header."""

    number: int
    result: Outputs | Refusal


@dataclass(slots=True)
class Timing:
    """How long the model took: rows scored, and the microseconds of each batch."""

    rows: int = 0
    batches_us: list[int] = field(default_factory=list)


class Scorer:
    """Scores records with *runtime*, *max_batch* at once; *now_us* counts microseconds."""

    def __init__(
        self, runtime: ModelRuntime, validator: InputValidator, max_batch: int, now_us: Callable[[], int]
    ) -> None:
        self._runtime = runtime
        self._validator = validator
        self._max_batch = max_batch
        self._now_us = now_us
        self.timing = Timing()

    def score(self, records: Iterable[Record]) -> Iterator[RowResult]:
        """Yield the result of each of *records*, in order."""
        rest = iter(records)
        while batch := list(islice(rest, self._max_batch)):
            refused = [self._refusal(record) for record in batch]
            rows = [record.row for record, refusal in zip(batch, refused, strict=True) if refusal is None]
            scored = iter(self._predict(rows) if rows else ())
            for record, refusal in zip(batch, refused, strict=True):
                yield RowResult(record.number, refusal or next(scored))

    def _refusal(self, record: Record) -> Refusal | None:
        if record.problem:
            return Refusal("unreadable", record.problem)
        problems = self._validator.problems(record.row)
        if not problems:
            return None
        return Refusal("invalid_input", "; ".join(map(str, problems)), tuple(map(tuple, problems)))  # type: ignore[arg-type]

    def _predict(self, rows: Sequence[Row]) -> list[Outputs | Refusal]:
        started = self._now_us()
        try:
            predictions = self._runtime.predict(rows)
        except Exception as error:  # noqa: BLE001 - a model's own code may raise anything
            predictions = [Failure(f"the model failed: {type(error).__name__}: {error}")] * len(rows)
        self.timing.batches_us.append(self._now_us() - started)
        self.timing.rows += len(rows)
        if len(predictions) != len(rows):
            predictions = [Failure(f"the model gave {len(predictions)} outputs for {len(rows)} rows")] * len(
                rows
            )
        return [_judged(prediction) for prediction in predictions]


def _judged(prediction: Outputs | Failure) -> Outputs | Refusal:
    if isinstance(prediction, Failure):
        return Refusal("failed", prediction.reason)
    try:
        to_fields(prediction)
    except BadValueError as error:
        return Refusal("failed", f"the model's output cannot be sent: {error}")
    return prediction
