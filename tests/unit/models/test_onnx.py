"""ONNX models that scikit-learn makes, in the real runtime: they say what scikit-learn says."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from rendezvous_contracts.values import Plain
from rendezvous_models.contract import Failure
from scoring.v1.control_pb2 import Field, FieldType
from scoring.v1.value_pb2 import Tensor
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from examples.wine.dataset import read_wines
from tests.support.onnx_models import load_onnx

NUMBER, INTEGER = FieldType.FIELD_TYPE_NUMBER, FieldType.FIELD_TYPE_INTEGER
FLAG, TEXT, TENSOR = FieldType.FIELD_TYPE_FLAG, FieldType.FIELD_TYPE_TEXT, FieldType.FIELD_TYPE_TENSOR
WINES: Final = read_wines()
X: Final = np.array(WINES.features, dtype=np.float32)
QUALITY: Final = np.array(WINES.quality)
GRADE: Final = np.where(QUALITY > 5, "good", "bad")
ROWS: Final[list[Mapping[str, Plain]]] = [
    dict(zip(WINES.names, map(float, values), strict=True)) for values in X.tolist()
]
INPUTS: Final = [Field(name=name, type=NUMBER) for name in WINES.names]


Load = Callable[..., Any]


def column(predictions: list[Any], name: str) -> list[Any]:
    return [each[name] for each in predictions]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    return partial(load_onnx, tmp_path)


def test_a_regression_of_one_tensor_takes_the_declared_fields_in_their_order(load: Load) -> None:
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, QUALITY)
    runtime = load(to_onnx(model, X[:1]), inputs=INPUTS, outputs=[Field(name="quality", type=NUMBER)])

    found = runtime.predict(ROWS)

    assert column(found, "quality") == pytest.approx(model.predict(X), rel=1e-5)
    assert [field.name for field in runtime.metadata().inputs] == list(WINES.names)
    assert [(field.name, field.type) for field in runtime.metadata().outputs] == [("quality", NUMBER)]


def test_one_tensor_for_each_column_takes_the_fields_of_its_name(load: Load) -> None:
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, QUALITY)
    types = [(name, FloatTensorType([None, 1])) for name in WINES.names]  # "fixed acidity": "fixed_acidity"
    runtime = load(to_onnx(model, initial_types=types), inputs=INPUTS[::-1])

    assert column(runtime.predict(ROWS), "variable") == pytest.approx(model.predict(X), rel=1e-5)


@pytest.fixture(scope="module")
def forest() -> Any:
    return RandomForestClassifier(10, max_depth=6, random_state=1).fit(X, GRADE)


@pytest.mark.parametrize(
    ("zipmap", "options", "label", "good"),
    [
        (True, {}, "output_label", "output_probability_good"),
        (False, {"fields.probabilities": "p_bad, p_good"}, "label", "p_good"),
        ("columns", {}, "output_label", "sgood"),
    ],
)
def test_a_classifier_gives_its_label_and_probabilities(
    load: Load, forest: Any, zipmap: bool | str, options: dict[str, str], label: str, good: str
) -> None:
    model = to_onnx(forest, X[:1], options={"zipmap": zipmap})
    runtime = load(model, inputs=INPUTS, options=options)

    found = runtime.predict(ROWS)

    assert column(found, label) == forest.predict(X).tolist()
    assert column(found, good) == pytest.approx(forest.predict_proba(X)[:, 1], abs=1e-5)
    promised = {field.name: field.type for field in runtime.metadata().outputs}
    assert promised.keys() == dict(found[0]).keys()
    assert (promised[label], promised[good]) == (TEXT, NUMBER)


def test_probabilities_without_names_are_a_tensor(load: Load, forest: Any) -> None:
    runtime = load(to_onnx(forest, X[:1], options={"zipmap": False}), inputs=INPUTS)

    (first,) = runtime.predict(ROWS[:1])

    assert isinstance(first, dict)
    tensor = first["probabilities"]
    assert isinstance(tensor, Tensor)
    assert list(tensor.shape) == [2]
    assert list(tensor.numbers) == pytest.approx(forest.predict_proba(X[:1])[0], abs=1e-5)
    assert runtime.metadata().outputs[1] == Field(name="probabilities", type=TENSOR)


def test_classes_that_are_numbers_name_their_probabilities_and_keep_their_order(load: Load) -> None:
    model = LogisticRegression(max_iter=1_000).fit(X[:100, 7:], QUALITY[:100].astype(int) - 10)
    runtime = load(to_onnx(model, X[:1, 7:]), inputs=INPUTS[7:], options={"outputs": "output_probability"})

    found = runtime.predict(ROWS[:100])

    expected = model.predict_proba(X[:100, 7:])
    names = [f"output_probability_{label}" for label in model.classes_]
    assert [list(each) for each in found] == [names] * 100
    assert [list(dict(each).values()) for each in found] == [
        pytest.approx(values, abs=1e-4) for values in expected.tolist()
    ]


def test_texts_and_numbers_are_columns_of_their_own_type(load: Load) -> None:
    colours = [["red"], ["white"], ["rosé"]]
    encoder = make_pipeline(OneHotEncoder(sparse_output=False), LinearRegression()).fit(colours, [1, 2, 4])
    model = to_onnx(encoder, initial_types=[("colour", StringTensorType([None, 1]))])
    runtime = load(model)

    found = runtime.predict([{"colour": "rosé"}, {"colour": 3}, {}, {"colour": "red"}])

    assert runtime.metadata().inputs == (Field(name="colour", type=TEXT),)
    assert [found[0], found[3]] == [{"variable": pytest.approx(4)}, {"variable": pytest.approx(1)}]
    assert [each.reason[:30] for each in found[1:3] if isinstance(each, Failure)] == [
        "colour: expected a text for te",
        "colour: missing, and tensor 'c",
    ]


def test_an_optional_number_that_is_missing_is_nan_to_the_model(load: Load) -> None:
    model = make_pipeline(SimpleImputer(), LinearRegression()).fit(X, QUALITY)
    inputs = [Field(name=name, type=NUMBER, optional=True) for name in WINES.names]
    holes = X[:50].copy()
    holes[::2, 3] = holes[::3, 10] = np.nan
    rows = [
        {
            name: None if np.isnan(value) else float(value)
            for name, value in zip(WINES.names, row, strict=True)
        }
        for row in holes
    ]
    del rows[0]["alcohol"]

    found = load(to_onnx(model, X[:1]), inputs=inputs).predict(rows)

    assert column(found, "variable") == pytest.approx(model.predict(holes), rel=1e-5)
