"""Isolated models, as far as that is decided without a process: records, messages, who is isolated."""

import math
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rendezvous_models.contract import Answer, Failure, Metadata, Row, RuntimeOptions, create_runtime
from rendezvous_models.errors import BadModelError, UnknownRuntimeError
from rendezvous_models.isolation import Isolate, IsolatedRuntime, Place, create_isolated
from rendezvous_models.runtimes.python import PythonRuntime
from rendezvous_models.worker_keeper import WorkerLimits
from rendezvous_models.worker_messages import (
    BrokenChannelError,
    Channel,
    Kind,
    LoadOrder,
    answer_from_bytes,
    answer_to_bytes,
    metadata_from_bytes,
    metadata_to_bytes,
    refusal_from_bytes,
    refusal_to_bytes,
    rows_from_bytes,
    rows_to_bytes,
)
from rendezvous_models.worker_record import WorkerRecord
from scoring.v1.control_pb2 import Field, Model
from scoring.v1.value_pb2 import Tensor

S = 1_000_000


# The record of a model's workers.


def test_a_worker_that_ended_is_started_again_after_pauses_that_double() -> None:
    record, now, pauses = WorkerRecord(), 0, []
    for _ in range(4):
        record = record.ended("it crashed", now)
        assert record.retry_at is not None
        pauses.append(record.retry_at - now)
        assert (record.reason, record.failed) == ("it crashed", False)
        assert not record.is_due(record.retry_at - 1)
        assert record.is_due(record.retry_at)
        now = record.retry_at
        record = record.started(now)
        assert (record.reason, record.retry_at) == ("", None)

    assert pauses == [S // 10, S // 5, 2 * S // 5, 4 * S // 5]
    assert record.restarts == 4


def test_five_ends_within_a_minute_are_a_crash_loop_and_the_model_has_failed() -> None:
    record = WorkerRecord()
    for second in range(4):
        record = record.ended("it crashed", second * S).started(second * S)
    record = record.ended("it crashed", 59 * S)

    assert record.failed
    assert record.reason == "it crashed; it ended too often, and is tried again in 5 minutes"
    assert record.retry_at == 359 * S


def test_five_ends_over_more_than_a_minute_are_none() -> None:
    record = WorkerRecord()
    for turn in range(20):
        record = record.ended("it crashed", turn * 16 * S)
        assert not record.failed
        record = record.started(turn * 16 * S)


@pytest.mark.parametrize(("lives_s", "failed"), [(59, True), (61, False)])
def test_after_a_crash_loop_a_worker_has_to_live_for_a_minute(lives_s: int, *, failed: bool) -> None:
    record = WorkerRecord()
    for second in range(5):
        record = record.ended("it crashed", second * S)
    assert record.failed
    record = record.started(400 * S)
    assert not record.failed

    assert record.ended("it crashed", (400 + lives_s) * S).failed is failed


def test_a_worker_that_cannot_even_be_started_after_a_crash_loop_leaves_the_model_failed() -> None:
    record = WorkerRecord()
    for second in range(5):
        record = record.ended("it crashed", second * S)
    record = record.ended("the artifact is gone", 1000 * S)

    assert (record.failed, record.retry_at) == (True, 1300 * S)
    assert record.reason.startswith("the artifact is gone; ")


# What goes between the processes.

VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.text(),
    st.binary(),
    st.none(),
    st.builds(lambda numbers: Tensor(shape=[len(numbers)], numbers=numbers), st.lists(st.floats(0, 1))),
)
ROWS = st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=5)


@given(ROWS, st.integers(0, 2**63))
def test_rows_arrive_as_they_were_sent(rows: list[dict[str, object]], budget_us: int) -> None:
    found, budget = rows_from_bytes(rows_to_bytes(rows, budget_us))  # type: ignore[arg-type]

    assert (found, budget) == (rows, budget_us)
    assert [[type(value) for value in row.values()] for row in found] == [
        [type(row[name]) for name in got] for row, got in zip(rows, found, strict=True)
    ]


@given(st.lists(st.one_of(st.dictionaries(st.text(), VALUES, max_size=4), st.builds(Failure, st.text()))))
def test_outputs_and_failures_arrive_as_they_were_sent(predictions: list[object]) -> None:
    answer = Answer(predictions, 7)  # type: ignore[arg-type]
    assert answer_from_bytes(answer_to_bytes(answer)) == answer


def test_a_value_that_does_not_travel_is_left_out_of_its_row_and_of_no_other() -> None:
    rows: list[Row] = [{"a": 1.0, "b": 2.0}, {"a": 1.0, "b": math.nan}, {"a": 3.0, "b": 4.0}]

    assert rows_from_bytes(rows_to_bytes(rows, 1))[0] == [rows[0], {"a": 1.0}, rows[2]]


def test_an_output_that_does_not_travel_is_a_failure_of_its_row() -> None:
    found = answer_from_bytes(answer_to_bytes(Answer([{"a": 1.0}, {"a": math.nan}], 7)))

    assert found.predictions == [
        {"a": 1.0},
        Failure("the model's output cannot be sent: a: nan is not a finite number"),
    ]


@given(st.binary(max_size=64))
def test_garbage_for_outputs_breaks_the_channel_and_nothing_else(body: bytes) -> None:
    for read in (answer_from_bytes, metadata_from_bytes, refusal_from_bytes):
        try:
            read(body)
        except BrokenChannelError:
            continue


def test_an_order_to_load_arrives_without_the_bytes_that_are_in_the_file() -> None:
    descriptor = Model(name="wine", inputs=[Field(name="pH")])
    descriptor.artifact.data = b"x" * 1000
    descriptor.artifact.size = 1000
    options = RuntimeOptions(jvm_heap_mb=64, remote_hosts=("a", "b"), remote_secrets=Path("/s"))

    body = LoadOrder(descriptor, options, Path("/m/model")).to_bytes()

    assert len(body) < 500
    descriptor.artifact.ClearField("data")
    assert LoadOrder.from_bytes(body) == (descriptor, options, Path("/m/model"))


def test_metadata_and_refusals_arrive_as_they_were_sent() -> None:
    metadata = Metadata((Field(name="a"),), (Field(name="b"), Field(name="c")))

    assert metadata_from_bytes(metadata_to_bytes(metadata)) == metadata
    assert refusal_from_bytes(refusal_to_bytes("no such model", passing=True)) == ("no such model", True)


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    here, there = socket.socketpair()
    with there:
        channel = Channel(here)
        yield channel, there
        channel.close()


def test_a_frame_that_comes_in_pieces_can_be_waited_for_again(ends: tuple[Channel, socket.socket]) -> None:
    channel, there = ends
    frame = b"\x05\x00\x00\x00\x03abc"
    there.sendall(frame[:6])
    with pytest.raises(TimeoutError):
        channel.receive(time.monotonic())
    there.sendall(frame[6:] + frame)

    assert channel.receive(time.monotonic() + 5) == (Kind.OUTPUTS, b"abc")
    assert channel.receive(time.monotonic()) == (Kind.OUTPUTS, b"abc")


@pytest.mark.parametrize("frame", [b"garbage!", b"\x05\xff\xff\xff\xff", b"\x00\x00\x00\x00\x00"])
def test_what_is_no_frame_breaks_the_channel(ends: tuple[Channel, socket.socket], frame: bytes) -> None:
    channel, there = ends
    there.sendall(frame)

    with pytest.raises(BrokenChannelError, match="no frame"):
        channel.receive(time.monotonic() + 5)


def test_an_end_that_takes_nothing_breaks_the_channel(ends: tuple[Channel, socket.socket]) -> None:
    with pytest.raises(BrokenChannelError, match="does not take"):
        ends[0].send(Kind.ROWS, bytes(1 << 22), time.monotonic() + 0.02)


# Who is isolated.


LIMIT = 1000


@pytest.mark.parametrize(
    ("isolate", "asked", "size", "isolated"),
    [
        (Isolate.NEVER, False, LIMIT + 1, False),
        (Isolate.NEVER, True, LIMIT, False),
        (Isolate.ASKED, False, LIMIT + 1, False),
        (Isolate.ASKED, True, LIMIT, True),
        (Isolate.LARGE, False, LIMIT, False),
        (Isolate.LARGE, False, LIMIT + 1, True),
        (Isolate.LARGE, True, LIMIT, True),
        (Isolate.ALWAYS, False, LIMIT, True),
        (Isolate.ALWAYS, True, LIMIT, True),
    ],
)
def test_the_container_decides_who_is_isolated(
    isolate: Isolate, *, asked: bool, size: int, isolated: bool
) -> None:
    descriptor = Model(type="python", options={"isolation": "process"} if asked else {})
    descriptor.artifact.size = size

    runtime = create_isolated(descriptor, RuntimeOptions(), Place(isolate, WorkerLimits(), LIMIT))

    assert isinstance(runtime, IsolatedRuntime if isolated else PythonRuntime)
    assert not runtime.ready


@pytest.mark.parametrize(
    ("starts", "in_service", "isolated"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_the_first_model_that_needs_a_library_is_isolated_where_others_are_served(
    monkeypatch: pytest.MonkeyPatch, *, starts: bool, in_service: bool, isolated: bool
) -> None:
    monkeypatch.setattr(PythonRuntime, "starts_library", starts)
    place = Place(Isolate.LARGE, WorkerLimits(), LIMIT)

    runtime = create_isolated(Model(type="python"), RuntimeOptions(), place, in_service=in_service)

    assert isinstance(runtime, IsolatedRuntime) is isolated


def test_another_kind_of_isolation_is_refused() -> None:
    descriptor = Model(type="python", options={"isolation": "thread"})

    with pytest.raises(BadModelError, match="isolation is 'thread': write process"):
        create_isolated(descriptor, RuntimeOptions(), Place(Isolate.NEVER, WorkerLimits()))


def test_a_type_that_nothing_serves_is_refused_before_a_worker_is_started() -> None:
    with pytest.raises(UnknownRuntimeError):
        create_isolated(Model(type="abacus"), RuntimeOptions(), Place(Isolate.ALWAYS, WorkerLimits()))


def test_a_runtime_is_not_told_where_it_runs() -> None:
    descriptor = Model(type="python", options={"isolation": "process", "a": "b"})

    assert dict(create_runtime(descriptor, RuntimeOptions()).descriptor.options) == {"a": "b"}
    assert dict(descriptor.options) == {"isolation": "process", "a": "b"}
