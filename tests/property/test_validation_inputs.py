"""Validation of model inputs against a plain oracle, on any Python values."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rendezvous_models.contract import Metadata
from rendezvous_models.validation import InputValidator
from scoring.v1.control_pb2 import Field, FieldType
from scoring.v1.value_pb2 import Tensor

NUMBER, INTEGER = FieldType.FIELD_TYPE_NUMBER, FieldType.FIELD_TYPE_INTEGER
FLAG, TEXT, BLOB = FieldType.FIELD_TYPE_FLAG, FieldType.FIELD_TYPE_TEXT, FieldType.FIELD_TYPE_BLOB
NAMES = ["a", "fixed acidity", "x.y"]
NOTHING = Metadata((), ())

plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["red", "white"]),
    st.binary(max_size=5),
)
anything = st.one_of(
    plain,
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.complex_numbers(),
    st.just(object()),
    st.just(Tensor(shape=[1], numbers=[math.nan])),
)


@st.composite
def fields(draw: st.DrawFn, name: str) -> Field:
    kind = draw(st.sampled_from([NUMBER, INTEGER, FLAG, TEXT, BLOB]))
    field = Field(name=name, type=kind, optional=draw(st.booleans()))
    if kind in {NUMBER, INTEGER}:
        bounds = st.one_of(st.none(), st.integers(-5, 5))
        low, high = draw(bounds), draw(bounds)
        if low is not None:
            field.minimum = low
        if high is not None:
            field.maximum = high
    if kind == TEXT and draw(st.booleans()):
        field.categories.extend(["red", "white"])
    return field


declared = st.tuples(*(fields(name) for name in NAMES))


def fits(field: Field, value: Any) -> bool:
    """The oracle: the rules again, said in the plainest way."""
    if value is None:
        return field.optional
    if field.type == FLAG:
        return value is True or value is False
    if field.type == TEXT:
        return isinstance(value, str) and (not field.categories or value in set(field.categories))
    if field.type == BLOB:
        return isinstance(value, bytes)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(value, float) and (field.type == INTEGER or not math.isfinite(value)):
        return False
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return False
    above = not field.HasField("minimum") or value >= field.minimum
    return above and (not field.HasField("maximum") or value <= field.maximum)


@settings(deadline=None)
@given(declared, st.dictionaries(st.sampled_from([*NAMES, "more"]), plain))
def test_the_verdict_is_the_oracle_s_and_names_each_field_that_does_not_fit(
    fields: tuple[Field, ...], row: dict[str, Any]
) -> None:
    problem = InputValidator(fields, NOTHING).problem(row)

    bad = [field.name for field in fields if not fits(field, row.get(field.name))]
    assert bool(problem) == bool(bad)
    assert all(f"{name}: expected" in problem for name in bad)


@settings(deadline=None)
@given(declared, st.dictionaries(st.text(max_size=3) | st.sampled_from(NAMES), anything))
def test_no_value_at_all_makes_validation_raise(fields: tuple[Field, ...], row: dict[str, Any]) -> None:
    assert isinstance(InputValidator(fields, NOTHING).problem(row), str)


@settings(deadline=None)
@given(declared, st.dictionaries(st.sampled_from(NAMES), plain))
def test_without_declared_fields_the_model_s_own_count(
    fields: tuple[Field, ...], row: dict[str, Any]
) -> None:
    by_model = InputValidator((), Metadata(fields, ()))

    assert by_model.problem(row) == InputValidator(fields, NOTHING).problem(row)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=3), anything))
def test_a_model_that_declares_nothing_takes_everything(row: dict[str, Any]) -> None:
    assert InputValidator((), NOTHING).problem(row) == ""


@settings(deadline=None)
@given(st.lists(st.text(max_size=40), min_size=6, max_size=50, unique=True))
def test_the_sentence_stays_short_however_much_is_wrong(names: list[str]) -> None:
    problem = InputValidator([Field(name=name, type=NUMBER) for name in names], NOTHING).problem({})

    assert problem.endswith(f"; and {len(names) - 5} more")
