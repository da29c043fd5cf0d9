"""Models made of models: selections, chains, and segments without a prediction."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tests.support.pmml_models import xml
from tests.support.pmml_models.trees import CLASSES, dictionary, ensemble, tree_model
from tests.support.pmml_models.wine import Case, gaps, rows, training

_ROWS = 400
_GRADES = (3, 4, 5, 6, 7, 8)


def _classifiers(count: int, **attributes: Any) -> list[str]:
    data = training()
    fitted = [
        DecisionTreeClassifier(max_depth=3, max_features=2, random_state=n).fit(data.x, data.grade)
        for n in range(count)
    ]
    return [
        tree_model(each.tree_, data, [str(label) for label in each.classes_], **attributes) for each in fitted
    ]


def _regressors(count: int, **attributes: Any) -> list[str]:
    data = training()
    fitted = [
        DecisionTreeRegressor(max_depth=3, max_features=2, random_state=n).fit(data.x, data.y)
        for n in range(count)
    ]
    return [tree_model(each.tree_, data, (), **attributes) for each in fitted]


def _pair(method: str, models: Sequence[str], target: str, output: str, more: str = "") -> str:
    """Return a MiningModel of two segments, the first of them for strong wines; or of that only."""
    predicates = (xml.simple("alcohol", "greaterThan", 10.0), xml.tag("True"))
    segments = "".join(
        xml.tag("Segment", predicate, model, id=place)
        for place, (predicate, model) in enumerate(zip(predicates, models, strict=False))
    )
    model = xml.tag(
        "MiningModel",
        xml.schema(training().names, target),
        xml.outputs(output),
        more,
        xml.tag("Segmentation", segments, multipleModelMethod=method),
        functionName="classification" if target == "grade" else "regression",
    )
    return xml.document(dictionary(training()), model)


def _selections() -> Iterator[Case]:
    given = rows()[:_ROWS]
    own = xml.predicted("inner", "string") + xml.output("share", "probability", value="good")
    shown = xml.probabilities(CLASSES)
    plain, with_outputs = _classifiers(2), _classifiers(2, output=own)
    yield Case("selectFirst", _pair("selectFirst", plain, "grade", shown), given)
    yield Case("selectFirst with outputs", _pair("selectFirst", with_outputs, "grade", shown), given)
    yield Case("modelChain", _pair("modelChain", plain, "grade", shown), given)
    yield Case("modelChain of one", _pair("modelChain", with_outputs[:1], "grade", shown), given)
    kept_back = [each.replace('name="inner"', 'name="inner" isFinalResult="false"') for each in with_outputs]
    yield Case("modelChain with outputs", _pair("modelChain", kept_back[:1], "grade", shown), given)
    numbers = _regressors(2)
    scaled = xml.tag("Targets", xml.tag("Target", field="quality", rescaleFactor=2.0))
    for method in ("selectFirst", "modelChain", "average", "sum"):
        shown = xml.predicted()
        yield Case(f"{method} of one number", _pair(method, numbers[:1], "quality", shown), given)
        if method != "modelChain":
            document = _pair(method, numbers, "quality", shown, scaled)
            yield Case(f"{method} of numbers", document, given)


def _without_prediction() -> Iterator[Case]:
    given = gaps(rows()[:_ROWS], 0.1)
    silent: dict[str, Any] = {"missingValueStrategy": "nullPrediction"}
    classifiers, regressors = _classifiers(3, **silent), _regressors(3, **silent)
    treatments, methods = ("skipSegment", "returnMissing"), ("average", "weightedAverage", "majorityVote")
    for treatment, method in product(treatments, methods):
        model = ensemble(
            method, classifiers, "grade", xml.probabilities(CLASSES), missingPredictionTreatment=treatment
        )
        yield Case(f"{method} {treatment}", xml.document(dictionary(training()), model), given)
    for treatment in ("continue", *treatments):
        model = ensemble(
            "average", regressors, "quality", xml.predicted(), missingPredictionTreatment=treatment
        )
        yield Case(f"average of numbers {treatment}", xml.document(dictionary(training()), model), given)


def _other_classes() -> Iterator[Case]:
    data, given = training(), rows()[:_ROWS]
    fitted = DecisionTreeClassifier(max_depth=4, random_state=1).fit(data.x, data.y.astype(int))
    shown = xml.output("label", "predictedValue", kind="integer", optype="categorical")
    shown += "".join(xml.output(f"p({each})", "probability", value=each) for each in _GRADES)
    tree = tree_model(fitted.tree_, data, [str(label) for label in fitted.classes_], shown)
    fields = xml.numbers((*data.names, "quality")) + xml.category("grade", _GRADES, kind="integer")
    yield Case("integer classes", xml.document(fields, tree), given)
    both = ensemble("average", [tree, tree.replace("<Output>", "<Output>")], "grade", shown)
    yield Case("average of integer classes", xml.document(fields, both), given)
    targets = xml.tag("Targets", xml.tag("Target", xml.tag("TargetValue", value="good"), field="grade"))
    (tree,) = _classifiers(1, output=xml.probabilities(CLASSES))
    tree = tree.replace("</Output>", f"</Output>{targets}")
    yield Case("targets of a classifier", xml.document(dictionary(data), tree), given)


def cases() -> Iterator[Case]:
    """Yield models made of models."""
    yield from _selections()
    yield from _without_prediction()
    yield from _other_classes()
