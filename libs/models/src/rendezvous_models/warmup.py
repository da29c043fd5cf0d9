"""Warms a model up, so that no real row is the slow first one, and measures how long a row then takes."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final, NamedTuple

from rendezvous_contracts.values import Plain
from rendezvous_runtime.clock import Clock
from scoring.v1.control_pb2 import Field, FieldType

from rendezvous_models.contract import ModelRuntime, Row, scores_elsewhere

# The JVM compiles a forest of some thousand nodes within two to three seconds, and small ones much sooner.
_LONGEST_US: Final = 3_000_000
_ROUNDS: Final = 200
# What waits for another process warms its connections up, and is not made to serve thousands of rows.
_ROUNDS_FAR: Final = 3
BATCH: Final = 32
_MEASURED_ROWS: Final = 30
_MEASURED_BATCHES: Final = 10
_LONGEST_MEASURE_US: Final = 500_000


class Latency(NamedTuple):
    """Medians of a warm model, in microseconds: of one row alone, and per row in batches of at most BATCH."""

    row_us: float
    batched_row_us: float


NOT_MEASURED: Final = Latency(0.0, 0.0)


def warm_up(runtime: ModelRuntime, rows: Sequence[Row], clock: Clock) -> None:
    """
    Have *runtime* predict *rows*, one by one and in batches, for about three seconds at most.

    What it predicts does not matter here; what it raises is the caller's to handle.
    """
    end = clock.now().mono + _LONGEST_US
    for turn in range(_ROUNDS_FAR if scores_elsewhere(runtime) else _ROUNDS):
        row_us = _time_us(runtime, [rows[turn % len(rows)]], clock)
        if clock.now().mono >= end:
            break
        runtime.predict(_batch(rows, _affordable(row_us)))
        if clock.now().mono >= end:
            break


def measure(runtime: ModelRuntime, rows: Sequence[Row], clock: Clock) -> Latency:
    """Return how long *runtime*, a warm one, takes for *rows*; takes about half a second at most."""
    rounds = _ROUNDS_FAR if scores_elsewhere(runtime) else _MEASURED_ROWS
    singles = [[rows[turn % len(rows)]] for turn in range(rounds)]
    row_us = _median_us(runtime, singles, clock)
    size = _affordable(row_us)
    batches = [_batch(rows, size)] * min(rounds, _MEASURED_BATCHES)
    return Latency(row_us, _median_us(runtime, batches, clock) / size)


def _median_us(runtime: ModelRuntime, batches: Sequence[Sequence[Row]], clock: Clock) -> float:
    end = clock.now().mono + _LONGEST_MEASURE_US
    durations = []
    for batch in batches:
        durations.append(_time_us(runtime, batch, clock))
        if clock.now().mono >= end:
            break
    return float(median(durations))


def _time_us(runtime: ModelRuntime, batch: Sequence[Row], clock: Clock) -> int:
    started = clock.now().mono
    runtime.predict(batch)
    return clock.now().mono - started


def _affordable(row_us: float) -> int:
    """Return how many rows a batch may have where a row takes *row_us*: a slow model gets fewer."""
    return max(1, min(BATCH, int(_LONGEST_US / max(row_us, 1.0))))


def _batch(rows: Sequence[Row], size: int) -> list[Row]:
    return [rows[place % len(rows)] for place in range(size)]


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
