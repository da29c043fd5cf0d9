import pytest
from rendezvous_contracts.topics import DECISIONS, INPUTS, OUTCOMES
from rendezvous_decoy.names import OTHER, UNDECODABLE
from rendezvous_decoy.wire import to_row
from rendezvous_runtime.testing import MemoryRecord
from scoring.v1.decision_pb2 import Decision
from scoring.v1.input_pb2 import Input
from scoring.v1.outcome_pb2 import Outcome

from tests.unit.decoy.records import AT_US, input_message, record


@pytest.mark.parametrize("topic", [INPUTS, DECISIONS, OUTCOMES])
def test_a_row_knows_its_folder_and_keeps_the_bytes(topic: str) -> None:
    given = record(topic, 7, partition=3)
    row = to_row(given)
    assert (row.place, row.offset) == ((topic, 3), 7)
    assert (row.route, row.hour) == ("wine", "2026-11-21T05")
    assert (row.raw, row.key, row.headers) == (given.value(), given.key(), given.headers())
    assert row.timestamp_ms == AT_US // 1000
    assert row.error is None


@pytest.mark.parametrize(
    ("topic", "value", "error"),
    [
        (INPUTS, b"\xff\xff\xff", "these bytes are not a valid Input"),
        (DECISIONS, b"\x0a\x05no", "these bytes are not a valid Decision"),
        (OUTCOMES, b"", "this Outcome has no request id"),
        (INPUTS, Input(route="wine").SerializeToString(), "this Input has no request id"),
        (DECISIONS, Decision().SerializeToString(), "this Decision has no request id"),
        (OUTCOMES, Outcome(route="wine").SerializeToString(), "this Outcome has no request id"),
    ],
)
def test_what_is_no_message_is_kept_with_the_reason(topic: str, value: bytes, error: str) -> None:
    row = to_row(record(topic, value=value))
    assert row.message is None
    assert row.error is not None
    assert error in row.error
    assert (row.route, row.raw) == (UNDECODABLE, value)


def test_a_record_without_a_value_is_kept_too() -> None:
    row = to_row(MemoryRecord(INPUTS, None, offset=4))
    assert (row.offset, row.raw, row.route) == (4, None, UNDECODABLE)
    assert row.error == "a record of inputs without a value: its value has to be the message Input"


def test_a_record_without_a_stamp_has_no_hour() -> None:
    class Unstamped(MemoryRecord):
        __slots__ = ()

        def timestamp(self) -> tuple[int, int]:
            return 0, -1

    row = to_row(Unstamped(INPUTS, input_message().SerializeToString()))
    assert (row.timestamp_ms, row.hour, row.route) == (None, OTHER, "wine")


def test_a_route_that_escapes_its_folder_is_kept_apart() -> None:
    row = to_row(record(value=input_message(route="../../etc").SerializeToString()))
    assert row.route == OTHER
    assert isinstance(row.message, Input)
    assert row.message.route == "../../etc"
