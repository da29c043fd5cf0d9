import math
from typing import NamedTuple

import pytest
from rendezvous_contracts.errors import BadExtractorError, ContractError
from rendezvous_contracts.extraction import Problem, check_extractor, compile_extractor
from rendezvous_contracts.values import Plain
from scoring.v1.control_pb2 import (
    FIELD_TYPE_BLOB,
    FIELD_TYPE_FLAG,
    FIELD_TYPE_INTEGER,
    FIELD_TYPE_NUMBER,
    FIELD_TYPE_TEXT,
    Cast,
    Compute,
    Extractor,
    FieldType,
    OneHot,
    Rename,
    Scale,
    Select,
    Step,
)

WINE: dict[str, Plain] = {"alcohol": 9.4, "pH": 3.5, "free sulfur": 11, "colour": "red", "organic": True}


def select(*fields: str) -> Step:
    return Step(select=Select(fields=fields))


def rename(**names: str) -> Step:
    return Step(rename=Rename(names=names))


def cast(field: str, to: "FieldType.ValueType") -> Step:
    return Step(cast=Cast(types={field: to}))


def scale(field: str, offset: float, factor: float) -> Step:
    return Step(scale=Scale(field=field, offset=offset, factor=factor))


def one_hot(field: str, *categories: str) -> Step:
    return Step(one_hot=OneHot(field=field, categories=categories))


def compute(field: str, expression: str) -> Step:
    return Step(compute=Compute(field=field, expression=expression))


def extract(values: dict[str, Plain], *steps: Step) -> dict[str, Plain] | Problem:
    return compile_extractor(Extractor(steps=steps)).extract(values)


def problem(values: dict[str, Plain], *steps: Step) -> str:
    found = extract(values, *steps)
    assert isinstance(found, Problem)
    return str(found)


def flaw(*steps: Step) -> str:
    with pytest.raises(BadExtractorError) as caught:
        check_extractor(Extractor(steps=steps))
    return str(caught.value)


class Case(NamedTuple):
    """One step and what it makes of the wine."""

    step: Step
    changed: dict[str, Plain]
    gone: tuple[str, ...] = ()


CASES = {
    "select keeps what it names": Case(
        select("pH"), {"pH": 3.5}, ("alcohol", "free sulfur", "colour", "organic")
    ),
    "rename moves a value": Case(rename(pH="acidity"), {"acidity": 3.5}, ("pH",)),
    "rename swaps two names": Case(rename(pH="alcohol", alcohol="pH"), {"pH": 9.4, "alcohol": 3.5}),
    "scale shifts and divides": Case(scale("pH", 3.0, 0.25), {"pH": 2.0}),
    "scale takes an integer": Case(scale("free sulfur", 1.0, 2.0), {"free sulfur": 5.0}),
    "one-hot makes a column of each category": Case(
        one_hot("colour", "red", "white"), {"colour_red": 1, "colour_white": 0}, ("colour",)
    ),
    "compute adds a field": Case(compute("sum", "alcohol + pH"), {"sum": 12.9}),
    "compute replaces a field": Case(compute("pH", "pH * 2"), {"pH": 7.0}),
    "compute reads a quoted name": Case(compute("f", "'free sulfur' / 2"), {"f": 5.5}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_step_does_what_it_says_and_touches_nothing_else(case: Case) -> None:
    kept = {name: value for name, value in WINE.items() if name not in case.gone}

    assert extract(WINE, case.step) == {**kept, **case.changed}


def test_no_steps_pass_everything_through_under_their_name() -> None:
    extraction = compile_extractor(Extractor())

    assert (extraction.name, extraction.steps) == ("pass-through", 0)
    assert extraction.extract(WINE) == WINE


def test_the_request_is_left_as_it_was() -> None:
    before = dict(WINE)

    extract(WINE, scale("pH", 1, 2), rename(pH="acidity"), select("acidity"))

    assert before == WINE


def test_steps_see_what_the_steps_before_them_did() -> None:
    steps = (scale("pH", 3, 0.5), rename(pH="acidity"), compute("double", "2 * acidity"), select("double"))

    assert extract(WINE, *steps) == {"double": 2.0}


CASTS: "list[tuple[Plain, FieldType.ValueType, Plain]]" = [
    (3, FIELD_TYPE_NUMBER, 3.0),
    (True, FIELD_TYPE_NUMBER, 1.0),
    ("-1.5e3", FIELD_TYPE_NUMBER, -1500.0),
    (3.0, FIELD_TYPE_INTEGER, 3),
    ("42", FIELD_TYPE_INTEGER, 42),
    (False, FIELD_TYPE_INTEGER, 0),
    ("9223372036854775807", FIELD_TYPE_INTEGER, 2**63 - 1),
    ("true", FIELD_TYPE_FLAG, True),
    (0, FIELD_TYPE_FLAG, False),
    (1.0, FIELD_TYPE_FLAG, True),
    (1.5, FIELD_TYPE_TEXT, "1.5"),
    (7, FIELD_TYPE_TEXT, "7"),
    (True, FIELD_TYPE_TEXT, "true"),
    (None, FIELD_TYPE_NUMBER, None),
]


@pytest.mark.parametrize(("value", "to", "expected"), CASTS)
def test_a_cast_keeps_the_value_exactly(value: Plain, to: "FieldType.ValueType", expected: Plain) -> None:
    found = extract({"x": value}, cast("x", to))

    assert found == {"x": expected}
    assert isinstance(found, dict)
    assert type(found["x"]) is type(expected)


LOSSY: "list[tuple[Plain, FieldType.ValueType]]" = [
    (2**53 + 1, FIELD_TYPE_NUMBER),
    ("1_000", FIELD_TYPE_NUMBER),
    ("nan", FIELD_TYPE_NUMBER),
    ("1e999", FIELD_TYPE_NUMBER),
    (math.inf, FIELD_TYPE_NUMBER),
    (b"1", FIELD_TYPE_NUMBER),
    (1.5, FIELD_TYPE_INTEGER),
    (1e300, FIELD_TYPE_INTEGER),
    (math.nan, FIELD_TYPE_INTEGER),
    ("9223372036854775808", FIELD_TYPE_INTEGER),
    ("4.0", FIELD_TYPE_INTEGER),
    ("yes", FIELD_TYPE_FLAG),
    (2, FIELD_TYPE_FLAG),
    (b"x", FIELD_TYPE_TEXT),
]


@pytest.mark.parametrize(("value", "to"), LOSSY)
def test_a_cast_that_would_change_the_value_is_a_problem(value: Plain, to: "FieldType.ValueType") -> None:
    assert problem({"x": value}, cast("x", to)).startswith("step 1 (cast): field 'x' is ")


PROBLEMS: list[tuple[Step, str]] = [
    (select("ph"), "step 1 (select): field 'ph' is not there"),
    (rename(ph="x"), "step 1 (rename): field 'ph' is not there"),
    (rename(pH="alcohol"), "step 1 (rename): field 'alcohol' is there already"),
    (cast("ph", FIELD_TYPE_TEXT), "step 1 (cast): field 'ph' is not there"),
    (scale("ph", 0, 1), "step 1 (scale): field 'ph' is not there"),
    (scale("colour", 0, 1), "step 1 (scale): field 'colour' is text, not a number"),
    (scale("organic", 0, 1), "step 1 (scale): field 'organic' is a flag, not a number"),
    (scale("alcohol", -1e308, 1e-308), "step 1 (scale): field 'alcohol' overflows"),
    (
        one_hot("colour", "white"),
        "step 1 (one_hot): field 'colour' is 'red', which is not one of its categories",
    ),
    (one_hot("pH", "3.5"), "step 1 (one_hot): field 'pH' is a number, not text"),
    (compute("x", "ph + 1"), "step 1 (compute): field 'ph' is not there"),
    (compute("x", "colour + 1"), "step 1 (compute): field 'colour' is text, not a number"),
    (compute("x", "1 / (pH - pH)"), "step 1 (compute): field 'x' has no value: division by zero"),
    (compute("x", "alcohol ** 999"), "step 1 (compute): field 'x' has no value: ** overflows"),
    (compute("x", "1e308 * alcohol"), "step 1 (compute): field 'x' has no value: * overflows"),
    (compute("x", "min(1, 1e308 * alcohol)"), "step 1 (compute): field 'x' has no value: * overflows"),
    (compute("x", "exp(999 * pH)"), "step 1 (compute): field 'x' has no value: exp overflows"),
    (compute("x", "log(0 * pH)"), "step 1 (compute): field 'x' has no value: log is not defined there"),
    (compute("x", "sqrt(-pH)"), "step 1 (compute): field 'x' has no value: sqrt is not defined there"),
    (compute("x", "(-pH) ** 0.5"), "step 1 (compute): field 'x' has no value: ** is not defined there"),
]


@pytest.mark.parametrize(("step", "expected"), PROBLEMS)
def test_a_step_without_a_result_is_a_problem_that_names_step_and_field(step: Step, expected: str) -> None:
    assert problem(WINE, step) == expected


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 2**53 + 1, None, b""])
def test_what_is_not_an_exact_finite_number_does_not_enter_arithmetic(bad: Plain) -> None:
    assert problem({"x": bad}, compute("y", "x")).startswith("step 1 (compute): field 'x' is ")
    assert problem({"x": bad}, scale("x", 0, 1)).startswith("step 1 (scale): field 'x' is ")


def test_a_column_that_is_there_already_is_not_overwritten() -> None:
    values = {**WINE, "colour_red": 0.5}

    assert (
        problem(values, one_hot("colour", "red")) == "step 1 (one_hot): field 'colour_red' is there already"
    )


def test_the_problem_names_the_step_by_its_place() -> None:
    steps = (scale("pH", 0, 1), rename(pH="acidity"), cast("colour", FIELD_TYPE_NUMBER))

    assert problem(WINE, *steps).startswith("step 3 (cast): field 'colour' ")


FLAWS: list[tuple[tuple[Step, ...], str]] = [
    ((Step(),), "step 1 (empty): says nothing; use select, rename, cast, scale, one_hot or compute"),
    ((select(),), "step 1 (select): names 0 fields; use 1 to 1000"),
    ((select("a", "b", "a"),), "step 1 (select): 'a' is twice among its fields"),
    ((select(""),), "step 1 (select): one of its fields is empty"),
    ((Step(rename=Rename()),), "step 1 (rename): names 0 old names; use 1 to 1000"),
    ((rename(a="c", b="c"),), "step 1 (rename): 'c' is twice among its new names"),
    ((cast("a", FIELD_TYPE_BLOB),), "step 1 (cast): field 'a': cast to a number, an integer, a flag or text"),
    (
        (scale("a", 0, 0),),
        "step 1 (scale): its offset must be a finite number, and its factor one that is not 0",
    ),
    ((scale("a", math.nan, 1),), "step 1 (scale): its offset must be a finite number, and its factor one"),
    ((one_hot("a"),), "step 1 (one_hot): names 0 categories; use 1 to 1000"),
    ((compute("", "1"),), "step 1 (compute): one of its fields is empty"),
    (
        (scale("a", 0, 1), compute("x", "a +")),
        "step 2 (compute): character 4: expected a number, a field or '('",
    ),
    ((select("a"), scale("b", 0, 1)), "step 2 (scale): field 'b' is not there after the steps before it"),
    (
        (rename(a="b"), compute("x", "a")),
        "step 2 (compute): field 'a' is not there after the steps before it",
    ),
    ((one_hot("a", "x"), select("a")), "step 2 (select): field 'a' is not there after the steps before it"),
    (
        (select("a", "b"), rename(a="b")),
        "step 2 (rename): field 'b' is there already after the steps before it",
    ),
    (tuple(scale("a", 0, 1) for _ in range(101)), "the extractor has 101 steps; at most 100 are allowed"),
]


@pytest.mark.parametrize(("steps", "expected"), FLAWS)
def test_an_extractor_that_cannot_work_is_refused_before_any_request(
    steps: tuple[Step, ...], expected: str
) -> None:
    assert flaw(*steps).startswith(expected)


@pytest.mark.parametrize("name", ["x" * 129, "a\nb"])
def test_an_extractor_is_named_so_that_people_can_read_it(name: str) -> None:
    with pytest.raises(BadExtractorError, match="the name"):
        check_extractor(Extractor(name=name))


def test_a_name_that_is_given_back_can_be_used_again() -> None:
    check_extractor(Extractor(steps=[rename(a="b"), compute("a", "b * 2"), select("a", "b")]))


def test_a_bad_extractor_is_a_contract_error() -> None:
    assert issubclass(BadExtractorError, ContractError)
