"""
Rows of one topic as a Parquet file in memory.

No column is called topic, route or hour: readers take these from the folders.
"""

from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from rendezvous_contracts.topics import DECISIONS, INPUTS, OUTCOMES
from scoring.v1.answer_pb2 import Arrival, Source
from scoring.v1.decision_pb2 import Decision
from scoring.v1.score_pb2 import Score, ScoreStatus
from scoring.v1.value_pb2 import Fields

from rendezvous_decoy.values import flatten, named, to_json
from rendezvous_decoy.wire import Row

_TIME: Final = pa.timestamp("us", tz="UTC")
_TIMES_END_US: Final = 7_258_118_400_000_000  # the year 2200; what is later came in by mistake
_TEXT: Final = pa.string()
_U64: Final = pa.uint64()
_U32: Final = pa.uint32()

_HEADERS: Final = pa.list_(pa.struct([("name", _TEXT), ("value", pa.binary())]))
_SCORES: Final = pa.list_(
    pa.struct(
        [
            ("model", _TEXT),
            ("status", _TEXT),
            ("outputs", _TEXT),
            ("error", _TEXT),
            ("revision", _U64),
            ("received_at", _TIME),
            ("waited_us", _U32),
            ("scored_us", _U32),
            ("after_us", _U32),
            ("late", pa.bool_()),
        ]
    )
)


class _Column(NamedTuple):
    name: str
    kind: pa.DataType
    get: Callable[[Any], object]


class _Wide(NamedTuple):
    """Fields of a message: one JSON column called *name*, and one column for each field after *prefix*."""

    name: str
    prefix: str
    get: Callable[[Any], Fields]


class _Layout(NamedTuple):
    columns: Sequence[_Column]
    wide: Sequence[_Wide]


def _time(stamp_us: int) -> int | None:
    return stamp_us if 0 < stamp_us < _TIMES_END_US else None


def _word(enum: Any, value: int, prefix: str) -> str:
    """Return the name of *value* as people write it: "ok"; its number if this version does not know it."""
    return enum.Name(value).removeprefix(prefix).lower() if value in enum.values() else str(value)


def _score(score: Score, arrival: Arrival | None, *, late: bool) -> dict[str, object]:
    return {
        "model": score.model,
        "status": _word(ScoreStatus, score.status, "SCORE_STATUS_"),
        "outputs": to_json(named(score.outputs)),
        "error": score.error,
        "revision": score.revision,
        "received_at": _time(score.received_at_us),
        "waited_us": score.waited_us,
        "scored_us": score.scored_us,
        "after_us": None if arrival is None else arrival.after_us,
        "late": late,
    }


def _scores(decision: Decision) -> list[dict[str, object]]:
    """Return every score that came, in that order; late are those that were not in when it was decided."""
    in_time = len(decision.answer.arrivals)
    arrivals = decision.arrivals[: len(decision.scores)]
    return [
        _score(score, arrival, late=place >= in_time)
        for place, (score, arrival) in enumerate(zip_longest(decision.scores, arrivals))
    ]


_COMMON: Final[Sequence[_Column]] = (
    _Column("kafka_partition", pa.int32(), lambda row: row.place.partition),
    _Column("kafka_offset", pa.int64(), lambda row: row.offset),
    _Column(
        "kafka_timestamp",
        _TIME,
        lambda row: None if row.timestamp_ms is None else _time(row.timestamp_ms * 1000),
    ),
    _Column("kafka_key", pa.binary(), lambda row: row.key),
    _Column(
        "kafka_headers", _HEADERS, lambda row: [{"name": name, "value": value} for name, value in row.headers]
    ),
    _Column("raw", pa.binary(), lambda row: row.raw),
    _Column("error", _TEXT, lambda row: row.error),
)

_INPUT: Final = _Layout(
    [
        _Column("id", _TEXT, lambda m: m.id),
        _Column("route_name", _TEXT, lambda m: m.route),
        _Column("revision", _U64, lambda m: m.revision),
        _Column("sent_at", _TIME, lambda m: _time(m.sent_at_us)),
        _Column("extracted_at", _TIME, lambda m: _time(m.extracted_at_us)),
        _Column("budget_us", _U32, lambda m: m.budget_us),
        _Column("digest", _U64, lambda m: m.digest),
        _Column("extractor", _TEXT, lambda m: m.extractor),
        _Column("problem", _TEXT, lambda m: m.problem),
        _Column("key", _TEXT, lambda m: m.key),
        _Column("pinned_model", _TEXT, lambda m: m.model),
        _Column("request_offset", _U64, lambda m: m.request_offset),
    ],
    [
        _Wide("features", "feature_", lambda m: m.features),
        _Wide("fields", "field_", lambda m: m.request.fields),
    ],
)

_DECISION: Final = _Layout(
    [
        _Column("id", _TEXT, lambda m: m.answer.id),
        _Column("route_name", _TEXT, lambda m: m.answer.route),
        _Column("revision", _U64, lambda m: m.answer.revision),
        _Column("source", _TEXT, lambda m: _word(Source, m.answer.source, "SOURCE_")),
        _Column("model", _TEXT, lambda m: m.answer.model),
        _Column("tier", _U32, lambda m: m.answer.tier),
        _Column("rule", _TEXT, lambda m: m.answer.rule),
        _Column("extractor", _TEXT, lambda m: m.answer.extractor),
        _Column("reason", _TEXT, lambda m: m.answer.reason),
        _Column("sent_at", _TIME, lambda m: _time(m.answer.sent_at_us)),
        _Column("deadline", _TIME, lambda m: _time(m.answer.deadline_us)),
        _Column("answered_at", _TIME, lambda m: _time(m.answer.answered_at_us)),
        _Column("closed_at", _TIME, lambda m: _time(m.closed_at_us)),
        _Column("digest", _U64, lambda m: m.answer.digest),
        _Column("request_offset", _U64, lambda m: m.answer.request_offset),
        _Column("scores", _SCORES, _scores),
        _Column("missing", pa.list_(_TEXT), lambda m: list(m.missing)),
    ],
    [_Wide("outputs", "output_", lambda m: m.answer.outputs)],
)

_OUTCOME: Final = _Layout(
    [
        _Column("id", _TEXT, lambda m: m.request_id),
        _Column("route_name", _TEXT, lambda m: m.route),
        _Column("observed_at", _TIME, lambda m: _time(m.observed_at_us)),
        _Column("reward", pa.float64(), lambda m: m.reward if m.HasField("reward") else None),
        _Column("author", _TEXT, lambda m: m.author),
    ],
    [_Wide("truth", "truth_", lambda m: m.truth)],
)

_LAYOUTS: Final = {INPUTS: _INPUT, DECISIONS: _DECISION, OUTCOMES: _OUTCOME}


def to_table(topic: str, rows: Sequence[Row]) -> pa.Table:
    """Return *rows* of *topic*; where a record could not be decoded, the columns of its message are null."""
    layout = _LAYOUTS[topic]
    messages = [row.message for row in rows]
    columns = {each.name: pa.array(map(each.get, rows), each.kind) for each in _COMMON}
    for each in layout.columns:
        columns[each.name] = pa.array([None if m is None else each.get(m) for m in messages], each.kind)
    for wide in layout.wide:
        values = [None if m is None else named(wide.get(m)) for m in messages]
        columns[wide.name] = pa.array([None if each is None else to_json(each) for each in values], _TEXT)
        columns |= flatten(wide.prefix, values)
    return pa.table(columns)


def encode(topic: str, rows: Sequence[Row], compression: str) -> bytes:
    """Return *rows* of *topic* as the content of a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(to_table(topic, rows), sink, compression=compression)
    content: bytes = sink.getvalue().to_pybytes()
    return content
