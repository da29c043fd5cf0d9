"""Fields that are read and written by their layout are what protobuf reads and writes."""

import math
from random import Random

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from rendezvous_contracts.errors import BadValueError
from rendezvous_contracts.fields_codec import FieldsReader, FieldsWriter
from rendezvous_contracts.values import from_fields, to_fields
from scoring.v1.value_pb2 import Fields, Value

from tests.support.encoded_fields import in_any_order, same

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.one_of(NUMBERS, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.text(max_size=9), st.none())
NAMES = st.lists(st.text(max_size=200), max_size=5, unique=True)


@given(NAMES, st.data())
def test_records_of_the_same_names_are_read_as_protobuf_reads_them(
    names: list[str], data: st.DataObject
) -> None:
    reader = FieldsReader()
    for _ in range(4):
        values = {name: data.draw(st.one_of(NUMBERS, VALUES)) for name in names}
        encoded = to_fields(values).SerializeToString()

        assert same(reader.read(encoded), values)


@given(NAMES, st.data())
def test_records_of_the_same_names_are_written_so_that_protobuf_reads_them(
    names: list[str], data: st.DataObject
) -> None:
    writer = FieldsWriter()
    for _ in range(4):
        values = {name: data.draw(st.one_of(NUMBERS, VALUES)) for name in names}

        assert same(from_fields(Fields.FromString(writer.write(values))), values)


@given(st.lists(st.dictionaries(st.sampled_from("abcd"), NUMBERS), min_size=2, max_size=8))
def test_names_that_change_places_are_still_told_apart(rows: list[dict[str, float]]) -> None:
    reader = FieldsReader()

    for values in rows:
        assert same(reader.read(to_fields(values).SerializeToString()), values)


@given(st.dictionaries(st.text(max_size=9), NUMBERS, max_size=6), st.integers(0, 2**32))
def test_fields_in_any_order_come_in_the_one_of_deterministic_protobuf(
    values: dict[str, float], seed: int
) -> None:
    reader, random = FieldsReader(), Random(seed)  # noqa: S311 - explores, protects nothing
    for _ in range(12):
        encoded, found = reader.in_order(in_any_order(values, random))

        assert encoded == to_fields(values).SerializeToString(deterministic=True)
        assert same(found, values)


def test_a_record_of_very_many_numbers_holds_nobody_up() -> None:
    reader = FieldsReader()
    values = {f"measure {number}": float(number) for number in range(40_000)}
    encoded = to_fields(values).SerializeToString()
    for _ in range(2):
        ordered, found = reader.in_order(encoded)

        assert found == values
        assert from_fields(Fields.FromString(ordered)) == values


@given(st.binary(max_size=60))
def test_any_bytes_are_read_as_protobuf_reads_them_or_refused_as_it_refuses_them(encoded: bytes) -> None:
    reader = FieldsReader()
    reader.read(to_fields({"a": 1.0, "b": 2.0, "c": 3.0}).SerializeToString())
    try:
        expected = from_fields(Fields.FromString(encoded))
    except DecodeError:
        with pytest.raises(DecodeError):
            reader.read(encoded)
    else:
        assert same(reader.read(encoded), expected)


def test_bytes_as_long_as_a_known_layout_that_say_something_else_are_read_for_what_they_say() -> None:
    reader = FieldsReader()
    known = to_fields({"ab": 1.0}).SerializeToString()
    reader.read(known)
    other = Fields(values={"ab": Value(integer=-1)}).SerializeToString()
    text = Fields(values={"ab": Value(text="1234567")}).SerializeToString()
    twice = known[: len(known) // 2]

    assert len(text) == len(known)
    assert reader.read(text) == {"ab": "1234567"}
    assert reader.read(other) == {"ab": -1}
    with pytest.raises(DecodeError):
        reader.read(twice)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**64])
def test_what_does_not_travel_is_refused_by_name(value: float) -> None:
    writer = FieldsWriter()
    writer.write({"a": 1.0, "b": 2.0})

    with pytest.raises(BadValueError, match=r"^b: "):
        writer.write({"a": 1.0, "b": value})


def test_numbers_whose_sum_is_too_large_are_written_all_the_same() -> None:
    values = {"a": 1.7e308, "b": 1.7e308}

    assert from_fields(Fields.FromString(FieldsWriter().write(values))) == values
