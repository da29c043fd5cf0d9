import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from rendezvous_contracts.topics import DECISIONS, INPUTS, OUTCOMES
from rendezvous_decoy.columns import to_table
from rendezvous_decoy.values import MAX_COLUMNS, flatten, to_json
from rendezvous_decoy.wire import to_row
from scoring.v1.input_pb2 import Input
from scoring.v1.outcome_pb2 import Outcome
from scoring.v1.value_pb2 import Tensor

from tests.unit.decoy.records import input_message, record

AT = datetime(2026, 11, 21, 5, tzinfo=UTC)


def only(topic: str, value: bytes | None = None) -> dict[str, Any]:
    (row,) = to_table(topic, [to_row(record(topic, 7, partition=3, value=value))]).to_pylist()
    return dict(row)


def test_an_input_has_its_place_its_stamps_its_features_and_its_bytes() -> None:
    row = only(INPUTS)
    expected = {
        "kafka_partition": 3,
        "kafka_offset": 7,
        "kafka_timestamp": AT,
        "kafka_key": b"r7",
        "kafka_headers": [{"name": "traceparent", "value": b"00-1-2-01"}],
        "error": None,
        "id": "r7",
        "route_name": "wine",
        "revision": 3,
        "sent_at": AT,
        "extracted_at": None,
        "budget_us": 50_000,
        "digest": 2**64 - 1,
        "extractor": "wine-features",
        "problem": "",
        "key": "",
        "pinned_model": "",
        "request_offset": 7,
        "features": '{"alcohol":9.4}',
        "feature_alcohol": 9.4,
        "fields": '{"colour":"red"}',
        "field_colour": "red",
    }
    assert {name: row[name] for name in expected} == expected
    assert Input.FromString(row["raw"]) == input_message(7)
    assert set(row) == {*expected, "raw"}


def test_a_decision_has_its_answer_and_every_score_with_its_arrival() -> None:
    row = only(DECISIONS)
    expected = {"source": "model", "model": "wine-linear@1", "tier": 2, "output_quality": 5.5}
    assert {name: row[name] for name in expected} == expected
    assert (row["answered_at"] - row["sent_at"]).microseconds == 40_000
    assert row["missing"] == ["wine-mlp@1"]
    in_time, late = row["scores"]
    assert (in_time["status"], in_time["after_us"], in_time["late"]) == ("ok", 4_000, False)
    assert in_time["outputs"] == '{"quality":5.5}'
    assert (late["status"], late["after_us"], late["late"]) == ("failed", 70_000, True)
    assert late["error"] == "out of memory"


def test_an_outcome_has_reward_and_truth() -> None:
    row = only(OUTCOMES)
    assert (row["id"], row["reward"], row["truth"], row["truth_quality"]) == ("r7", 0.5, '{"quality":6}', 6.0)


def test_no_reward_is_not_a_reward_of_zero() -> None:
    assert only(OUTCOMES, Outcome(request_id="a").SerializeToString())["reward"] is None


@pytest.mark.parametrize("topic", [INPUTS, DECISIONS, OUTCOMES])
def test_a_record_that_is_no_message_has_its_bytes_and_the_reason(topic: str) -> None:
    row = only(topic, b"\xff\xff")
    assert row["raw"] == b"\xff\xff"
    assert "these bytes are not a valid" in row["error"]
    assert row["kafka_offset"] == 7
    assert row["id"] is None


@pytest.mark.parametrize("topic", [INPUTS, DECISIONS, OUTCOMES])
def test_no_column_is_named_as_a_folder_is(topic: str) -> None:
    assert not {"topic", "route", "hour"} & set(only(topic))


def test_a_stamp_that_cannot_be_is_missing() -> None:
    row = only(INPUTS, Input(id="a", sent_at_us=2**64 - 1).SerializeToString())
    assert row["sent_at"] is None


@pytest.mark.parametrize(
    ("values", "kind", "column"),
    [
        ([1.5, 2, None], pa.float64(), [1.5, 2.0, None]),
        ([1, 2], pa.float64(), [1.0, 2.0]),
        ([2**53 + 1, 5], pa.int64(), [2**53 + 1, 5]),
        ([2**53 + 1, 0.5], pa.float64(), [float(2**53 + 1), 0.5]),
        ([True, None], pa.bool_(), [True, None]),
        (["a", "b"], pa.string(), ["a", "b"]),
        ([b"a", None], pa.binary(), [b"a", None]),
        ([None, None], pa.float64(), [None, None]),
        ([True, 1, "a", None], pa.string(), ["true", "1", '"a"', None]),
        ([Tensor(shape=[2], numbers=[1, 2]), None], pa.list_(pa.float64()), [[1.0, 2.0], None]),
    ],
)
def test_a_field_has_the_type_of_its_values(
    values: list[object], kind: pa.DataType, column: list[object]
) -> None:
    flat = flatten("feature_", [{"x": value} for value in values])
    assert flat["feature_x"].type == kind
    assert flat["feature_x"].to_pylist() == column


def test_rows_that_lack_a_field_have_null_in_its_column() -> None:
    flat = flatten("f_", [{"a": 1.0}, None, {"b": 2.0}])
    assert {name: column.to_pylist() for name, column in flat.items()} == {
        "f_a": [1.0, None, None],
        "f_b": [None, None, 2.0],
    }


@pytest.mark.parametrize("name", ["", "a\x00b", "a\nb", "x" * 65])
def test_a_field_that_cannot_name_a_column_is_in_the_json_only(name: str) -> None:
    assert flatten("f_", [{name: 1.0}]) == {}
    assert json.loads(to_json({name: 1.0})) == {name: 1.0}


def test_a_flood_of_names_is_not_a_flood_of_columns() -> None:
    row = {f"n{number}": 1.0 for number in range(MAX_COLUMNS + 100)}
    assert len(flatten("f_", [row])) == MAX_COLUMNS
    assert len(json.loads(to_json(row))) == MAX_COLUMNS + 100


def test_json_has_every_value_and_stays_json() -> None:
    values = {
        "nan": float("nan"),
        "big": 2**62 + 1,
        "blob": b"\x00\xff",
        "none": None,
        "flag": True,
        "tensor": Tensor(shape=[1, 2], numbers=[1, float("inf")]),
    }
    assert json.loads(to_json(values)) == {
        "nan": "nan",
        "big": 2**62 + 1,
        "blob": {"blob": "AP8="},
        "none": None,
        "flag": True,
        "tensor": {"shape": [1, 2], "numbers": [1.0, "inf"]},
    }
