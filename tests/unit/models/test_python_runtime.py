"""Models that entry points of an installed distribution make."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from rendezvous_models.contract import Failure, RuntimeOptions, create_runtime
from rendezvous_models.errors import BadModelError, RuntimeUnavailableError
from scoring.v1.control_pb2 import Field, FieldType, Model
from scoring.v1.value_pb2 import Tensor
from sklearn.ensemble import RandomForestClassifier

from examples.wine.dataset import read_wines
from tests.support.python_models import install

NUMBER, TEXT = FieldType.FIELD_TYPE_NUMBER, FieldType.FIELD_TYPE_TEXT
WINES: Final = read_wines()
X: Final = np.array(WINES.features)[:400]
GRADE: Final = np.where(np.array(WINES.quality)[:400] > 5, "good", "bad")
ROWS: Final[list[Any]] = [dict(zip(WINES.names, row, strict=True)) for row in WINES.features[:400]]
INPUTS: Final = [Field(name=name, type=NUMBER) for name in WINES.names]

CODE: Final = """
import math
import numpy as np
import pandas as pd
from examples.wine.dataset import read_wines
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

class Halver:
    def __init__(self, of, by=2.0):
        self.of, self.by = of, by
    def __call__(self, rows):
        halves = [row.pop(self.of) / self.by for row in rows]
        return [{"half": half, "odd": half % 1 > 0} for half in halves]

def forest(trees):
    wines = read_wines()
    grade = np.where(np.array(wines.quality)[:400] > 5, "good", "bad")
    return RandomForestClassifier(trees, random_state=0).fit(np.array(wines.features)[:400], grade)

def columns():
    frame = pd.DataFrame({"colour": ["red", "white", "red", "rose"], "alcohol": [9.0, 10.0, 11.0, 12.0]})
    encode = ColumnTransformer([("c", OneHotEncoder(), ["colour"])], remainder="passthrough")
    return make_pipeline(encode, LinearRegression()).fit(frame, [1.0, 5.0, 3.0, 9.0])

def two_targets():
    return LinearRegression().fit([[0.0], [1.0]], [[1.0, 2.0], [3.0, 5.0]])

def ordered():
    frame = pd.DataFrame({"b": [0.0, 1.0, 0.0], "a": [0.0, 0.0, 1.0]})
    return LinearRegression().fit(frame, [0.0, 10.0, 1.0])

def sayings(said):
    values = {"nan": math.nan, "none": None, "set": {1}, "empty": {}, "array": np.ones((2, 1)),
              "list": [1, 2], "scalar": np.float32(0.5), "words": ["a"], "raised": ValueError("no such wine")}
    return lambda rows: [values[said] for _ in rows]

def short():
    return lambda rows: [1.0] * (len(rows) - 1)

def broken():
    raise OSError("the weights are gone")

class Odd:
    feature_names_in_ = 5
    def predict(self, table):
        return table

nothing = lambda: 5
constant = 5
"""
NAMES: Final = {
    "halver": "wine_models:Halver",
    "gone": "wine_models:gone",
    "odd": "wine_models:Odd",
    "missing": "no_such_package.at_all:factory",
} | {
    name: f"wine_models:{name}"
    for name in (
        "forest",
        "columns",
        "two_targets",
        "ordered",
        "sayings",
        "short",
        "broken",
        "nothing",
        "constant",
    )
}

Load = Callable[..., Any]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    install(tmp_path, "wine_models", CODE, NAMES)
    monkeypatch.syspath_prepend(str(tmp_path))

    def load(document: Any, **descriptor: Any) -> Any:
        path = tmp_path / "model.json"
        path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        runtime = create_runtime(Model(type="python", **descriptor), RuntimeOptions())
        runtime.load(path)
        return runtime

    yield load
    sys.modules.pop("wine_models", None)


# Functions of rows.


def test_a_function_of_rows_gets_the_parameters_and_copies_of_the_rows(load: Load) -> None:
    runtime = load(
        {"entry_point": "halver", "parameters": {"of": "alcohol"}, "version": "1.2.0"}, inputs=INPUTS
    )
    rows = [{"alcohol": 9.0, "pH": 3.0}, {"alcohol": 10.0}]

    assert runtime.predict(rows) == [{"half": 4.5, "odd": True}, {"half": 5.0, "odd": False}]
    assert rows == [{"alcohol": 9.0, "pH": 3.0}, {"alcohol": 10.0}]
    assert runtime.metadata().inputs == tuple(INPUTS)


def test_a_row_on_which_a_function_raises_fails_alone(load: Load) -> None:
    runtime = load({"entry_point": "halver", "parameters": {"of": "alcohol", "by": 1}})

    found = runtime.predict([{"alcohol": 9.0}, {}, {"alcohol": "x"}, {"alcohol": 3.0}])

    assert [found[0], found[3]] == [{"half": 9.0, "odd": False}, {"half": 3.0, "odd": False}]
    assert found[1] == Failure("the model failed: KeyError: 'alcohol'")
    assert found[2].reason.startswith("the model failed: TypeError: ")


@pytest.mark.parametrize(
    ("said", "outputs"),
    [
        ("scalar", {"prediction": 0.5}),
        ("array", {"prediction": Tensor(shape=[2, 1], numbers=[1, 1])}),
        ("list", {"prediction": Tensor(shape=[2], numbers=[1, 2])}),
        ("nan", Failure("output prediction is nan: not a finite number")),
        ("none", Failure("the model has no output for this input")),
        ("empty", Failure("the model has no output for this input")),
        ("set", Failure("output prediction is a set, which no field can hold")),
        ("words", Failure("output prediction is a list that is not all numbers")),
        ("raised", Failure("the model failed: ValueError: no such wine")),
    ],
)
def test_what_a_function_says_of_a_row_is_outputs_or_why_there_are_none(
    load: Load, said: str, outputs: object
) -> None:
    runtime = load({"entry_point": "sayings", "parameters": {"said": said}})

    assert runtime.predict([{}, {}]) == [outputs] * 2


def test_the_only_output_that_is_declared_names_a_bare_value(load: Load) -> None:
    runtime = load(
        {"entry_point": "sayings", "parameters": {"said": "scalar"}}, outputs=[Field(name="quality")]
    )

    assert runtime.predict([{}]) == [{"quality": 0.5}]


def test_a_function_that_forgets_a_row_fails_and_says_so(load: Load) -> None:
    found = load({"entry_point": "short"}).predict([{}, {}])

    assert found == [Failure("the model gave 0 outputs for 1 rows")] * 2


# Objects with predict.


def test_a_classifier_says_what_it_says_in_scikit_learn(load: Load) -> None:
    forest = RandomForestClassifier(20, random_state=0).fit(X, GRADE)
    document = {"entry_point": "forest", "parameters": {"trees": 20}}

    runtime = load(document, inputs=INPUTS, options={"fields.predict": "grade"})
    found = runtime.predict(ROWS)

    assert [each["grade"] for each in found] == forest.predict(X).tolist()
    assert [each["probability_good"] for each in found] == forest.predict_proba(X)[:, 1].tolist()
    assert [(field.name, field.type) for field in runtime.metadata().outputs] == [
        ("grade", TEXT),
        ("probability_bad", NUMBER),
        ("probability_good", NUMBER),
    ]


def test_an_object_that_knows_its_features_gets_them_by_name_and_type(load: Load) -> None:
    runtime = load(
        {"entry_point": "columns"}, inputs=[Field(name="alcohol"), Field(name="colour", type=TEXT)]
    )

    found = runtime.predict(
        [{"colour": "red", "alcohol": 9.0}, {"colour": 5, "alcohol": 1}, {"colour": "pink", "alcohol": 1}]
    )

    assert found[0]["predict"] == pytest.approx(1.0)
    assert found[1].reason.startswith("colour: expected a text")
    assert "pink" in found[2].reason


def test_the_order_of_the_features_is_the_objects_and_not_the_descriptors(load: Load) -> None:
    declared = [Field(name="a", type=NUMBER), Field(name="b", type=NUMBER)]

    for inputs in ([], declared):
        (found,) = load({"entry_point": "ordered"}, inputs=inputs).predict([{"a": 1.0, "b": 2.0}])
        assert found["predict"] == pytest.approx(21.0)


def test_a_regression_of_several_targets_gives_the_declared_outputs(load: Load) -> None:
    outputs = [Field(name="low", type=NUMBER), Field(name="high", type=NUMBER)]

    (found,) = load({"entry_point": "two_targets"}, inputs=INPUTS[:1], outputs=outputs).predict(
        [{INPUTS[0].name: 2.0}]
    )

    assert found == {"low": pytest.approx(5.0), "high": pytest.approx(8.0)}


def test_more_fields_than_an_object_has_features_are_refused(load: Load) -> None:
    with pytest.raises(BadModelError, match=r"takes \[1\] a row, which these 11 fields do not fill"):
        load({"entry_point": "two_targets"}, inputs=INPUTS)


# What is refused.


@pytest.mark.parametrize(
    ("document", "error", "reason"),
    [
        (b"", BadModelError, "is a JSON document"),
        (b"\x80\x04\x95", BadModelError, "is a JSON document"),
        (b"[" * 100_000, BadModelError, "is a JSON document"),
        (b'{"entry_point": "halver"', BadModelError, "is a JSON document"),
        (b" " * (1 << 20) + b"{}", BadModelError, "allowed are 1048576"),
        (b'{"entry_point": "halver", "parameters": {"by": NaN}}', BadModelError, "NaN is no JSON"),
        ([], BadModelError, "no object such as"),
        ({}, BadModelError, "must name an entry point"),
        ({"entry_point": 1}, BadModelError, "must name an entry point"),
        ({"entry_point": "halver", "module": "os"}, BadModelError, "has the key 'module'; known are"),
        ({"entry_point": "halver", "parameters": []}, BadModelError, "parameters must be an object"),
        ({"entry_point": "halver", "version": 1}, BadModelError, "version must be a text"),
        ({"entry_point": "halver", "version": "1.3"}, RuntimeUnavailableError, "version 1.3 .* 1.2.0 is"),
        ({"entry_point": "os:system"}, RuntimeUnavailableError, "has 'os:system'.*are:.* halver"),
        ({"entry_point": "wine_models:Halver"}, RuntimeUnavailableError, "no installed distribution"),
        ({"entry_point": "missing"}, RuntimeUnavailableError, "lacks a part .*no_such_package"),
        ({"entry_point": "gone"}, BadModelError, "cannot be imported: AttributeError"),
        ({"entry_point": "constant"}, BadModelError, "leads to a int, which is no factory"),
        ({"entry_point": "halver"}, BadModelError, "'halver' raised TypeError: .*of"),
        ({"entry_point": "broken"}, BadModelError, "raised OSError: the weights are gone"),
        ({"entry_point": "odd"}, BadModelError, "the Odd that was made is no model: TypeError"),
        ({"entry_point": "nothing"}, BadModelError, "made a int, which neither has predict"),
    ],
)  # fmt: skip
def test_a_document_that_leads_to_no_model_is_refused(
    load: Load, document: Any, error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        load(document)


def test_a_name_that_two_distributions_have_is_refused(load: Load, tmp_path: Path) -> None:
    install(tmp_path, "other_models", "", {"halver": "other_models:Halver"})

    with pytest.raises(
        RuntimeUnavailableError, match="several distributions have 'halver': other_models, wine_models"
    ):
        load({"entry_point": "halver"})


def test_a_model_that_is_refused_imports_nothing(load: Load) -> None:
    with pytest.raises(RuntimeUnavailableError):
        load({"entry_point": "halver", "version": "0"})

    assert "wine_models" not in sys.modules
