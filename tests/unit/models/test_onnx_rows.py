"""ONNX models of a few operators: one bad row fails alone, and a batch is its rows."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from rendezvous_contracts.values import Plain
from rendezvous_models.contract import Failure, ModelRuntime
from rendezvous_models.errors import BadModelError
from scoring.v1.control_pb2 import Field, FieldType
from scoring.v1.value_pb2 import Tensor

from tests.support.onnx_models import load_onnx, program

NUMBER, INTEGER = FieldType.FIELD_TYPE_NUMBER, FieldType.FIELD_TYPE_INTEGER
FLAG, TEXT, TENSOR = FieldType.FIELD_TYPE_FLAG, FieldType.FIELD_TYPE_TEXT, FieldType.FIELD_TYPE_TENSOR
WINE: Final = [Field(name="pH", type=NUMBER), Field(name="alcohol", type=NUMBER)]

Load = Callable[..., ModelRuntime]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    return partial(load_onnx, tmp_path)


FRAGILE: Final = "g (int64[N] i) => (float[N] y) <float[3] t = {1, 2, 3}> {y = Gather(t, i)}"


@pytest.mark.parametrize("bad", [{0}, {7}, {3, 4, 11}, set(range(12))])
def test_rows_on_which_the_model_raises_fail_alone(load: Load, bad: set[int]) -> None:
    rows = [{"i": 9 if n in bad else n % 3} for n in range(12)]

    found = load(program(FRAGILE)).predict(rows)

    assert [each for n, each in enumerate(found) if n not in bad] == [
        {"y": float(n % 3 + 1)} for n in range(12) if n not in bad
    ]
    reasons = [each.reason for each in found if isinstance(each, Failure)]
    assert len(reasons) == len(bad)
    assert all("out of" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("9.4", "alcohol: expected a number for tensor 'X'.*got text '9.4'"),
        (None, "alcohol: missing, and tensor 'X'.*option missing.alcohol"),
        (b"9", "alcohol: expected a number.*got 1 bytes"),
        (Tensor(shape=[1], numbers=[1]), "alcohol: expected a number.*got a tensor"),
        (1e300, "alcohol: .*too large for float32"),
        (2**70, "alcohol: expected a number"),
    ],
)
@pytest.mark.parametrize("size", [1, 40])
def test_a_row_with_a_value_that_does_not_fit_fails_alone_and_names_it(
    load: Load, value: Plain, reason: str, size: int
) -> None:
    rows = [{"pH": 1.0, "alcohol": 2.0}] * size + [{"pH": 1.0, "alcohol": value}]

    found = load(program("g (float[N,2] X) => (float[N,2] y) {y = Neg(X)}"), inputs=WINE).predict(rows)

    assert all(isinstance(each, dict) for each in found[:-1])
    last = found[-1]
    assert isinstance(last, Failure)
    assert re.search(reason, last.reason)


@pytest.mark.parametrize(
    ("text", "row", "reason"),
    [
        ("g (float[N] x) => (float[N] y) {y = Sqrt(x)}", {"x": -1.0}, "output y is nan"),
        ("g (float[N] x) => (float[N] y) {y = Reciprocal(x)}", {"x": 0.0}, "output y is inf"),
        (
            "g (float[N,2] x) => (float[N,2] y) {y = Sqrt(x)}",
            Tensor(shape=[2], numbers=[1, -1]),
            r"y\[1\] is nan",
        ),
        ("g (string[N] x) => (string[N] y) {y = Identity(x)}", {"x": ""}, "no output"),
        ("g (float[N,?] x) => (float[N,?] y) {y = Identity(x)}", Tensor(shape=[0]), "empty"),
    ],
)
def test_nan_infinity_and_nothing_are_failures_of_their_row(
    load: Load, text: str, row: Any, reason: str
) -> None:
    kinds = {"x": "good"} if "string" in text else {"x": 1.0}
    good: Any = {"x": Tensor(shape=[2], numbers=[1, 1])} if isinstance(row, Tensor) else kinds
    bad = {"x": row} if isinstance(row, Tensor) else row

    first, second, third = load(program(text)).predict([good, bad, good])

    assert isinstance(first, dict)
    assert first == third
    assert isinstance(second, Failure)
    assert re.search(reason, second.reason)


def test_integers_take_no_fractions_and_flags_no_numbers(load: Load) -> None:
    runtime = load(program("g (int32[N] i, bool[N] b) => (int32[N] j, bool[N] c) {j=Identity(i) c=Not(b)}"))

    found = runtime.predict(
        [{"i": 3, "b": True}, {"i": 3.5, "b": True}, {"i": 3, "b": 1}, {"i": 2**40, "b": False}]
    )

    assert found[0] == {"j": 3, "c": False}
    assert [type(each) for each in dict(found[0]).values()] == [int, bool]
    assert [each.reason.partition(" for")[0] for each in found[1:3] if isinstance(each, Failure)] == [
        "i: expected an integer",
        "b: expected a flag",
    ]
    assert isinstance(found[3], Failure)
    assert [field.type for field in runtime.metadata().inputs] == [INTEGER, FLAG]


def test_what_stands_for_a_missing_value_can_be_given(load: Load) -> None:
    model = program("g (int64[N] a, string[N] b) => (int64[N] c, string[N] d) {c=Identity(a) d=Identity(b)}")
    options = {"missing.a": "-1", "missing.b": '"none"'}

    runtime = load(model, options=options)

    assert runtime.predict([{"a": 5}, {"b": "x", "a": None}]) == [{"c": 5, "d": "none"}, {"c": -1, "d": "x"}]
    assert [field.optional for field in runtime.metadata().inputs] == [True, True]


def test_before_load_and_after_unload_it_is_not_ready(load: Load) -> None:
    runtime = load(program("g (float[N] x) => (float[N] y) {y = Neg(x)}"))
    assert runtime.ready
    assert runtime.predict([]) == []

    runtime.unload()

    assert not runtime.ready
    assert runtime.predict([{"x": 1.0}]) == [Failure("the model is not loaded")]
    with pytest.raises(BadModelError, match="not loaded"):
        runtime.metadata()
