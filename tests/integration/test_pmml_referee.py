"""The PMML runtime against another evaluator: the same documents, the same rows, the same answers."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from rendezvous_models.contract import Failure, ModelRuntime, RuntimeOptions, create_runtime
from rendezvous_models.validation import InputValidator
from scoring.v1.control_pb2 import Model

from tests.support.pmml_models import linear, neural, pipelines, scorecards, segments, trees, vectors
from tests.support.pmml_models.wine import Case
from tests.support.referee import Referee

_GROUPS: Mapping[str, Callable[[], Iterator[Case]]] = {
    "trees": trees.single,
    "forests": trees.ensembles,
    "boosted trees": trees.boosted,
    "segments": segments.cases,
    "regressions": linear.numeric,
    "logistic regressions": linear.logistic,
    "generalised linear models": linear.generalised,
    "general classifiers": linear.classifiers,
    "neural networks": neural.cases,
    "support vector machines": vectors.machines,
    "k-means": vectors.clusters,
    "naive Bayes": vectors.bayes,
    "scorecards": scorecards.cards,
    "rule sets": scorecards.rules,
    "associations": scorecards.associations,
    "expressions": pipelines.expressions,
    "treatments": pipelines.treatments,
    "predicates": pipelines.predicates,
}


@pytest.fixture(scope="module")
def referee() -> Iterator[Referee]:
    with Referee() as running:
        yield running


@pytest.mark.parametrize("group", _GROUPS)
def test_the_runtime_says_what_the_referee_says(group: str, referee: Referee, tmp_path: Path) -> None:
    wrong: list[str] = []
    scored = Counter[str]()
    for case in _GROUPS[group]():
        telling = referee.ask(case.judged or case.document, case.rows)
        try:
            runtime = _loaded(case, tmp_path)
            validator = InputValidator((), runtime.metadata())
            predictions = runtime.predict(case.rows)
        finally:
            told = telling()
        of_case = Counter[str]()
        for row, prediction, other in zip(case.rows, predictions, told, strict=True):
            verdict = _verdict(validator.problem(row), prediction, other)
            of_case[verdict] += 1
            if verdict == "wrong" and len(wrong) < 10:
                wrong.append(f"{case.name}: {prediction} but {other}")
        assert of_case["same"] >= 50, f"{case.name} shows nothing: {of_case}"
        scored += of_case

    assert not wrong, "\n".join(wrong)
    assert scored["same"] >= 1_000


def _loaded(case: Case, folder: Path) -> ModelRuntime:
    path = folder / "model.pmml"
    path.write_text(case.document, encoding="utf-8")
    runtime = create_runtime(Model(type="pmml"), RuntimeOptions(jvm_heap_mb=256))
    runtime.load(path)
    return runtime


def _verdict(problem: str, prediction: Mapping[str, Any] | Failure, told: Mapping[str, Any]) -> str:
    """Return "same" for the same outputs, "none" where neither has any, "refused", or "wrong"."""
    other = told.get("outputs", {})
    if problem:
        return "refused"
    usable = any(value is not None for value in other.values())
    if isinstance(prediction, Failure):
        finite = all(math.isfinite(each) for each in other.values() if isinstance(each, float))
        return "wrong" if usable and finite else "none"
    if "MissingArgument" in told.get("error", ""):
        # To the specification such a function has no result; the referee gives up the row.
        return "none" if None in prediction.values() else "wrong"
    if not usable or not prediction.keys() <= other.keys():
        return "wrong"
    same = {name: _same(value, other[name]) for name, value in prediction.items()}
    return "same" if all(same.values()) or _is_tie(prediction, same) else "wrong"


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(theirs, str):
        theirs = theirs.removeprefix("[").removesuffix("]")  # sets of items
    return bool(ours == theirs)


def _is_tie(prediction: Mapping[str, Any], same: Mapping[str, bool]) -> bool:
    """Whether only the label differs and two classes have the same, highest probability."""
    shares = sorted((value for name, value in prediction.items() if name.startswith("p(")), reverse=True)
    differing = {name for name, equal in same.items() if not equal}
    return differing == {"label"} and len(shares) > 1 and math.isclose(shares[0], shares[1], rel_tol=1e-9)


def test_the_referee_tells_a_wrong_score(referee: Referee) -> None:
    case = next(linear.numeric())

    (told,) = referee.score(case.document, case.rows[:1])
    right = {"quality": told["outputs"]["quality"]}

    assert _verdict("", right, told) == "same"
    assert _verdict("", {"quality": right["quality"] * (1 + 1e-8)}, told) == "wrong"
    assert _verdict("", Failure("no"), told) == "wrong"
    assert json.dumps(right)
