"""Any bytes on `requests` become one record: an input, or a dead letter with its reason."""

from hypothesis import given
from hypothesis import strategies as st
from rendezvous_contracts.topics import DEAD_LETTERS, INPUTS
from rendezvous_runtime.testing import MemoryRecord
from scoring.v1.control_pb2 import Compute, Field, FieldType, Rename, Step
from scoring.v1.input_pb2 import Input, InputHead
from scoring.v1.request_pb2 import Request
from scoring.v1.value_pb2 import Fields, Tensor, Value

from tests.unit.feature_extractor.support import NOW, SLA_US, Log, extractor, record

U64 = st.integers(0, 2**64 - 1)
VALUES = st.one_of(
    st.floats().map(lambda number: Value(number=number)),
    st.integers(-(2**63), 2**63 - 1).map(lambda integer: Value(integer=integer)),
    st.text(max_size=5).map(lambda text: Value(text=text)),
    st.lists(st.floats(), max_size=3).map(lambda numbers: Value(tensor=Tensor(shape=[2], numbers=numbers))),
    st.just(Value()),
)
REQUESTS = st.builds(
    Request,
    id=st.text(max_size=3) | st.sampled_from(["r-1", "r-2", "x" * 200]),
    route=st.sampled_from(["wine", "beer", "nowhere", ""]) | st.text(max_size=5),
    sent_at_us=U64,
    budget_us=st.integers(0, 2**32 - 1),
    fields=st.dictionaries(st.sampled_from(["a", "b", ""]), VALUES).map(lambda values: Fields(values=values)),
    key=st.text(max_size=5),
    model=st.sampled_from(["", "m@1", "m", "M@@"]),
)
RECORDS = st.builds(
    record,
    REQUESTS | st.binary(max_size=60) | st.none(),
    key=st.sampled_from([None, b"r-1"]),
    partition=st.integers(0, 3),
    offset=st.integers(0, 2**62),
    headers=st.none() | st.lists(st.tuples(st.sampled_from(["traceparent", "x"]), st.binary(max_size=60))),
)


def log() -> Log:
    log = Log()
    log.set_route(Step(compute=Compute(field="c", expression="a / b")), Step(rename=Rename(names={"a": "d"})))
    log.set_route(name="beer", inputs=(Field(name="a", type=FieldType.FIELD_TYPE_NUMBER),))
    return log


@given(records=st.lists(RECORDS, max_size=6))
def test_each_record_becomes_one_input_or_one_dead_letter(records: list[MemoryRecord]) -> None:
    sends = extractor(log()).on_records(records, NOW)

    assert len(sends) == len(records)
    for read, sent in zip(records, sends, strict=True):
        assert sent.partition == read.partition()
        if sent.topic == DEAD_LETTERS:
            assert sent.value == (read.value() or b"")
            assert dict(sent.headers or [])["error"].startswith(b"UnreadableError: ")
        else:
            assert sent.topic == INPUTS
            _check_input(read, sent.value)


def _check_input(read: MemoryRecord, value: bytes) -> None:
    asked, found = Request.FromString(read.value() or b""), Input.FromString(value)
    assert found.request.SerializeToString(deterministic=True) == asked.SerializeToString(deterministic=True)
    assert (found.id, found.request_offset) == (asked.id, read.offset())
    assert found.sent_at_us <= NOW.wall + SLA_US
    assert found.budget_us <= SLA_US
    assert bool(found.problem) != found.HasField("features")
    assert (found.revision > 0) == (asked.route in {"wine", "beer"})
    assert InputHead.FromString(value).digest == found.digest
