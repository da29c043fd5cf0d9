"""Requests whose fields are read by their layout are what protobuf reads, whichever process wrote them."""

import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rendezvous_contracts.topics import REQUESTS
from rendezvous_contracts.values import from_fields, to_fields
from rendezvous_feature_extractor.wire import Asked, RequestReader, UnreadableError
from rendezvous_runtime.testing import MemoryRecord, VirtualClock
from scoring.v1.request_pb2 import Request
from scoring.v1.value_pb2 import Fields

from tests.support.digests import request_digest
from tests.support.encoded_fields import in_any_order, same

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
TEXTS = st.text(max_size=9)
VALUES = st.one_of(NUMBERS, st.integers(-(2**63), 2**63 - 1), st.booleans(), TEXTS)
NAMES = st.lists(st.text(min_size=1, max_size=20), max_size=5, unique=True)
NOW = VirtualClock().now()


def _read(reader: RequestReader, value: bytes) -> Asked:
    return reader.read(MemoryRecord(REQUESTS, value, partition=0, offset=0, key=None, at=NOW))


def _expected(request: Request) -> Asked:
    """What the messages themselves say."""
    fields = request.fields.SerializeToString(deterministic=True)
    return Asked(
        request.id, request.route, request.sent_at_us, request.budget_us, request.key, request.model,
        fields, from_fields(request.fields), request_digest(request),
    )  # fmt: skip


def _same(one: Asked, other: Asked) -> bool:
    return one._replace(values={}) == other._replace(values={}) and same(one.values, other.values)


@given(names=NAMES, data=st.data())
def test_a_stream_of_requests_is_read_as_its_messages_are(names: list[str], data: st.DataObject) -> None:
    reader = RequestReader()
    for number in range(4):
        request = Request(
            id=f"r-{number}",
            route=data.draw(TEXTS),
            sent_at_us=data.draw(st.integers(0, 2**64 - 1)),
            budget_us=data.draw(st.integers(0, 2**32 - 1)),
            key=data.draw(TEXTS),
            model=data.draw(TEXTS),
        )
        if data.draw(st.booleans()):
            for name in names:
                value = data.draw(VALUES)
                if isinstance(value, float):  # to_fields refuses what is not finite, and others do not
                    request.fields.values[name].number = value
                else:
                    request.fields.values[name].CopyFrom(to_fields({name: value}).values[name])

        assert _same(_read(reader, request.SerializeToString()), _expected(request))


@given(
    entries=st.dictionaries(TEXTS, st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=6),
    seed=st.integers(0, 2**32),
)
def test_a_question_has_one_digest_whichever_process_wrote_it(entries: dict[str, float], seed: int) -> None:
    reader, random = RequestReader(), Random(seed)  # noqa: S311 - explores, protects nothing
    head = Request(id="r-1", route="wine").SerializeToString()
    found = []
    for _ in range(12):
        fields = in_any_order(entries, random)
        body = Request(fields=Fields.FromString(fields)).SerializeToString()
        # The same fields as they are in *fields*: in their order.
        own = body[: len(body) - len(fields)] + fields
        found.append(_read(reader, head + own))

    assert {(each.digest, each.fields) for each in found} == {(found[0].digest, found[0].fields)}
    assert all(each.values == entries for each in found)


@given(one=st.dictionaries(TEXTS, NUMBERS, max_size=3), other=st.dictionaries(TEXTS, NUMBERS, max_size=3))
def test_a_request_in_parts_is_put_together_as_protobuf_does(
    one: dict[str, float], other: dict[str, float]
) -> None:
    """Two encoded messages after each other are one: a writer may do so."""
    parts = []
    for entries in (one, other):
        request = Request(id="r-1", route="wine")
        for name, number in entries.items():
            request.fields.values[name].number = number
        request.fields.SetInParent()
        parts.append(request.SerializeToString())
    value = b"".join(parts)

    assert _same(_read(RequestReader(), value), _expected(Request.FromString(value)))


@given(st.binary(max_size=80))
def test_any_bytes_are_read_as_protobuf_reads_them_or_refused(value: bytes) -> None:
    value = Request(id="r-1").SerializeToString() + value
    try:
        expected = _expected(Request.FromString(value))
    except Exception:  # noqa: BLE001 - protobuf's, or an id that is none
        with pytest.raises(UnreadableError):
            _read(RequestReader(), value)
        return
    if expected.id == "r-1":
        assert _same(_read(RequestReader(), value), expected)


def test_a_number_keeps_all_its_bits() -> None:
    """What a digest is over must not change on the way: a NaN too has bits of its own."""
    odd = struct.pack("<Q", 0x7FF8_0000_0000_BEEF)
    request = Request(id="r-1")
    request.fields.values["b"].number = 1.0
    request.fields.values["a"].number = 2.0
    value = request.SerializeToString().replace(struct.pack("<d", 1.0), odd)
    reader = RequestReader()
    for _ in range(2):
        found = _read(reader, value)

        assert odd in found.fields
        assert found.digest == request_digest(Request.FromString(value))
