import math

import pytest
from rendezvous_contracts.fields import FieldChecker, describe
from scoring.v1.control_pb2 import Field, FieldType
from scoring.v1.value_pb2 import Tensor

TENSOR = Tensor(shape=[2], numbers=[1, 2])
VALUES: dict[str, object] = {
    "number": 1.5,
    "integer": 3,
    "flag": True,
    "text": "a",
    "blob": b"a",
    "tensor": TENSOR,
}
FITS = {
    FieldType.FIELD_TYPE_UNSPECIFIED: set(VALUES),
    FieldType.FIELD_TYPE_NUMBER: {"number", "integer"},
    FieldType.FIELD_TYPE_INTEGER: {"integer"},
    FieldType.FIELD_TYPE_FLAG: {"flag"},
    FieldType.FIELD_TYPE_TEXT: {"text"},
    FieldType.FIELD_TYPE_BLOB: {"blob"},
    FieldType.FIELD_TYPE_TENSOR: {"tensor"},
}


def problem(field: Field, value: object) -> str:
    found = FieldChecker([field], extras=False).problems({field.name: value})
    return str(found[0]) if found else ""


@pytest.mark.parametrize("kind", FieldType.values())
def test_a_type_takes_its_own_values_and_no_others(kind: FieldType.ValueType) -> None:
    field = Field(name="x", type=kind)
    assert {name for name, value in VALUES.items() if not problem(field, value)} == FITS[kind]
    bad: tuple[object, ...] = (math.nan, math.inf, -math.inf, 2**63, -(2**63) - 1, {}, [1], None)
    for value in bad:
        assert problem(field, value).startswith("x: expected ")
    assert not problem(Field(name="x", type=kind, optional=True), None)


def test_tensors_have_to_be_whole_and_finite() -> None:
    field = Field(name="x", type=FieldType.FIELD_TYPE_TENSOR)
    assert problem(field, Tensor(shape=[3], numbers=[1, 2]))
    assert problem(field, Tensor(shape=[1], numbers=[math.nan]))


def test_bounds_hold_at_their_edges() -> None:
    field = Field(name="x", type=FieldType.FIELD_TYPE_NUMBER, minimum=-1, maximum=2)
    assert [bool(problem(field, value)) for value in (-1, 2.0, -1.0001, 3)] == [False, False, True, True]
    assert problem(field, 3) == "x: expected a number from -1 to 2, got integer 3"
    assert "of at least -1" in problem(Field(name="x", type=field.type, minimum=-1), -2)
    assert "of at most 2" in problem(Field(name="x", type=field.type, maximum=2), 3)
    assert problem(field, True), "a flag is no number, whatever the bounds"


def test_categories_are_the_only_texts() -> None:
    field = Field(name="x", type=FieldType.FIELD_TYPE_TEXT, categories=["red", "white"], optional=True)
    assert not problem(field, "red")
    assert problem(field, "blue") == "x: expected a text out of red, white or nothing, got text 'blue'"


def test_every_problem_is_told_and_extras_only_where_they_are_not_allowed() -> None:
    fields = [Field(name=name, type=FieldType.FIELD_TYPE_NUMBER) for name in ("a", "b")]
    strict, open_ = FieldChecker(fields, extras=False), FieldChecker(fields, extras=True)
    values: dict[str, object] = {"b": "x", "c": 1}
    assert [each.field for each in strict.problems(values)] == ["a", "b", "c"]
    assert [each.field for each in open_.problems(values)] == ["a", "b"]
    assert strict.declared == ("a", "b")
    assert not strict.problems({"a": 1, "b": 2.5})


def test_a_type_of_a_later_version_takes_what_travels() -> None:
    assert not problem(Field(name="x", type=99), 1.5)  # type: ignore[arg-type] # from the future
    assert problem(Field(name="x", type=99), {})  # type: ignore[arg-type] # same


def test_long_texts_are_shown_short() -> None:
    assert describe("x" * 1_000) == f"text '{'x' * 60}'… (1000 characters)"
    assert describe(10**5_000) == "an integer of more than 64 bits"
    assert describe(b"abc") == "3 bytes"
