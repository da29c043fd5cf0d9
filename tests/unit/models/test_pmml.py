"""PMML in a real JVM."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from rendezvous_models.contract import Failure, ModelRuntime, Outputs
from rendezvous_models.errors import BadModelError
from rendezvous_models.validation import InputValidator
from scoring.v1.control_pb2 import FieldType

from tests.support import pmml

Load = Callable[[bytes], ModelRuntime]
NUMBER, INTEGER = FieldType.FIELD_TYPE_NUMBER, FieldType.FIELD_TYPE_INTEGER
FLAG, TEXT = FieldType.FIELD_TYPE_FLAG, FieldType.FIELD_TYPE_TEXT


def _one(runtime: ModelRuntime, row: dict[str, Any]) -> Outputs | Failure:
    (prediction,) = runtime.predict([row])
    return prediction


@pytest.mark.parametrize("rows", [1, 2, 3, 64, 1_000])
def test_a_batch_of_any_size_is_scored_row_by_row_in_order(load_pmml: Load, rows: int) -> None:
    runtime = load_pmml(pmml.regression({"alcohol": 0.25, "pH": 2.0}, 1.0))

    predictions = runtime.predict([{"alcohol": float(n), "pH": 3} for n in range(rows)])

    assert predictions == [{"quality": 7.0 + n / 4} for n in range(rows)]


def test_no_rows_give_no_predictions(load_pmml: Load) -> None:
    assert load_pmml(pmml.regression({"a": 1.0})).predict([]) == []


def test_outputs_are_plain_values_of_python(load_pmml: Load) -> None:
    runtime = load_pmml(pmml.two_class_tree("alcohol", 10.0))

    for size in (1, 2):
        predictions = runtime.predict([{"alcohol": 12.0}] * size)
        assert predictions == [{"grade": "good", "p_good": 0.9}] * size
        first = predictions[0]
        assert isinstance(first, dict)
        assert [type(value) for value in first.values()] == [str, float]
        assert json.dumps(first)


def test_more_features_than_the_model_has_inputs_do_no_harm(load_pmml: Load) -> None:
    runtime = load_pmml(pmml.regression({"a": 1.0}))

    assert _one(runtime, {"a": 2.0, "b": "x", "c": None}) == {"quality": 2.0}


def test_field_names_may_have_spaces_dots_and_quotes(load_pmml: Load) -> None:
    runtime = load_pmml(pmml.regression({"fixed acidity": 1.0, "a.b": 2.0, 'q"<&': 4.0}))

    assert _one(runtime, {"fixed acidity": 1.0, "a.b": 1.0, 'q"<&': 1.0}) == {"quality": 7.0}


def test_a_forest_averages_its_trees(load_pmml: Load) -> None:
    names = ["a", "b"]
    alone = [load_pmml(pmml.forest(names, trees=1, depth=3, seed=1)) for _ in range(2)]
    row = {"a": 0.4, "b": 0.6}

    first, again = (_one(runtime, row) for runtime in alone)

    assert first == again
    assert isinstance(_one(load_pmml(pmml.forest(names, trees=50, depth=3)), row), dict)


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"a": None, "b": 1.0},
        {"a": "x", "b": 1.0},
        {"a": float("nan"), "b": 1.0},
        {"a": float("inf"), "b": 1.0},
        {"a": 1e308, "b": 1e308},
        {"a": b"bytes", "b": 1.0},
        {"a": object(), "b": 1.0},
        {"a": 10**400, "b": 1.0},
    ],
)
def test_a_row_without_a_finite_output_fails_alone(load_pmml: Load, row: dict[str, object]) -> None:
    runtime = load_pmml(pmml.regression({"a": 1.0, "b": 1.0}))
    good = {"a": 1.0, "b": 1.0}

    alone = _one(runtime, row)
    before, bad, after = runtime.predict([good, row, good])  # type: ignore[list-item]  # not plain: the case

    assert isinstance(alone, Failure)
    assert isinstance(bad, Failure)
    assert alone.reason
    assert before == after == {"quality": 2.0}


def test_a_row_that_a_classifier_has_no_answer_to_fails(load_pmml: Load) -> None:
    runtime = load_pmml(pmml.two_class_tree("alcohol", 10.0))

    assert _one(runtime, {}) == Failure("output p_good is nan: not a finite number")


def test_a_missing_integer_or_flag_is_missing_and_not_nought(load_pmml: Load) -> None:
    fields = (
        '<DataField name="i" optype="continuous" dataType="integer"/>'
        '<DataField name="f" optype="categorical" dataType="boolean"/>'
    )
    mining = (
        '<MiningField name="i" missingValueReplacement="3"/>'
        '<MiningField name="f" missingValueReplacement="true"/>'
    )
    predictors = (
        '<NumericPredictor name="i" coefficient="1"/>'
        '<CategoricalPredictor name="f" value="true" coefficient="10"/>'
    )
    runtime = load_pmml(pmml.typed_regression(fields, mining, predictors))

    rows = [{"i": 1, "f": False}, {"i": None, "f": False}, {"i": 1}, {}]
    expected = [{"quality": value} for value in (2.0, 4.0, 12.0, 14.0)]
    assert runtime.predict(rows) == expected  # type: ignore[arg-type]
    assert [_one(runtime, row) for row in rows] == expected  # type: ignore[arg-type]


def test_a_float_has_32_bits(load_pmml: Load) -> None:
    field = '<DataField name="x" optype="continuous" dataType="float"/>'
    runtime = load_pmml(
        pmml.typed_regression(
            field, '<MiningField name="x"/>', '<NumericPredictor name="x" coefficient="1"/>'
        )
    )

    assert runtime.predict([{"x": 0.1}, {"x": 0.5}]) == [{"quality": 1.1000000014901161}, {"quality": 1.5}]


def test_metadata_has_the_document_s_types_categories_and_ranges(load_pmml: Load) -> None:
    fields = (
        '<DataField name="n" optype="continuous" dataType="double">'
        '<Interval closure="closedClosed" leftMargin="0" rightMargin="14"/></DataField>'
        '<DataField name="i" optype="continuous" dataType="integer"/>'
        '<DataField name="c" optype="categorical" dataType="string">'
        '<Value value="red"/><Value value="white"/><Value value="?" property="missing"/></DataField>'
        '<DataField name="f" optype="categorical" dataType="boolean"/>'
        '<DataField name="lenient" optype="categorical" dataType="string"><Value value="x"/></DataField>'
    )
    mining = (
        '<MiningField name="n"/><MiningField name="i" missingValueReplacement="3"/><MiningField name="c"/>'
        '<MiningField name="f"/><MiningField name="lenient" invalidValueTreatment="asIs"/>'
    )
    predictors = '<NumericPredictor name="n" coefficient="1"/><NumericPredictor name="i" coefficient="1"/>'
    runtime = load_pmml(pmml.typed_regression(fields, mining, predictors))

    named = {field.name: field for field in runtime.metadata().inputs}

    assert [(name, field.type, field.optional) for name, field in named.items()] == [
        ("n", NUMBER, False),
        ("i", INTEGER, True),
        ("c", TEXT, False),
        ("f", FLAG, False),
        ("lenient", TEXT, False),
    ]
    assert (named["n"].minimum, named["n"].maximum) == (0, 14)
    assert list(named["c"].categories) == ["red", "white"]
    assert not named["lenient"].categories
    assert [(field.name, field.type) for field in runtime.metadata().outputs] == [("quality", NUMBER)]


def test_a_model_without_declared_fields_is_validated_by_its_own(load_pmml: Load) -> None:
    runtime = load_pmml(pmml.regression({"alcohol": 1.0}))
    validator = InputValidator((), runtime.metadata())

    assert validator.problem({"alcohol": 9.4}) == ""
    assert validator.problem({"alcohol": "much"}) == "alcohol: expected a number, got text 'much'"
    assert validator.problem({}) == "alcohol: expected a number, got nothing"


def test_several_threads_can_predict_beside_each_other(load_pmml: Load) -> None:
    runtime = load_pmml(pmml.forest(["a", "b"], trees=5, depth=4))
    rows = [{"a": n / 50, "b": 1 - n / 50} for n in range(50)]
    expected = runtime.predict(rows)
    wrong: list[int] = []

    def work() -> None:
        wrong.extend(n for n in range(20) if runtime.predict(rows) != expected)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_an_unloaded_model_fails_every_row(load_pmml: Load) -> None:
    runtime = load_pmml(pmml.regression({"a": 1.0}))
    runtime.unload()

    assert not runtime.ready
    assert runtime.predict([{"a": 1.0}] * 2) == [Failure("the model is not loaded")] * 2


@pytest.mark.parametrize("document", [b"<PMML/>", b'<PMML version="4.4"><Header/></PMML>'])
def test_a_document_that_the_evaluator_refuses_is_a_bad_model(load_pmml: Load, document: bytes) -> None:
    with pytest.raises(BadModelError, match="refuses the PMML document"):
        load_pmml(document)


_LEAVES = """
import sys, threading
from pathlib import Path
from rendezvous_models.contract import RuntimeOptions, create_runtime
from scoring.v1.control_pb2 import Model
assert "jpype" not in sys.modules
runtime = create_runtime(Model(type="pmml"), RuntimeOptions(jvm_heap_mb=64))
loads = [lambda: runtime.load(Path(sys.argv[1]))] * 8
for work in (*loads, lambda: print(runtime.predict([{"a": 2.0}] * 2))):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
"""


def test_a_process_that_loaded_models_ends_by_itself(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("leaves") / "model.pmml"
    path.write_bytes(pmml.regression({"a": 1.0}))

    done = subprocess.run(
        [sys.executable, "-c", _LEAVES, str(path)], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stdout) == (0, "[{'quality': 2.0}, {'quality': 2.0}]\n"), done.stderr
