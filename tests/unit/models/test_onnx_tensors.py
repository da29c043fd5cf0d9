"""Which fields fill which tensors of an ONNX model, in which shape."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from rendezvous_models.contract import Failure, ModelRuntime
from rendezvous_models.errors import BadModelError
from scoring.v1.control_pb2 import Field, FieldType
from scoring.v1.value_pb2 import Tensor

from tests.support.onnx_models import load_onnx, program

NUMBER, INTEGER = FieldType.FIELD_TYPE_NUMBER, FieldType.FIELD_TYPE_INTEGER
FLAG, TEXT, TENSOR = FieldType.FIELD_TYPE_FLAG, FieldType.FIELD_TYPE_TEXT, FieldType.FIELD_TYPE_TENSOR
WINE: Final = [Field(name="pH", type=NUMBER), Field(name="alcohol", type=NUMBER)]

NEGATIVE: Final = "g (float[N] x) => (float[N] y) {y = Neg(x)}"
TWICE: Final = "g (float[N] x) => (float[N] y, float[N] z) {y=Neg(x) z=Neg(x)}"
Load = Callable[..., ModelRuntime]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    return partial(load_onnx, tmp_path)


def test_tensors_in_fields_go_in_and_come_out_in_their_shape(load: Load) -> None:
    runtime = load(
        program("g (float[N,2,3] image) => (float[N,3,2] turned) {turned=Transpose<perm=[0,2,1]>(image)}")
    )
    image = Tensor(shape=[2, 3], numbers=[1, 2, 3, 4, 5, 6])

    found = runtime.predict([{"image": image}, {"image": Tensor(shape=[6], numbers=[0] * 6)}, {"image": 1.0}])

    assert found[0] == {"turned": Tensor(shape=[3, 2], numbers=[1, 4, 2, 5, 3, 6])}
    assert [each.reason.partition(":")[2] for each in found[1:] if isinstance(each, Failure)] == [
        " expected a tensor of shape [2, 3], got a tensor of shape [6]",
        " expected a tensor, got number 1.0",
    ]
    assert runtime.metadata().inputs == (Field(name="image", type=TENSOR),)


def test_a_model_for_single_rows_is_asked_one_by_one(load: Load) -> None:
    runtime = load(program("g (float[1,2] x) => (float[1,1] y) {y = ReduceSum<keepdims=1>(x)}"), inputs=WINE)

    found = runtime.predict([{"pH": float(n), "alcohol": 1.0} for n in range(5)])

    assert found == [{"y": n + 1.0} for n in range(5)]


def test_a_model_that_mixes_its_rows_into_one_value_fails_and_says_so(load: Load) -> None:
    found = load(program("g (float[N] x) => (float y) {y = ReduceSum<keepdims=0>(x)}")).predict(
        [{"x": 1.0}] * 3
    )

    assert [each.reason for each in found if isinstance(each, Failure)] == [
        "output tensor 'y' (float32 []) came in shape [] for 1 rows"
    ] * 3


def test_a_tensor_without_rows_is_given_a_constant(load: Load) -> None:
    text = "g (float[N] x, float factor) => (float[N] y) {y = Mul(x, factor)}"

    assert load(program(text), options={"constant.factor": "3"}).predict([{"x": 2.0}]) == [{"y": 6.0}]
    with pytest.raises(BadModelError, match=r"'factor'.*has no rows; option constant.factor"):
        load(program(text))


@pytest.mark.parametrize(
    ("text", "descriptor", "reason"),
    [
        ("g (float[4,2] x) => (float[4,2] y) {y = Neg(x)}", {}, "exactly 4 rows; export"),
        ("g (float[N,3] x) => (float[N,3] y) {y = Neg(x)}", {"inputs": WINE}, r"takes \[3\].*these 2 fields"),
        (NEGATIVE, {"inputs": WINE}, "option fields.x names"),
        (
            "g (float[N,2] x, float[N,2] z) => (float[N,2] y) {y = Add(x, z)}",
            {"inputs": WINE},
            "no declared field is called like input tensor 'x'",
        ),
        (
            "g (float[N] x) => (float[N] y) {y = Neg(x)}",
            {"inputs": [Field(name="x", type=TEXT)]},
            "field x is declared as text, which cannot fill 'x'",
        ),
        (NEGATIVE, {"options": {"field.x": "a"}}, "no option 'field.x'"),
        (NEGATIVE, {"options": {"fields.z": "a"}}, "no tensor of the model"),
        (NEGATIVE, {"options": {"outputs": "z"}}, "names 'z'; the model gives y"),
        (NEGATIVE, {"options": {"missing.x": '"a"'}}, "missing.x does not fit"),
        (NEGATIVE, {"options": {"fields.y": "a, b"}}, "no 2 columns"),
        (TWICE, {"options": {"fields.y": "z"}}, "several"),
        (NEGATIVE, {"options": {"threads": "0"}}, "option threads is no whole number from 1 on: 0"),
        (NEGATIVE, {"options": {"threads": "many"}}, "option threads is no whole number"),
    ],
)
def test_a_descriptor_that_does_not_fit_the_model_is_refused(
    load: Load, text: str, descriptor: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BadModelError, match=reason):
        load(program(text), **descriptor)


def test_a_model_can_be_given_fewer_threads(load: Load) -> None:
    assert load(program(NEGATIVE), options={"threads": "1"}).predict([{"x": 1.0}]) == [{"y": -1.0}]
    assert load(program(NEGATIVE), options={"threads": "1000"}).predict([{"x": 1.0}]) == [{"y": -1.0}]
